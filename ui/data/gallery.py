"""The images of a data set: headline numbers, thumbnails by class, and edits of what is ticked."""

import io
import statistics
from pathlib import Path

import streamlit as st
from PIL import Image, ImageOps

from core.data import datasets, edits, history
from core.data.manifest import Dataset, Entry, Note
from core.i18n import N_
from ui import page
from ui.i18n import _, class_name, filled, plain
from ui.widgets import charts

THUMBNAIL = 144  # pixels, square: sharp on dense screens at the width it is shown with
PAGE = 24
MANY_CLASSES = 12  # more than this are chosen from a list
EXCLUDED = "excluded"
SHOWN = {"all": N_("all")} | charts.SPLITS | {EXCLUDED: N_("left out")}
KINDS = {
    "photo": (N_("Photos"), N_("The whole image is used, resized to the input size.")),
    "drawing": (
        N_("Drawings"),
        N_("Only the ink is used: each drawing is cropped to its strokes and centered."),
    ),
}


def overview(dataset: Dataset) -> None:
    """Headline numbers and the counts per class and split."""
    if not dataset.live():
        return
    parts = " · ".join(f"{_(charts.SPLITS[split])} {len(dataset.live(split)):,}" for split in charts.SPLITS)
    smallest, median, largest = sizes(dataset.name, dataset.fingerprint)
    range_of_sizes = _("from {smallest} to {largest} px") if smallest < largest else _("all the same")
    range_of_sizes = range_of_sizes.format(smallest=smallest, largest=largest)
    with st.grid(3, min_column_width=200):
        st.metric(_("Images"), f"{len(dataset.live()):,}", parts, delta_color="off", delta_arrow="off")
        st.metric(_("Classes"), len(dataset.live_classes))
        st.metric(_("Longer side, median"), f"{median} px", range_of_sizes, delta_color="off", delta_arrow="off")
    st.altair_chart(charts.counts(dataset.counts()), key="counts")
    if len(dataset.classes) > charts.MOST:
        text = _("The {n} classes with the fewest images, of {total}.")
        st.caption(text.format(n=charts.MOST, total=f"{len(dataset.classes):,}"))


@st.cache_data(max_entries=64, show_spinner=False)
def sizes(name: str, fingerprint: str) -> tuple[int, int, int]:
    """The longer side, in pixels, of the smallest, the median and the largest image. Reads headers only."""
    dataset = datasets.load(name)
    sides = []
    for entry in dataset.live():
        with Image.open(dataset.image_path(entry)) as image:
            sides.append(max(image.size))
    return min(sides), round(statistics.median(sides)), max(sides)


def kind_switch(dataset: Dataset) -> None:
    """Photos or drawings: how images become a network's input."""
    if dataset.read_only:
        title, explanation = KINDS[dataset.kind]
        st.caption(f"**{_(title)}.** {_(explanation)}")
        return
    kind = st.segmented_control(
        _("Image type"), list(KINDS), default=dataset.kind, required=True,
        format_func=lambda kind: _(KINDS[kind][0]), key=f"kind_{dataset.name}_{dataset.kind}",
    )  # fmt: skip
    st.caption(_(KINDS[kind][1]))
    if kind != dataset.kind:
        edits.set_kind(dataset.name, kind)
        done(dataset.name)


