"""The ladder: one button that trains every strategy on a data set, and the table that compares what came of it."""

from collections.abc import Iterable

import streamlit as st

from core.config import TrainConfig
from core.data.manifest import Dataset
from core.errors import UserError
from core.jobs import service
from core.results import runs
from core.results.runs import Run
from ui import page
from ui.i18n import _, percent
from ui.train import backbone_picker, hyperparameters, run_view


def button(configs: list[TrainConfig], dataset: Dataset) -> None:
    """Train the ladder: ask for all of it at once, and show the queue."""
    if st.button(_("Train the ladder"), icon=":material/stairs:", width="stretch"):
        asked = [service.engine().train(config, dataset) for config in configs]
        text = _("Runs queued: {n}, of which already trained: {cached}.")
        page.flash(text.format(n=len(asked), cached=sum(run.state == "done" for run in asked)))
        st.query_params.pop("run", None)  # the comparison and the queue instead of one run
        st.rerun()


def explain(configs: list[TrainConfig], left_out: Iterable[str]) -> None:
    """What the button will do, before anyone presses it; `left_out` names strategies whose network is not ready."""
    network = backbone_picker.title(backbone_picker.chosen())
    text = _(
        "The ladder trains all {n} strategies with their default settings, the fastest first; the pretrained ones "
        "use {network}. A few hundred images take minutes, thousands much longer."
    )
    st.caption(text.format(n=len(configs), network=network))
    names = ", ".join(map(hyperparameters.title, left_out))
    if names:
        text = _("Skipped until {network} is ready: {list}.").format(network=network, list=names)
        st.caption(f":material/warning: {text}")


def comparison(dataset: Dataset) -> None:
    """One row for each strategy that was tried on this data set as it is now; live while one of them is at work."""
    standing = _standing(dataset)
    if len(standing) > 1:
        st.subheader(_("Strategies compared"), anchor=False)
        if any(run.live for run in standing):
            _live(dataset)
        else:
            _table(standing)


@page.fragment(run_every=2.0)
def _live(dataset: Dataset) -> None:
    standing = _standing(dataset)
    if not any(run.live for run in standing):
        st.rerun()  # the whole page, once: an idle page asks for nothing
    _table(standing)


def _standing(dataset: Dataset) -> list[Run]:
    """For each strategy, in the ladder's order: its run under way, else its best one, else its latest attempt."""
    tried: dict[str, list[Run]] = {}
    for run in runs.every():
        if (run.config.fingerprint, run.config.kind) == (dataset.fingerprint, dataset.kind):
            tried.setdefault(run.config.strategy, []).append(run)
    names = dict.fromkeys((*hyperparameters.names(dataset.kind), *tried))
    return [max(tried[name], key=lambda run: (run.live, _accuracy(run))) for name in names if name in tried]


def _accuracy(run: Run) -> float:
    return -1.0 if run.accuracy is None else run.accuracy


def _table(standing: list[Run]) -> None:
    done = [run for run in standing if run.state == "done"]
    best = max(done, key=_accuracy, default=None)
    backbones = {run.config.backbone for run in standing if run.config.backbone}
    columns = {name: [] for name in (_("Strategy"), _("Validation"), _("Test"), _("Time"))}
    for run in standing:
        name = hyperparameters.named(run.config) if len(backbones) > 1 else hyperparameters.heading(run.config.strategy)
        mark = " :green-badge[" + _("best") + "]" if run is best and len(done) > 1 else ""
        for cells, cell in zip(columns.values(), (name + mark, *_outcome(run)), strict=True):
            cells.append(cell)
    st.table(columns, border="horizontal", hide_header=False, alt=_("Strategies compared"))
    if len(backbones) == 1:
        st.caption(_("Pretrained network: {network}").format(network=backbone_picker.title(*backbones)))
    if len(done) > 1:
        st.caption(_("Accuracy with 95% intervals. Where intervals overlap, the difference may be chance."))
        page.link("Predict", _("Compare side by side"), run=best.key)


def _outcome(run: Run) -> tuple[str, str, str]:
    """Validation accuracy or the run's state, test accuracy, and the time it took."""
    seconds = run_view.duration(run.seconds) if run.seconds else "–"
    if run.state == "done":
        try:
            evaluation = runs.evaluation(run.key)
        except UserError:  # the run itself says what is wrong, where it is opened
            return _("cannot be read"), "–", seconds
        return _score(evaluation.get("validation")), _score(evaluation.get("test")), seconds
    if run.state == "running":
        return _("in progress") + f" · {runs.progress(run.key).share:.0%}", "–", "–"
    return {"queued": _("waiting"), "failed": _("failed"), "cancelled": _("cancelled")}[run.state], "–", seconds


def _score(result: dict | None) -> str:
    if result is None:
        return "–"
    interval = f"{100 * result['low']:.0f}\u2060–\u2060{result['high']:.0%}"  # which must not break at the dash
    return f"**{percent(result['accuracy'])}** :small[{interval}]"
