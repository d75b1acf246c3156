"""What a visitor sees of trainings: the one under way, the one that ended, the queue, and the runs there are.

Everything shown is read from the run's folder, so that a refresh, a second tab or another visitor sees the same.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile

import streamlit as st
from babel.dates import format_datetime, format_timedelta, get_timezone

from core.config import TrainConfig
from core.data.manifest import Dataset
from core.errors import UserError
from core.i18n import N_
from core.jobs import service
from core.jobs.kinds import TRAINING
from core.results import metrics, runs
from core.results.runs import Progress, Run
from core.storage import job_folder
from ui import page
from ui.augment import lab
from ui.i18n import _, class_name, language, percent, plain, say
from ui.train import hyperparameters
from ui.widgets import charts

STAGES = {
    "waiting": N_("Queued"),
    "starting": N_("Starting"),
    "reading": N_("Loading images"),
    "describing": N_("Extracting features"),
    "measuring": N_("Choosing the fastest number format"),
    "training": N_("Training"),
    "evaluating": N_("Evaluating"),
}
OPENED = "run_opened"  # the run that the session has shown last
RUNS_SHOWN, QUEUE_SHOWN = 4, 3
OLDER_SHOWN = 20  # at once
BROKEN_SHOWN = 20
CONFUSED_SHOWN = charts.MOST // 2  # pairs


def choose_dataset(shown: str | None) -> None:
    """Have the page choose the data set of the run that is `shown`, when it comes to be shown."""
    if shown and shown != st.session_state.get(OPENED):
        with suppress(UserError):  # `show` says what is wrong with it
            st.session_state["dataset_wish"] = runs.find(shown).dataset
    st.session_state[OPENED] = shown


def follow(key: str) -> None:
    """Show this run from now on; the address carries it over a refresh, into a second tab or to another person."""
    st.query_params["run"] = key
    st.rerun()


def submit(config: TrainConfig, dataset: Dataset) -> None:
    """Ask for a run and follow it. One that is finished already is the answer, and is called so."""
    run = service.engine().train(config, dataset)
    if run.state == "done":
        text = _("Answered from the cache: trained on {date} in {time}.")
        page.flash(text.format(date=date(run.changed), time=duration(run.seconds)), icon=":material/bolt:")
    st.session_state[OPENED] = run.key  # it may be that of an equal data set, which is not the one that is chosen
    follow(run.key)


def show(key: str, dataset: Dataset) -> None:
    """The run the address names, in whatever state it is. `dataset` is the one that is chosen beside it."""
    try:
        run = runs.find(key)
    except UserError as error:
        if key in [broken.key for broken in runs.unreadable()]:
            raise
        raise UserError("There is no run '{key}' here. It was deleted, or the link is incomplete.", key=key) from error
    with st.container(border=True):
        st.subheader(f"{hyperparameters.named(run.config)} · {plain(run.dataset)}", anchor=False)
        _settings(run, dataset)
        if run.live:
            _live(run.key)
        else:
            ENDED[run.state](run)
        lab.fed(run)


def _settings(run: Run, dataset: Dataset) -> None:
    changes = ", ".join(hyperparameters.changed(run.config, dataset))
    st.caption(_("Changed settings: {list}").format(list=changes) if changes else _("Default settings"))
    if changes and dataset.kind:
        st.button(_("Use these settings"), icon=":material/tune:", type="tertiary",
                  on_click=hyperparameters.take, args=(run.config, dataset))  # fmt: skip


@page.fragment(run_every=1.0)
def _live(key: str) -> None:
    run = runs.find(key)
    if not run.live:
        st.rerun()  # the whole page, once: results appear and this fragment is gone
    progress = runs.progress(key) if run.state == "running" else Progress()
    st.progress(progress.share, text=_in_words(progress))
    if job_folder.is_stale(run, progress):
        st.warning(
            _(
                "The worker is being replaced. Training resumes from the last finished epoch; if it does not, cancel "
                "and resume it."
            ),
            icon=":material/sync_problem:",
        )
    if run.state == "queued":
        before = list(takewhile(lambda other: other.key != key, runs.queue()))
        st.markdown(
            _("Runs ahead in the queue: {n}. You can leave; training starts automatically.").format(n=len(before))
        )
    elif progress.epoch:
        _figures(progress)
    else:
        st.caption(_computed_on(progress))
    if st.button(_("Cancel"), icon=":material/stop_circle:", key=f"cancel_{key}"):
        service.engine().cancel(TRAINING, key)
        st.rerun()
    history = runs.history(key)
    if history:
        st.altair_chart(charts.curves(history, progress.epochs), key=f"live_curves_{key}")


def _in_words(progress: Progress) -> str:
    """The stage, how far it is, and the time left: "Training · epoch 3 of 15 · about 20 seconds left"."""
    parts = [_(STAGES[progress.stage])]
    if progress.stage == "training" and progress.epoch:  # before the first step, nobody says in which one it is
        parts.append(_("epoch {n} of {total}").format(n=progress.epoch, total=progress.epochs))
    elif progress.stage in ("reading", "describing") and progress.steps:
        parts.append(_("{done} of {total} images").format(done=progress.step, total=progress.steps))
    if progress.eta_s is not None:
        parts.append(_("about {time} left").format(time=duration(progress.eta_s)))
    return " · ".join(parts)


def stage(run: Run) -> str:
    """What a waiting or running training does now, in words."""
    return _in_words(runs.progress(run.key) if run.state == "running" else Progress())


def _figures(progress: Progress) -> None:
    with st.grid(2, min_column_width=120):
        st.metric(_("Accuracy in training"), "–" if progress.accuracy is None else percent(progress.accuracy))
        st.metric(_("Loss in training"), "–" if progress.loss is None else f"{progress.loss:.3f}")
    st.caption(_computed_on(progress))


def _computed_on(progress: Progress) -> str:
    """Device, number format and speed, as far as they are known: "CPU · bfloat16 · 515 images/s"."""
    speed = progress.images_per_second
    speed = _("{n} images/s").format(n=f"{speed:,.0f}") if speed else ""
    return " · ".join(part for part in (progress.device, progress.dtype, speed) if part)


def _done(run: Run) -> None:
    evaluation = runs.evaluation(run.key)
    history = runs.history(run.key)
    split = "test" if "test" in evaluation else "validation"
    if split in evaluation:
        result = evaluation[split]
        st.markdown(
            _("**{share} accuracy** on {n} {split} images that it was not trained on.").format(
                share=percent(result["accuracy"]), n=result["n"], split=_(charts.SPLITS[split])
            )
        )
    with st.grid(2, min_column_width=120):
        for name, result in evaluation.items():
            interval = _("{low} to {high}").format(low=f"{result['low']:.1%}", high=f"{result['high']:.1%}")
            st.metric(
                _("Accuracy on {split}").format(split=_(charts.SPLITS[name])), percent(result["accuracy"]), interval,
                delta_color="off", delta_arrow="off",
                help=_("Accuracy with its 95% interval: the fewer images, the wider."),
            )  # fmt: skip
    if run.config.kind == "drawing":
        page.link("Sketch", _("Try it live"), run=run.key)
    else:
        page.link("Predict", _("Classify an image"), run=run.key)
    took = _("Trained in {time}, {n} epochs").format(time=duration(run.seconds), n=len(history.get("loss", ())))
    st.caption(" · ".join(part for part in (took, date(run.changed), _computed_on(runs.progress(run.key))) if part))
    if history:
        st.altair_chart(charts.curves(history), key=f"curves_{run.key}")
    if split in evaluation:
        st.markdown(_("Confusion matrix, on {split} images").format(split=_(charts.SPLITS[split])))
        _confusion(evaluation[split]["confusion"], run)


def _confusion(matrix: list[list[int]], run: Run) -> None:
    """The whole matrix, or of many classes those that are confused most often."""
    shown = None
    if len(run.classes) > charts.MOST:
        pairs = metrics.most_confused(matrix, CONFUSED_SHOWN)
        if not pairs:
            st.caption(_("No images are misclassified."))
            return
        names = [plain(class_name(label)) for label in run.classes]
        truth, answer, images = _("True class"), _("Predicted"), _("Images")
        st.table({
            truth: [names[a] for a, _b, _n in pairs],
            answer: [names[b] for _a, b, _n in pairs],
            images: [_("{n} of {total}").format(n=n, total=sum(matrix[a])) for a, _b, n in pairs],
        }, border="horizontal", hide_header=False, alt=_("Most confused classes"))  # fmt: skip
        shown = sorted({index for a, b, _n in pairs for index in (a, b)})
        text = _("The most confused pairs among {total} classes, and the {n} classes involved:")
        st.caption(text.format(total=f"{len(run.classes):,}", n=len(shown)))
    st.altair_chart(charts.confusion(matrix, run.classes, shown), key=f"confusion_{run.key}")


def _failed(run: Run) -> None:
    st.error(say(UserError(run.message, **run.values)), icon=":material/error:")
    _again(run, _("Train again"))


def _cancelled(run: Run) -> None:
    epochs = len(runs.history(run.key).get("loss", ()))
    text = _("Cancelled after {n} finished epochs. You can resume from there.")
    st.info(text.format(n=epochs), icon=":material/pause_circle:")
    _again(run, _("Resume"))


ENDED = {"done": _done, "failed": _failed, "cancelled": _cancelled}


def _again(run: Run, label: str) -> None:
    if st.button(label, icon=":material/replay:"):
        submit(run.config, runs.dataset_of(run))


def queue(shown: str | None) -> None:
    """What is being trained and what waits, for all visitors, except the run that is `shown` above."""
    if _others(shown):
        _queue(shown)


def _others(shown: str | None) -> list[Run]:
    return [run for run in runs.queue() if run.key != shown]


@page.fragment(run_every=3.0)
def _queue(shown: str | None) -> None:
    live = _others(shown)
    if not live:
        st.rerun()  # the whole page, once: an idle page asks for nothing
    st.subheader(_("Queue"), anchor=False)
    for run in live[:QUEUE_SHOWN]:
        _waiting(run)
    if live[QUEUE_SHOWN:]:
        with st.expander(_("And {n} more").format(n=len(live) - QUEUE_SHOWN)):
            for run in live[QUEUE_SHOWN:][:OLDER_SHOWN]:
                _waiting(run)
            if live[QUEUE_SHOWN:][OLDER_SHOWN:]:
                st.caption(_("and {n} more").format(n=len(live) - QUEUE_SHOWN - OLDER_SHOWN))


def _waiting(run: Run) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        state = _("in progress") if run.state == "running" else _("waiting")
        st.markdown(f"{hyperparameters.named(run.config)} · {plain(run.dataset)} · {state}", width="stretch")
        if st.button(_("Follow"), icon=":material/visibility:", key=f"follow_{run.key}"):
            follow(run.key)
        if st.button(_("Cancel"), icon=":material/stop_circle:", key=f"cancel_queued_{run.key}"):
            service.engine().cancel(TRAINING, run.key)
            st.rerun()


def past(dataset: Dataset, shown: str | None) -> None:
    """The runs of this data set that have ended, newest first, and those of any that cannot be read.

    A run of an identical data set is a run of this one too.
    """
    found = [
        run for run in runs.every()
        if not run.live and (run.dataset == dataset.name or run.config.fingerprint == dataset.fingerprint)
    ]  # fmt: skip
    _unreadable(shown)
    if not found and shown:
        return
    st.subheader(_("Runs of this data set"), anchor=False)
    if not found:
        st.caption(_("None yet. Repeating the same settings returns the saved result."))
    for run in found[:RUNS_SHOWN]:
        _row(run, dataset, shown)
    if found[RUNS_SHOWN:]:
        with st.expander(_("Older runs: {n}").format(n=len(found) - RUNS_SHOWN)):
            older = found[RUNS_SHOWN:]
            pages = -(-len(older) // OLDER_SHOWN)
            number = st.pagination(pages, key=f"older_{dataset.name}") if pages > 1 else 1
            for run in older[(number - 1) * OLDER_SHOWN : number * OLDER_SHOWN]:
                _row(run, dataset, shown)


def _row(run: Run, dataset: Dataset, shown: str | None) -> None:
    states = {"failed": _("failed"), "cancelled": _("cancelled")}
    outcome = states.get(run.state) or _("{share} accuracy").format(share=percent(run.accuracy or 0))
    took = [duration(run.seconds)] if run.seconds else []
    details = [*hyperparameters.changed(run.config, dataset), *took, date(run.changed)]
    if run.config.fingerprint != dataset.fingerprint:
        details.append(_("before the data set changed"))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"{hyperparameters.named(run.config)} · **{outcome}**")
            st.caption(" · ".join(details))
        if st.button(_("Open"), key=f"open_{run.key}", disabled=run.key == shown):
            follow(run.key)
        _delete(run.key, shown)


def _delete(key: str, shown: str | None) -> None:
    with st.popover("", icon=":material/delete:", help=_("Delete this run"), key=f"ask_{key}"):
        st.markdown(_("The model and its results are deleted for all users. Training again recreates them."))
        if st.button(_("Delete"), key=f"delete_{key}"):
            runs.delete(key)
            if key == shown:
                del st.query_params["run"]
            st.rerun()


def _unreadable(shown: str | None) -> None:
    found = runs.unreadable()
    if not found:
        return
    with st.expander(_("Runs that cannot be read: {n}").format(n=len(found)), icon=":material/sync_problem:"):
        for run in found[:BROKEN_SHOWN]:
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(run.key)}: {say(run.error)}", width="stretch")
                _delete(run.key, shown)


def duration(seconds: float) -> str:
    """A length of time in words: "12 seconds", "3 minutes"."""
    return format_timedelta(timedelta(seconds=max(1, round(seconds))), threshold=2, locale=language())


def date(timestamp: float) -> str:
    """A moment in the visitor's own time zone: today's as a time, an earlier one as a date and a time."""
    zone = get_timezone(st.context.timezone) if st.context.timezone else None
    moment = datetime.fromtimestamp(timestamp).astimezone(zone)
    # Patterns of Babel, for translators: its own short form says AM and PM in Korean too.
    is_today = moment.date() == datetime.now().astimezone(zone).date()
    return format_datetime(moment, _("h:mm a") if is_today else _("M/d/yy, h:mm a"), locale=language())
