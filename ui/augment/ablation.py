"""Does this augmentation help here? The quick strategy, trained with and without it over three seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import streamlit as st

from core.config import Augmentation, TrainConfig, make_config
from core.data.manifest import Dataset
from core.errors import UserError
from core.jobs import service
from core.results import metrics, runs
from core.results.runs import Run
from ui import page
from ui.i18n import _, percent, plain
from ui.train import backbone_picker, hyperparameters, run_view
from ui.widgets import charts

SEEDS = (0, 1, 2)
# The quick strategy for photos, and itself with augmentation; those for drawings are quick enough with both.
QUICK = {"photo": ("bottleneck", "bottleneck_augmented")}

Arms = Mapping[str, Sequence[TrainConfig]]
"""{"with" or "without": a configuration for each of SEEDS}."""


def arms(dataset: Dataset, augmentation: Augmentation) -> Arms:
    """What is trained. UserError where the pretrained weights are not at hand."""
    drawn = hyperparameters.SUGGESTED.get(dataset.name, hyperparameters.names(dataset.kind)[0])
    plain, augmented = QUICK.get(dataset.kind, (drawn, drawn))
    network = {"backbone": backbone_picker.chosen()} if dataset.kind in QUICK else {}
    changes = {
        "without": {} if plain != augmented else asdict(Augmentation()),
        "with": asdict(augmentation),
    }
    names = {"without": plain, "with": augmented}
    return {
        arm: [make_config(dataset, names[arm], {**network, **changes[arm], "seed": seed}) for seed in SEEDS]
        for arm in ("without", "with")
    }


def ask(dataset: Dataset, augmentation: Augmentation) -> None:
    """The button, and what came of it; what was trained before is there at once."""
    st.subheader(_("Does augmentation help here?"), anchor=False)
    if augmentation.changes_nothing:
        st.caption(_("Change a setting above first; otherwise there is nothing to compare."))
        return
    asked = arms(dataset, augmentation)
    text = _(
        "Trains the fastest strategy on “{dataset}” with and without this augmentation, {n} seeds each, and compares "
        "validation accuracy: {strategies}."
    )
    names = dict.fromkeys(hyperparameters.title(asked[arm][0].strategy) for arm in ("without", "with"))
    st.markdown(text.format(dataset=plain(dataset.name), n=len(SEEDS), strategies=" / ".join(names)))
    known = _known(asked)
    every = [run for found in known.values() for run in found]
    label = _("Run the comparison ({n} trainings)").format(n=len(every))
    unknown = any(run is None or run.state in ("failed", "cancelled") for run in every)
    if unknown and st.button(label, icon=":material/science:"):
        with page.guard():
            for pair in zip(*asked.values(), strict=True):  # seed by seed, so that there is soon something to see
                for config in pair:
                    service.engine().train(config, dataset)
            st.rerun()
    if any(run and run.live for run in every):
        _live(asked)
    else:
        _show(known)


@page.fragment(run_every=2.0)
def _live(asked: Arms) -> None:
    known = _known(asked)
    every = [run for found in known.values() for run in found]
    live = [run for run in every if run and run.live]
    if not live:
        st.rerun()  # the whole page, once: an idle page asks for nothing
    done = sum(run is not None and run.state == "done" for run in every)
    running = next((run for run in live if run.state == "running"), live[0])
    share = (done + runs.progress(running.key).share) / len(every)
    text = _("{done} of {n} trainings done · {what}")
    st.progress(min(share, 1.0), text.format(done=done, n=len(every), what=run_view.stage(running)))
    _show(known)


def _known(asked: Arms) -> dict[str, list[Run | None]]:
    return {arm: [_found(config.key) for config in configs] for arm, configs in asked.items()}


def _found(key: str) -> Run | None:
    try:
        return runs.find(key)
    except UserError:
        return None


def _show(known: Mapping[str, Sequence[Run | None]]) -> None:
    """Every finished run as a dot, each side's mean with its interval, and in words what that says."""
    done = {arm: [run for run in found if run and run.state == "done"] for arm, found in known.items()}
    scores = {arm: [_score(run) for run in found] for arm, found in done.items()}
    if not any(scores.values()):
        return
    n = next(score["n"] for found in scores.values() for score in found)
    rows = {}
    for arm, found in scores.items():
        accuracies = [score["accuracy"] for score in found]
        if accuracies:
            mean = sum(accuracies) / len(accuracies)
            rows[_("with augmentation") if arm == "with" else _("without augmentation")] = (
                accuracies, mean, *metrics.wilson_interval(mean * n, n),
            )  # fmt: skip
    if all(len(found) == len(SEEDS) for found in scores.values()):
        _verdict(*([score["accuracy"] for score in scores[arm]] for arm in ("with", "without")), n)
    st.altair_chart(charts.intervals(rows), key="gain")
    lines = [f"{name} {percent(mean)} ({low:.1%} – {high:.1%})" for name, (_all, mean, low, high) in rows.items()]
    text = _("{list}. Dots: single seeds. Bars: mean with 95% interval on {n} validation images.")
    st.caption(text.format(list="; ".join(lines), n=n))


def _score(run: Run) -> dict:
    # Whoever turns knobs until this is good would tune them to the test images.
    return runs.evaluation(run.key)["validation"]


def _verdict(with_it: Sequence[float], without: Sequence[float], n: int) -> None:
    mean, low, high = metrics.difference(with_it, without, n)
    if low > 0:
        text = _("**It helps:** {mean:+.1f} points ({low:+.1f} to {high:+.1f}).")
    elif high < 0:
        text = _("**It hurts:** {mean:+.1f} points ({low:+.1f} to {high:+.1f}).")
    else:
        text = _(
            "**No clear difference:** {mean:+.1f} points ({low:+.1f} to {high:+.1f}) with this few images and seeds."
        )
    st.markdown(text.format(mean=100 * mean, low=100 * low, high=100 * high))