@page.fragment
def gallery(name: str) -> None:
    """Thumbnails of one class, page by page. A fragment: ticking images reruns nothing else."""
    dataset = datasets.load(name)
    some_excluded = any(entry.excluded for entry in dataset.entries)
    with st.container(horizontal=True):
        by_class, by_split = st.container(width="content"), st.container(width="content")
    with by_split:
        split = st.segmented_control(
            _("Show"), [split for split in SHOWN if some_excluded or split != EXCLUDED], default="all", required=True,
            format_func=lambda split: _(SHOWN[split]), key=f"split_{name}_{some_excluded}",
        )  # fmt: skip
    with by_class:  # of what is left out there is little: all classes at once
        label = None if split == EXCLUDED else _choose_class(dataset)
    if split == EXCLUDED:
        entries = [entry for entry in dataset.entries if entry.excluded]
    else:
        entries = [e for e in dataset.entries if e.label == label and split in ("all", e.split)]
    if not entries:
        st.info(_("No images yet. Add image files, drawings or photos above."))
    pages = -(-len(entries) // PAGE)
    number = st.pagination(pages, key=f"page_{name}_{label}_{split}") if pages > 1 else 1
    shown = entries[(number - 1) * PAGE : number * PAGE]
    ticked = _thumbnails(dataset, shown)
    if not dataset.read_only:
        if shown:
            _edit_images(dataset, label, shown, ticked)
        if label is not None:
            _edit_class(dataset, label)


def _choose_class(dataset: Dataset) -> str:
    key = f"class_{dataset.name}"
    if len(dataset.classes) > MANY_CLASSES:
        return st.selectbox(_("Class"), dataset.classes, format_func=class_name, key=key)
    return st.pills(_("Class"), dataset.classes, format_func=_label, default=dataset.classes[0], required=True, key=key)


def _label(label: str) -> str:
    return plain(class_name(label))


def _thumbnails(dataset: Dataset, entries: list[Entry]) -> list[Entry]:
    """Show them, each with a box to tick; the ticked ones."""
    ticked = []
    with st.grid(8, min_column_width=84):
        for entry in entries:
            with st.container(gap="xxsmall"):
                st.image(
                    thumbnail(dataset.image_path(entry), dataset.kind), width="stretch",
                    alt=_("{name}, class {label}").format(name=entry.source, label=entry.label),
                )  # fmt: skip
                mark = f":material/block: {_label(entry.label)}" if entry.excluded else _(charts.SPLITS[entry.split])
                if not dataset.read_only and st.checkbox(mark, key=_tick(dataset, entry)):
                    ticked.append(entry)
    return ticked


@st.cache_data(max_entries=5000, show_spinner=False)
def thumbnail(path: Path, kind: str) -> bytes:
    """A small square picture as a file's bytes. The path names the content, so it never goes stale."""
    with Image.open(path) as image:
        image.draft("RGB", (THUMBNAIL, THUMBNAIL))
        rgb = image.convert("RGB")
    size = (THUMBNAIL, THUMBNAIL)
    # Photos fill the square; of a drawing nothing may be cut away.
    square = ImageOps.fit(rgb, size) if kind == "photo" else ImageOps.pad(rgb, size, color="white")
    file = io.BytesIO()
    square.save(file, *(("JPEG",) if kind == "photo" else ("PNG",)))
    return file.getvalue()


def _tick(dataset: Dataset, entry: Entry) -> str:
    return f"tick_{dataset.name}_{entry.label}_{entry.image}"


def _edit_images(dataset: Dataset, label: str | None, shown: list[Entry], ticked: list[Entry]) -> None:
    others = [other for other in dataset.classes if other != label]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Deselect all") if len(ticked) == len(shown) else _("Select all on this page"), type="tertiary",
            icon=":material/select_all:", on_click=_tick_all, args=(dataset, shown, len(ticked) < len(shown)),
        )  # fmt: skip
        target = others and _choose_target(others, ticked)
        split = st.menu_button(
            _("Split"), list(charts.SPLITS), format_func=lambda split: _(charts.SPLITS[split]), disabled=not ticked,
            help=_("Train fits the model, validation picks the epoch, test scores it."),
            icon=":material/call_split:",
        )  # fmt: skip
        back = any(entry.excluded for entry in shown) and st.button(
            _("Include again"), icon=":material/undo:", disabled=not any(e.excluded for e in ticked)
        )
        delete = st.button(_("Delete images"), icon=":material/delete:", disabled=not ticked)
        st.caption(_("Selected images: {n}").format(n=len(ticked)))
    if target:
        edits.move_images(dataset.name, ticked, target)
    elif split:
        edits.move_split(dataset.name, ticked, split)
    elif back:
        edits.exclude_images(dataset.name, [entry for entry in ticked if entry.excluded], excluded=False)
    elif delete:
        edits.delete_images(dataset.name, ticked)
    else:
        return
    done(dataset.name)


def _choose_target(others: list[str], ticked: list[Entry]) -> str | None:
    """Where to move what is ticked: from a menu, or from a list of many classes that can be searched."""
    label, icon = _("Move to class"), ":material/drive_file_move:"
    if len(others) <= MANY_CLASSES:
        return st.menu_button(label, others, format_func=_label, icon=icon, disabled=not ticked)
    with st.popover(label, icon=icon, disabled=not ticked):
        target = st.selectbox(_("Class"), others, format_func=class_name, key="move_target")
        return target if st.button(_("Move"), type="primary") else None


def _tick_all(dataset: Dataset, shown: list[Entry], value: bool) -> None:
    for entry in shown:
        st.session_state[_tick(dataset, entry)] = value


def _edit_class(dataset: Dataset, label: str) -> None:
    with st.container(horizontal=True):
        ask = st.popover(_("Rename class"), icon=":material/edit:")
        with ask, page.guard(), st.form(f"rename_{label}", border=False):
            new = st.text_input(_("New name"), value=label)
            if st.form_submit_button(_("Rename")):
                edits.rename_class(dataset.name, label, new)
                st.session_state.pop(f"class_{dataset.name}", None)
                done(dataset.name)
        with st.popover(_("Delete class"), icon=":material/delete:"):
            count = sum(entry.label == label for entry in dataset.entries)
            text = _("This deletes the class “{label}” and its {n} images. Undo restores them.")
            st.markdown(text.format(label=_label(label), n=count))
            if st.button(_("Delete"), key=f"delete_class_{label}"):
                edits.delete_class(dataset.name, label)
                st.session_state.pop(f"class_{dataset.name}", None)
                done(dataset.name)


def undo(dataset: Dataset) -> None:
    """One step back; the button says which."""
    note = history.can_undo(dataset.name)
    if note and st.button(_("Undo: {edit}").format(edit=_in_words(note)), icon=":material/undo:"):
        history.undo(dataset.name)
        st.rerun()


def done(name: str) -> None:
    """Say what an edit did, and rerun the whole page: the numbers above changed too."""
    note = history.can_undo(name)
    if note:
        words = _in_words(note)
        page.flash(words[:1].upper() + words[1:])
    st.rerun()


def _in_words(note: Note) -> str:
    return filled(note.template, note.values)
