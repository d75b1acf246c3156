"""The Check view of the Data page: start a check, follow it, its health line, its findings; and the line on Train."""

import time
from collections.abc import Callable
from functools import partial

import streamlit as st

from core.checks import export, open_findings, sources, store
from core.checks.open_findings import OpenFindings
from core.checks.report import CheckReport
from core.checks.store import Progress
from core.data import datasets
from core.data.manifest import Dataset
from core.errors import UserError
from core.i18n import N_
from core.jobs import service
from core.jobs.kinds import CHECK
from core.storage import job_folder
from core.storage.job_folder import JobStatus
from ui import page
from ui.data import finding_view
from ui.i18n import _, say
from ui.train import run_view
from ui.widgets import dataset_picker

STAGES = {
    "measuring": N_("Measuring images"),
    "comparing": N_("Finding duplicates"),
    "describing": N_("Extracting features"),
    "judging": N_("Checking labels"),
}
EARLY = 0.03  # of a check: before that nobody can say how long it takes
DOWNLOADS: dict[str, tuple[str, str, str]] = {  # name: file ending, media type, what it is good for
    "HTML": ("html", "text/html", N_("One page with images, to read and share")),
    "CSV": ("csv", "text/csv", N_("One row per image, for a spreadsheet")),
    "JSON": ("json", "application/json", N_("The full report, for programs")),
}


def view(dataset: Dataset) -> None:
    """The whole view, in whatever state the check is; everything is read from files, so a refresh loses nothing."""
    if not dataset.live():
        st.info(_("There are no images in this data set yet."), icon=":material/photo_library:")
        page.link("Data", _("Add images"), dataset=dataset.name)
        return
    known, status = _known(dataset), store.status(dataset.name)
    # What comes and goes above stays in a place of its own: else the findings move, and the browser scrolls to the top.
    head, findings = st.container(), st.container()
    with head:
        if status.live:
            _live(dataset.name, known.report.created if known else 0.0)
        elif status.state in ENDED:
            ENDED[status.state](status)
        if known:
            _head(known, dataset, status)
        elif not status.live:
            _invite(dataset)
    if known:
        with findings:
            _findings(known, dataset)


def _known(dataset: Dataset) -> OpenFindings | None:
    """What the last check says; where it cannot be read, that is said here and there is nothing to know."""
    try:
        return open_findings.of(dataset)
    except UserError as error:
        st.warning(say(error), icon=":material/sync_problem:")
        return None


def _invite(dataset: Dataset) -> None:
    st.markdown(
        _("**Find problems before you train:** duplicates and images in two splits; blank, dark or blurry images; "
          "likely label errors; and shortcuts that give a class away.")
    )  # fmt: skip
    _button(dataset.name, _("Check this data set"), "primary")
    st.caption(_("Checking changes nothing. You can fix what it finds here, one by one or all at once, and undo it."))


def _button(name: str, label: str, kind: str) -> None:
    if st.button(label, type=kind, icon=":material/health_and_safety:"):
        with page.guard():
            with st.spinner(_("Starting the workers …")):
                service.engine().submit(CHECK, name)
            st.rerun()


@page.fragment(run_every=1.0)
def _live(name: str, shown: float) -> None:
    """How far a check is; reruns the page when it ends, and when there is more to read than what was `shown`."""
    status, progress, known = store.status(name), store.progress(name), _known(datasets.load(name))
    if not status.live or (known and known.report.created != shown):
        st.rerun()
    st.progress(progress.share if _is_measured(status, progress) else 0.0, text=_in_words(name, status, progress))
    with st.container(horizontal=True, vertical_alignment="center"):
        stale = job_folder.is_stale(status, progress)
        if stale:  # its worker is being replaced, or went with a server that was killed
            _button(name, _("Check again"), "secondary")
        elif st.button(_("Cancel"), icon=":material/stop_circle:", disabled=store.job(name).cancel_requested):
            service.engine().cancel(CHECK, name)
            st.rerun()
        st.caption(
            _("The check is not responding. Wait a little, or start it again.")
            if stale else _("You can leave this page; the check continues.")
        )  # fmt: skip


def _is_measured(status: JobStatus, progress: Progress) -> bool:
    """Whether the progress is this check's own, not that of the check before."""
    return status.state == "running" and progress.updated >= status.changed


