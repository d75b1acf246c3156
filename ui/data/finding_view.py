"""A finding of a check as a visitor meets it: what it is, why it hurts, its images side by side, and what mends it."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st
from PIL import Image

from core.checks import fixes, store
from core.checks.registry import CHECKS
from core.checks.report import Case, CaseImage, Finding, Fix
from core.data.manifest import Dataset, Note
from core.errors import UserError
from core.i18n import N_
from ui import page
from ui.data import gallery
from ui.i18n import _, class_name, filled, plain
from ui.widgets import charts

SIDE = 240  # pixels, of the longer side: sharp on dense screens, and quick
PAGE, PAGE_OF_SINGLES = 6, 12  # cases shown at once
GROUP = 8  # images of one case shown at once
SEVERITIES = {  # name, colour of its badge
    "serious": (N_("serious"), "red"),
    "harmful": (N_("harmful"), "orange"),
    "minor": (N_("minor"), "gray"),
}
ICONS = {
    "exclude": ":material/block:",
    "relabel": ":material/drive_file_move:",
    "move": ":material/call_split:",
    "merge": ":material/merge:",
}


def title(check: str) -> str:
    return _(CHECKS[check].title)


@page.fragment
def finding(found: Finding, dataset: Dataset, first: bool) -> None:
    """A line that opens; what is inside is made only then. A fragment: opening and leafing rerun nothing else."""
    name, color = SEVERITIES[found.severity]
    heading = f"**{title(found.check)}** · {len(found.cases):,} :{color}-badge[{_(name)}]"
    with st.container(border=True):
        if _is_open(heading, f"finding_{dataset.name}_{found.check}", first):
            # As in the view: what comes and goes has a place of its own, so that the pictures below it stay.
            about, pictures = st.container(), st.container()
            with about:
                row = CHECKS[found.check]
                st.markdown(_("**Why it matters.** {why}").format(why=_(row.why)))
                st.markdown(_("**How to fix it.** {help}").format(help=_(row.help)))
                if len(found.cases) > 1:
                    _all(found, dataset)
                shown = _leaf(found, dataset)
            with pictures:
                _cards(found, shown, dataset)


def _is_open(heading: str, key: str, at_first: bool = False) -> bool:
    """A heading that opens and closes what is below it."""
    # An expander that says whether it is open is another one as soon as its heading changes, as it does with each mend:
    # the browser would build it anew and lose the place it had scrolled to.
    is_open = st.session_state.get(key, at_first)
    icon = ":material/expand_less:" if is_open else ":material/expand_more:"
    state = _("Hide") if is_open else _("Show")  # in words too, for those who hear the page
    heading += f" · :small[{state}]"
    st.button(heading, icon=icon, type="tertiary", key=f"{key}_heading", on_click=_open, args=(key, not is_open))
    return is_open


def _open(key: str, value: bool) -> None:
    st.session_state[key] = value


def _all(found: Finding, dataset: Dataset) -> None:
    """What can be done with all cases of a finding at once."""
    with st.container(horizontal=True):
        for action in [] if dataset.read_only else fixes.offered(found.cases):
            # Where a case leaves a choice, as between two classes, nobody can choose for all of them.
            clear = fixes.clear(found.cases, action)
            label = _("{fix}: all {n}").format(fix=_(fixes.ACTIONS[action][0]), n=f"{len(clear):,}")
            explained = _("Apply every suggested fix (one Undo reverts all).")
            if clear and st.button(label, icon=ICONS[action], help=explained, key=f"all_{found.check}_{action}"):
                fixes.apply(dataset.name, found.cases, action)
                gallery.done(dataset.name)
        label = _("Mark all {n} as OK").format(n=f"{len(found.cases):,}")
        if st.button(label, icon=":material/check:", type="tertiary", key=f"all_fine_{found.check}"):
            _set_fine(dataset, found.keys())


def _leaf(found: Finding, dataset: Dataset) -> tuple[Case, ...]:
    """The cases of the page that is open."""
    per_page = PAGE_OF_SINGLES if _singles(found) else PAGE
    number = _page(len(found.cases), per_page, f"cases_{dataset.name}_{found.check}")
    return found.cases[(number - 1) * per_page : number * per_page]


def _singles(found: Finding) -> bool:
    return all(len(case.images) <= 1 for case in found.cases)


def _cards(found: Finding, shown: Sequence[Case], dataset: Dataset) -> None:
    with st.grid("auto", min_column_width=160 if _singles(found) else 300):
        for case in shown:
            with st.container(border=True):
                show(case, dataset)
                _fix(case, case.key(found.check), dataset)


def _page(count: int, per_page: int, key: str) -> int:
    """Which page of `count` things is shown; asks only where there are several."""
    pages = -(-count // per_page)
    # By the number of pages too: the last one may be gone after a mend.
    return st.pagination(pages, key=f"{key}_{pages}") if pages > 1 else 1


def show(case: Case, dataset: Dataset) -> None:
    """The images of a case side by side, each with its class and split, and what was measured."""
    if case.images:
        st.html(_figures(case.images[:GROUP], dataset))
    if case.images[GROUP:]:
        st.caption(_("and {n} more").format(n=f"{len(case.images) - GROUP:,}"))
    st.markdown(in_words(case.note))


def _fix(case: Case, key: str, dataset: Dataset) -> None:
    """What can be done with one case; the suggested mend first."""
    with st.container(horizontal=True, gap="xsmall"):
        for number, fix in enumerate([] if dataset.read_only else fixes.ways(case, GROUP)):
            if st.button(_verb(case, fix), icon=ICONS[fix.action], key=f"mend_{key}_{number}", wrap=True):
                fixes.apply_each(dataset.name, [(case, fix)])
                gallery.done(dataset.name)
        if st.button(_("Mark as OK"), icon=":material/check:", type="tertiary", key=f"fine_{key}"):
            _set_fine(dataset, [key])


def _set_fine(dataset: Dataset, keys: Sequence[str]) -> None:
    store.set_fine(dataset.name, keys)
    page.flash(_("Marked as OK: {n}. They are listed at the end.").format(n=f"{len(keys):,}"))
    st.rerun()


@page.fragment
def fine(cases: Sequence[tuple[str, Case]], dataset: Dataset) -> None:
    """What a person looked at and found fine, to be seen again and taken back."""
    heading = _("Marked as OK") + f" · {len(cases):,}"
    with st.container(border=True):
        if not _is_open(heading, f"fine_{dataset.name}"):
            return
        keys = [case.key(check) for check, case in cases]
        if len(cases) > 1 and st.button(_("Reopen all"), icon=":material/undo:"):
            _take_back(dataset, keys)
        number = _page(len(cases), PAGE, f"fine_cases_{dataset.name}")
        shown = slice((number - 1) * PAGE, number * PAGE)
        with st.grid("auto", min_column_width=300):
            for (check, case), key in zip(cases[shown], keys[shown], strict=True):
                with st.container(border=True):
                    st.markdown(f"**{title(check)}**")
                    show(case, dataset)
                    if st.button(_("Reopen"), icon=":material/undo:", key=f"take_back_{key}"):
                        _take_back(dataset, [key])


def _take_back(dataset: Dataset, keys: Sequence[str]) -> None:
    store.set_fine(dataset.name, keys, is_fine=False)
    page.flash(_("Reopened: {n}. They are in the list again.").format(n=f"{len(keys):,}"), icon=":material/undo:")
    st.rerun()


def _verb(case: Case, fix: Fix) -> str:
    """What a mend does to which of the images, which are numbered where there are several."""
    if fix.action == "merge":
        text = _("Merge “{label}” into “{to}”")
        return text.format(label=plain(class_name(fix.label)), to=plain(class_name(fix.to)))
    every = len(fix.places) == len(case.images)
    which = ", ".join(str(place + 1) for place in fix.places)
    if fix.action == "exclude":
        if every:
            return _("Leave out") if len(case.images) == 1 else _("Leave all out")
        kept = {*range(len(case.images))} - {*fix.places}
        if len(kept) == 1:
            return _("Keep only {n}").format(n=kept.pop() + 1)
        return _("Leave out {list}").format(list=which)
    if fix.action == "relabel":
        text = _("Move {list} to class “{label}”")
        if every:
            text = _("Move to class “{label}”") if len(case.images) == 1 else _("Label all as “{label}”")
        return text.format(list=which, label=plain(class_name(fix.to)))
    text = _("Move all to {split}") if every else _("Move {list} to {split}")
    return text.format(list=which, split=_(charts.SPLITS[fix.to]))


def in_words(note: Note) -> str:
    """What was measured, in the visitor's language; the names in it came with the images."""
    split = note.values.get("split")
    told = {"split": _(charts.SPLITS[split])} if split in charts.SPLITS else {}
    return filled(note.template, note.values | told)


