"""How images come into a data set: zip files of class folders, single images, drawings, the camera."""

from collections.abc import Sequence

import streamlit as st

from core.data import datasets, edits, importing
from core.data.manifest import Dataset, Report
from ui import frame, sketch
from ui.words import _

IMAGE_TYPES = ["jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "avif"]
MAX_ZIPS, MAX_IMAGES = 20, 500  # the browser's upload limit is for each file only
LISTED = 50


def add(dataset: Dataset) -> None:
    """The ways to add images, each in its tab, and what came of the last one."""
    zips, files, sketching = st.tabs([
        f":material/folder_zip: {_('Zip files')}",
        f":material/add_photo_alternate: {_('Images')}",
        f":material/draw: {_('Draw or photograph')}",
    ])  # fmt: skip
    with zips, frame.guard():
        _zips(dataset)
    with files, frame.guard():
        _images(dataset)
    with sketching:
        _sketch(dataset.name)
    _report()


def _zips(dataset: Dataset) -> None:
    st.markdown(
        _("A zip with one folder for each class, such as `cats` and `dogs`; above them there may be folders "
          "`train`, `validation` and `test`. Choose several zips to import them together.")
    )  # fmt: skip
    files = _uploader(_("Zip files"), ["zip"], MAX_ZIPS)
    if files and st.button(_("Import"), type="primary", icon=":material/download_done:"):
        bar = st.progress(0.0, text=_("Importing …"))
        report = importing.import_source(
            files, dataset.name,
            lambda done, total: bar.progress(done / max(total, 1), text=_("{done} of {total} images").format(
                done=done, total=total)),
        )  # fmt: skip
        _finish("zip", report)


def _images(dataset: Dataset) -> None:
    label = _class_input(dataset, "files")
    files = _uploader(_("Images of this class"), IMAGE_TYPES, MAX_IMAGES)
    if files and label and st.button(_("Add images"), type="primary", icon=":material/add:"):
        with st.spinner(_("Adding images …")):
            report = edits.add_images(dataset.name, label, [(file.name, file.getvalue()) for file in files])
        _finish("images", report)


@frame.fragment
def _sketch(name: str) -> None:
    dataset = datasets.load(name)
    label = _class_input(dataset, "sketch")
    key = f"teach_{name}"
    rgb = sketch.image_source(key)
    if st.button(_("Add to class"), type="primary", icon=":material/add:", disabled=rgb is None or not label):
        report = edits.add_images(name, label, [(_("drawing or photo"), rgb)])
        sketch.clear(key)
        _finish("sketch", report)


def _class_input(dataset: Dataset, place: str) -> str | None:
    """An existing class or a new one, typed."""
    return st.selectbox(
        _("Class"), dataset.classes, index=0 if dataset.classes else None, accept_new_options=True,
        placeholder=_("Choose a class or type a new name"), key=f"class_{place}_{dataset.name}",
    )  # fmt: skip


def _uploader(label: str, types: Sequence[str], most: int) -> list:
    """Uploaded files; none while there are too many. After an import its key changes, so nothing comes in twice."""
    files = st.file_uploader(
        label, types, accept_multiple_files=True, key=f"upload_{types[0]}_{st.session_state.get('imports', 0)}"
    )
    if len(files) > most:
        st.warning(_("{n} files are too many at once; choose at most {most}.").format(n=len(files), most=most))
        return []
    return files


def _finish(way: str, report: Report) -> None:
    st.session_state["imports"] = st.session_state.get("imports", 0) + 1
    st.session_state["report"] = report
    frame.flash(_("Images added: {n}").format(n=report.added))
    st.rerun()


def _report() -> None:
    """What came of the last import, by name; once."""
    report = st.session_state.pop("report", None)
    if report is None or not (report.skipped or report.duplicates):
        return
    numbers = {"added": report.added, "skipped": len(report.skipped), "duplicates": len(report.duplicates)}
    st.warning(
        _("{added} images added; {skipped} could not be used, {duplicates} were there already.").format(**numbers),
        icon=":material/rule:",
    )
    lines = [(item.name, _(item.template).format(**item.values)) for item in report.skipped]
    lines += [(item.name, _("same as {name}").format(name=item.same_as)) for item in report.duplicates]
    with st.expander(_("Which ones, and why")):
        for name, reason in lines[:LISTED]:
            st.text(f"{name}: {reason}")
        if lines[LISTED:]:
            st.caption(_("and {n} more").format(n=len(lines) - LISTED))
