"""How images come into a data set: zip files of class folders, single images, drawings, the camera."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from core.data import datasets, edits, folder_layout, importing
from core.data.manifest import Dataset, ImportReport
from core.errors import UserError
from ui import page
from ui.i18n import _, class_name
from ui.widgets import canvas, dataset_picker

IMAGE_TYPES = sorted(suffix.removeprefix(".") for suffix in folder_layout.IMAGE_SUFFIXES)
MAX_ZIPS, MAX_IMAGES = 20, 500  # the browser's upload limit is for each file only
LISTED = 50


def add(dataset: Dataset) -> None:
    """The ways to add images to a data set, each in its tab."""
    if not dataset.entries:
        st.info(
            _("This data set is empty. Add at least two classes with five images each."),
            icon=":material/inbox:",
        )  # fmt: skip
    files, zips, sketching = st.tabs([_("Image files"), _("Zip files"), _("Draw or photograph")])
    with files, page.guard():
        _images(dataset)
    with zips, page.guard():
        _zips(dataset)
    with sketching:
        _sketch(dataset.name)


def new() -> None:
    """Make a data set: empty, or from zip files of class folders."""
    if st.button(_("New data set"), icon=":material/add:"):
        # A dialog that was closed keeps what was typed and chosen in it; the next one begins empty.
        st.session_state["new_asked"] = st.session_state.get("new_asked", 0) + 1
        st.dialog(_("New data set"))(ask_new)()


def ask_new() -> None:
    """What the dialog of New data set shows."""
    asked = st.session_state.get("new_asked", 0)
    name = st.text_input(_("Name"), placeholder=_("for example: pets"), key=f"new_name_{asked}")
    files = _zip_uploader(f"new_{asked}", _("Import zip files (optional)"))
    with page.guard():
        _check_number(files, MAX_ZIPS)
        if not st.button(_("Create"), type="primary", disabled=not (name or files)):
            return
        if not files:
            dataset_picker.go_to(datasets.create(name).name)
        with _progress_bar() as on_progress:
            report = importing.import_source(files, name or Path(files[0].name).stem, on_progress)
        _remember(report)
        dataset_picker.go_to(report.dataset)


def _zips(dataset: Dataset) -> None:
    files = _zip_uploader("into", _("Zip files of class folders"))
    _check_number(files, MAX_ZIPS)
    if files and st.button(_("Add their images"), type="primary", icon=":material/add:"):
        with _progress_bar() as on_progress:
            _remember(importing.import_into(files, dataset.name, on_progress))
        st.rerun()


def _zip_uploader(place: str, label: str) -> list:
    files = _uploader(place, label, ["zip"])
    st.caption(
        _("Each zip contains one folder per class, such as `cats` and `dogs`, optionally inside `train`, "
          "`validation` and `test`. Several zips are imported together.")
    )  # fmt: skip
    return files


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    bar = st.progress(0.0, text=_("Importing …"))

    def on_progress(done: int, total: int) -> None:
        if done % max(1, total // 100) == 0:
            bar.progress(done / total, text=_("{done} of {total} images").format(done=done, total=total))

    try:
        yield on_progress
    finally:
        bar.empty()


def _images(dataset: Dataset) -> None:
    label = _class_input(dataset, "files")
    files = _uploader("images", _("Images of this class"), IMAGE_TYPES)
    _check_number(files, MAX_IMAGES)
    if files and label and st.button(_("Add images"), type="primary", icon=":material/add:"):
        with st.spinner(_("Adding images …")):
            report = edits.add_images(dataset.name, label, [(file.name, file.getvalue()) for file in files])
        _remember(report)
        st.rerun()


@page.fragment
def _sketch(name: str) -> None:
    dataset = datasets.load(name)
    label = _class_input(dataset, "sketch")
    key = f"teach_{name}"
    rgb = canvas.image_from(canvas.choose_source(key), key)
    if st.button(_("Add to class"), type="primary", icon=":material/add:", disabled=rgb is None or not label):
        report = edits.add_images(name, label, [(_("drawing or photo"), rgb)])
        canvas.clear(key)
        _remember(report)
        st.rerun()


def _class_input(dataset: Dataset, place: str) -> str | None:
    """An existing class or a new one, typed. It stays chosen, until the classes change and it is none of them."""
    classes, last = dataset.classes, f"last_{place}_{dataset.name}"
    index = classes.index(st.session_state[last]) if st.session_state.get(last) in classes else 0
    label = st.selectbox(
        _("Class (choose or type a new name)"), classes, index=index if classes else None, format_func=class_name,
        accept_new_options=True, placeholder=_("for example: cats"),
        key=f"class_{place}_{dataset.name}_{hash(classes)}",
    )  # fmt: skip
    st.session_state[last] = label
    return label


def _uploader(place: str, label: str, types: Sequence[str]) -> list:
    """Uploaded files. After an import its key changes, so nothing comes in twice."""
    return st.file_uploader(
        label, types, accept_multiple_files=True, key=f"upload_{place}_{st.session_state.get('imports', 0)}"
    )


def _check_number(files: Sequence, most: int) -> None:
    if len(files) > most:
        raise UserError("{n} files are too many at once; choose at most {most}.", n=len(files), most=most)


def _remember(report: ImportReport) -> None:
    st.session_state["imports"] = st.session_state.get("imports", 0) + 1
    st.session_state["report"] = report
    page.flash(_("Images added: {n}").format(n=report.added))


def report() -> None:
    """What came of the last import, by name; once."""
    last = st.session_state.pop("report", None)
    for note in last.notes if last else ():
        st.info(_(note.template).format(**note.values), icon=":material/info:")
    if last is None or not (last.skipped or last.duplicates):
        return
    numbers = {"added": last.added, "skipped": len(last.skipped), "duplicates": len(last.duplicates)}
    st.warning(
        _("Added: {added}. Could not be used: {skipped}. Already present: {duplicates}.").format(**numbers),
        icon=":material/rule:",
    )
    lines = [(item.name, _(item.template).format(**item.values)) for item in last.skipped]
    lines += [(item.name, _("same as {name}").format(name=item.same_as)) for item in last.duplicates]
    with st.expander(_("Details")):
        for name, reason in lines[:LISTED]:
            st.text(f"{name}: {reason}")
        if lines[LISTED:]:
            st.caption(_("and {n} more").format(n=len(lines) - LISTED))
