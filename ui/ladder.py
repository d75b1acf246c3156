"""The ladder: one button that trains every strategy on a data set, and the table that compares what came of it."""

import streamlit as st

from core import jobs
from core.config import TrainConfig
from core.data.manifest import Dataset
from core.errors import UserError
from core.results import runs
from core.results.runs import Run
from ui import frame, jobview, knobs, networks
from ui.words import _, say


def button(configs: list[TrainConfig], dataset: Dataset) -> None:
    """Train the ladder: ask for all of it at once, and show the queue."""
    if st.button(_("Train the ladder"), icon=":material/stairs:", width="stretch"):
        asked = [jobs.engine().submit(config, dataset) for config in configs]
        text = _("Trainings asked for: {n}, of which answered from the cache: {cached}.")
        frame.flash(text.format(n=len(asked), cached=sum(run.state == "done" for run in asked)))
        st.query_params.pop("run", None)  # the comparison and the queue instead of one run
        st.rerun()


def explain(configs: list[TrainConfig], left_out: dict[str, UserError]) -> None:
    """What the button will do, before anyone presses it."""
    text = _(
        "The ladder is {n} trainings, one after the other and the quickest first: every strategy with its source's own "
        "settings, the pretrained ones with {network}. A few hundred images take minutes, thousands up to hours."
    )
    st.caption(text.format(n=len(configs), network=networks.title(networks.chosen())))
    if left_out:
        names = ", ".join(knobs.title(name) for name in left_out)
        reasons = " ".join(dict.fromkeys(say(error) for error in left_out.values()))
        st.caption(":material/warning: " + _("Left out of the ladder: {list}. {reason}").format(
            list=names, reason=reasons))  # fmt: skip


def comparison(dataset: Dataset) -> None:
    """One row for each strategy that was tried on this data set as it is now; live while one of them is at work."""
    standing = _standing(dataset)
    if len(standing) > 1:
        st.subheader(_("The strategies compared"), anchor=False)
        if any(run.live for run in standing):
            _live(dataset)
        else:
            _table(standing)


@frame.fragment(run_every=2.0)
def _live(dataset: Dataset) -> None:
    standing = _standing(dataset)
    if not any(run.live for run in standing):
        st.rerun()  # the whole page, once: an idle page asks for nothing
    _table(standing)


def _standing(dataset: Dataset) -> list[Run]:
    """For each strategy, in the ladder's order: its run under way, else its best one, else its latest attempt."""
    tried: dict[str, list[Run]] = {}
    for run in runs.every():
        if (run.config.fingerprint, run.config.prepare) == (dataset.fingerprint, dataset.kind):
            tried.setdefault(run.config.strategy, []).append(run)
    names = dict.fromkeys((*knobs.names(dataset.kind), *tried))
    return [max(tried[name], key=lambda run: (run.live, _accuracy(run))) for name in names if name in tried]


def _accuracy(run: Run) -> float:
    return -1.0 if run.accuracy is None else run.accuracy


def _table(standing: list[Run]) -> None:
    done = [run for run in standing if run.state == "done"]
    best = max(done, key=_accuracy, default=None)
    columns = {name: [] for name in (_("Strategy"), _("On validation images"), _("On test images"), _("Time"))}
    for run in standing:
        mark = " :green-badge[" + _("best") + "]" if run is best and len(done) > 1 else ""
        for cells, cell in zip(columns.values(), (knobs.named(run.config) + mark, *_outcome(run)), strict=True):
            cells.append(cell)
    st.table(columns, border="horizontal", hide_header=False, alt=_("The strategies compared"))
    if len(done) > 1:
        st.caption(_("In brackets the 95% intervals: where they overlap, the difference may be chance."))
        frame.link("Predict", _("Try them side by side"), run=best.key)


def _outcome(run: Run) -> tuple[str, str, str]:
    """Validation accuracy or the run's state, test accuracy, and the time it took."""
    seconds = jobview.duration(run.seconds) if run.seconds else "–"
    if run.state == "done":
        evaluation = runs.evaluation(run.key)
        return _score(evaluation.get("validation")), _score(evaluation.get("test")), seconds
    if run.state == "running":
        return _("training now") + f" · {runs.progress(run.key).share:.0%}", "–", "–"
    return {"queued": _("waiting"), "failed": _("failed"), "cancelled": _("cancelled")}[run.state], "–", seconds


def _score(result: dict | None) -> str:
    if result is None:
        return "–"
    interval = _("{low} to {high}").format(low=f"{result['low']:.1%}", high=f"{result['high']:.1%}")
    return f"**{result['accuracy']:.1%}** ({interval})"