def _figures(images: Sequence[CaseImage], dataset: Dataset) -> str:
    """Images side by side as one piece of HTML, whole whatever their shape, with number, class, split and name."""
    several = len(images) > 1
    cells = []
    for number, image in enumerate(images, 1):
        where = " · ".join(part for part in (class_name(image.label), _(charts.SPLITS.get(image.split, ""))) if part)
        heading = f"<b>{number}</b> · {escape(where)}" if several else escape(where)
        cells.append(
            f'<figure style="margin:0;min-width:0">{_picture(image, dataset)}'
            f'<figcaption style="font-size:0.875rem;margin-top:0.25rem;overflow-wrap:anywhere">{heading}'
            f'<div style="opacity:0.75">{escape(image.name)}</div></figcaption></figure>'
        )
    columns = "repeat(auto-fill,minmax(min(120px,45%),1fr))" if several else "minmax(0,240px)"
    return f'<div style="display:grid;grid-template-columns:{columns};gap:0.5rem">{"".join(cells)}</div>'


def _picture(image: CaseImage, dataset: Dataset) -> str:
    style = "width:100%;aspect-ratio:1;object-fit:contain;border-radius:0.3rem;display:block"
    alt = escape(_("{name}, class {label}").format(name=image.name, label=image.label))
    try:
        address = thumbnail(dataset.folder / "images" / image.file)
    except (OSError, UserError):
        text = escape(_("cannot be shown"))
        place = "display:grid;place-items:center;border:1px dashed;opacity:0.75"
        return f'<div role="img" aria-label="{alt}" style="{style};{place}">{text}</div>'
    return f'<img src="{address}" alt="{alt}" style="{style}">'


@st.cache_data(max_entries=5000, show_spinner=False)
def thumbnail(path: Path) -> str:
    """The whole picture, small, as a data: address. The path names the content, so it never goes stale."""
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))  # which leaves a line of a very long image at least a pixel
    file = io.BytesIO()
    small.save(file, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
