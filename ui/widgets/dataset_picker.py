"""Which data set a page is about, and which view of it: choose one, copy, download, delete and bring back."""

import io

import streamlit as st

from core.data import datasets, history, importing
from core.data.manifest import Dataset
from core.i18n import N_
from core.jobs import service
from ui import page
from ui.i18n import _, language, plain

VIEWS = {"images": N_("Images"), "check": N_("Check")}


def choose() -> Dataset:
    """The chosen data set. The address keeps it over a refresh, the session from page to page."""
    names = datasets.list_names()
    wish = st.session_state.pop("dataset_wish", None)
    last = st.session_state.get("dataset_last")
    if "dataset" not in st.query_params and last in names[1:] and st.session_state.get("dataset", last) == last:
        # On the way to another page Streamlit drops it from the address, where only the first name goes without saying.
        st.query_params["dataset"] = last
        wish = wish or last
    if wish in names:
        st.session_state["dataset"] = wish
    name = st.selectbox(_("Data set"), names, key="dataset", bind="query-params")
    st.session_state["dataset_last"] = name
    with st.spinner(_("Loading the data set …")):
        try:
            return datasets.load(name)
        except datasets.Damaged:
            _damaged(name)
            raise


def _damaged(name: str) -> None:
    """What can be done with a data set that cannot be read."""
    with st.container(horizontal=True), page.guard():
        if st.button(_("Undo"), icon=":material/undo:"):
            history.undo(name)
            st.rerun()
        if st.button(_("Delete data set"), icon=":material/delete:"):
            datasets.delete(name)
            st.rerun()


def view() -> str:
    """Which view of the data set is open, one of VIEWS. The address alone says it: a link may lead to either."""
    asked = st.query_params.get("view")
    key = f"view_{language()}"  # a browser answers with an option's words, which change with the language
    st.session_state[key] = asked if asked in VIEWS else next(iter(VIEWS))
    return st.segmented_control(
        _("View"), list(VIEWS), format_func=lambda name: _(VIEWS[name]), required=True, key=key, on_change=_open,
        args=(key,), label_visibility="collapsed",
    )  # fmt: skip


def _open(key: str) -> None:
    st.query_params["view"] = st.session_state[key]


def go_to(name: str) -> None:
    """Rerun with this data set chosen; before its widget, because a widget's value cannot be set after it."""
    st.session_state["dataset_wish"] = name
    st.rerun()


def actions(dataset: Dataset) -> None:
    """What can be done with a data set as a whole."""
    copy_button(dataset)
    if dataset.live():
        st.download_button(
            _("Download as zip"), lambda: _zip(dataset.name), f"{dataset.name}.zip", "application/zip",
            icon=":material/download:", on_click="ignore",
            help=_("Class folders inside train, validation and test. It can be imported again unchanged."),
        )  # fmt: skip
    if not dataset.read_only and st.button(_("Delete data set"), icon=":material/delete:"):
        st.dialog(_("Delete “{name}”?").format(name=plain(dataset.name)))(ask_delete)(dataset)
    deleted = datasets.list_deleted()
    back = deleted and st.menu_button(
        _("Restore"), deleted, format_func=plain, icon=":material/restore_from_trash:"
    )  # fmt: skip
    if back:
        go_to(datasets.restore(back).name)


def copy_button(dataset: Dataset, place: str = "actions") -> None:
    label = _("Make an editable copy") if dataset.read_only else _("Copy")
    if st.button(label, icon=":material/content_copy:", key=f"copy_{place}"):
        st.dialog(_("Copy “{name}”").format(name=plain(dataset.name)))(ask_copy)(dataset)


def _zip(name: str) -> io.BytesIO:
    file = io.BytesIO()
    importing.export_zip(name, file)
    file.seek(0)
    return file


def ask_copy(dataset: Dataset) -> None:
    """What the dialog of Copy shows."""
    st.markdown(_("You can edit the copy; the original stays unchanged."))
    with page.guard(), st.form("copy_dataset", border=False):
        name = st.text_input(_("Name of the copy"), value=_("my {name}").format(name=dataset.name))
        if st.form_submit_button(_("Copy"), type="primary"):
            go_to(datasets.copy(dataset.name, name).name)


def ask_delete(dataset: Dataset) -> None:
    """What the dialog of Delete shows."""
    text = _("{n} images in {classes} classes. Trained models are kept, and Restore brings the data set back.")
    st.markdown(text.format(n=len(dataset.entries), classes=len(dataset.classes)))
    with page.guard():
        if st.button(_("Delete"), type="primary", icon=":material/delete:"):
            with st.spinner(_("Stopping …")):
                service.delete_dataset(dataset.name)
            page.flash(_("Deleted. Restore brings it back."), icon=":material/delete:")
            go_to(datasets.list_names()[0])