def _in_words(name: str, status: JobStatus, progress: Progress) -> str:
    """The stage, how far it is, and the time left."""
    if store.job(name).cancel_requested:
        return _("Stopping …")
    if not _is_measured(status, progress):
        return _("Queued") if status.state == "queued" else _("Starting")
    text = _("{done} of {total} images")
    parts = [_(STAGES[progress.stage]), text.format(done=f"{progress.done:,}", total=f"{progress.total:,}")]
    if progress.share > EARLY and progress.done:  # with a stage's first image there is something to reckon from
        left = (time.time() - status.changed) * (1 - progress.share) / progress.share
        parts.append(_("about {time} left").format(time=run_view.duration(left)))
    return " · ".join(parts)


def _failed(status: JobStatus) -> None:
    st.error(say(UserError(status.message, **status.values)), icon=":material/error:")


def _cancelled(_status: JobStatus) -> None:
    st.info(_("The check was cancelled. You can start it again at any time."), icon=":material/pause_circle:")


ENDED: dict[str, Callable[[JobStatus], None]] = {"failed": _failed, "cancelled": _cancelled}


def _head(known: OpenFindings, dataset: Dataset, status: JobStatus) -> None:
    """The health line, when it was measured, and what to do next."""
    report = known.report
    said = health(known)
    if status.live:
        said = _("{health} (so far)").format(health=said)
    st.subheader(said, anchor=False)
    text = _("{n} images checked in {time}, {date}")
    st.caption(text.format(n=f"{report.images:,}", time=run_view.duration(report.seconds),
                           date=run_view.date(report.created)))  # fmt: skip
    if not known.current:
        text = _("**The data set has changed since this check.** Unaffected findings are still shown and can be "
                 "fixed. Check again when you are done: only new images are measured.")  # fmt: skip
        touched = _("Findings hidden because their images changed: {n}.").format(n=f"{known.touched:,}")
        st.info(f"{text} {touched}" if known.touched else text, icon=":material/update:")
    with st.container(horizontal=True):
        if not status.live and (not known.current or status.state in ENDED):
            _button(dataset.name, _("Check again"), "primary")
        elif not status.live and report.left_out:
            _button(dataset.name, _("Check again"), "secondary")
        _download(report, dataset)
        if not report.findings:
            page.link("Train", _("Train on this data set"), dataset=dataset.name)
    if report.findings and dataset.read_only:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_("Built-in data sets cannot be changed. Make a copy to fix the findings."), width="content")
            dataset_picker.copy_button(dataset, "check")


def health(known: OpenFindings) -> str:
    """One line: how many problems are worth mending, as far as is known."""
    if known.report.findings or known.current:
        return finding_view.in_words(known.report.health)
    return _("All findings resolved")


def _download(report: CheckReport, dataset: Dataset) -> None:
    make = {"HTML": partial(page_with_pictures, dataset=dataset), "CSV": export.as_csv, "JSON": export.as_json}
    with st.popover(_("Download the report"), icon=":material/download:"):
        for name, (ending, media, use) in DOWNLOADS.items():
            st.download_button(
                name, lambda name=name: make[name](report), f"{dataset.name} check.{ending}", media, help=_(use),
                on_click="ignore", width="stretch",
            )  # fmt: skip


def page_with_pictures(report: CheckReport, dataset: Dataset) -> bytes:
    return export.as_html(report, export.pictures_of(sources.of_dataset(dataset)))


def _findings(known: OpenFindings, dataset: Dataset) -> None:
    """Worst first; the first one is open."""
    for number, found in enumerate(known.report.findings):
        finding_view.finding(found, dataset, first=number == 0)
    if known.fine:
        finding_view.fine(known.fine, dataset)
    if known.report.left_out:
        with st.expander(_("Not checked") + f" · {len(known.report.left_out)}", icon=":material/remove_done:"):
            for check, note in known.report.left_out:
                st.markdown(f"**{finding_view.title(check)}**: {finding_view.in_words(note)}")


def line(dataset: Dataset) -> None:
    """What a check says of the data set, as one quiet link: for the pages that train on it."""
    known = _known(dataset)
    if store.status(dataset.name).live:
        text = _("Check in progress")
    elif known:
        text = health(known)
    elif dataset.read_only or not dataset.live():
        return  # what comes with the product needs no doubts, and nothing cannot be checked
    else:
        text = _("Not checked yet")
    page.link("Data", text, dataset=dataset.name, view="check")
