"""The Predict page's pieces: which networks are asked, what they are shown, and the table of their answers to many."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.data import folder_layout, images, uploads
from core.data.archives import Found
from core.data.decoding import normalise
from core.data.manifest import Skipped
from core.errors import UserError
from core.jobs import service
from core.jobs.engine import MOST_RUNS
from core.results.runs import Run
from core.storage import spreadsheet
from core.storage.parallel import in_threads
from ui import page
from ui.data.upload import IMAGE_TYPES, LISTED
from ui.i18n import _, class_name, plain, say
from ui.widgets import canvas, charts, probabilities

PLACE = "predict"
CHOICE, READ, ANSWERS = "predict-runs", "predict-read", "predict-answers"
PRESELECTED = 6
MAX_IMAGES = 500
BATCH = 12  # images of up to 512 x 512 pixels; Dask grumbles about messages of more than 10 MB
THUMBNAIL, ROW = 96, 56  # pixels

AnswerName = tuple[str, float, str]  # the run's key, when it was trained, the image
Item = TypeVar("Item")


@dataclass(frozen=True)
class Upload:
    """An image that was handed over. `image` names its pixels; `content` is a file of at most 512 x 512 pixels."""

    name: str
    image: str
    content: bytes = field(repr=False)
    thumbnail: str = field(repr=False)  # a data: address

    @property
    def rgb(self) -> np.ndarray:
        return images.decode(self.content)


def choose(finished: Mapping[str, Run]) -> list[Run]:
    """Which finished runs are asked, {key: run} newest first; the address and the session remember the choice."""
    came_from = st.query_params.get("run")
    if came_from or CHOICE not in st.session_state:
        asked = st.query_params.get("runs", "").split(",") if not came_from else []
        st.session_state[CHOICE] = [key for key in asked if key in finished] or preselected(finished, came_from)
    wished = [key for key in st.session_state[CHOICE] if key in finished]
    st.session_state[CHOICE] = wished[:MOST_RUNS]
    keys = st.multiselect(
        _("Models to compare"), list(finished), format_func=probabilities.labels(finished.values()).get, key=CHOICE,
        placeholder=_("Select trained models"), persist_state="session", max_selections=MOST_RUNS,
    )  # fmt: skip
    if len(wished) > MOST_RUNS:
        st.caption(_("At most {n} models can be compared at once; the link names {total}.").format(
            n=MOST_RUNS, total=len(wished)))  # fmt: skip
    st.query_params.pop("run", None)
    st.query_params["runs"] = ",".join(keys)
    return [finished[key] for key in keys]


def preselected(finished: Mapping[str, Run], key: str | None) -> list[str]:
    """The run `key`, or the newest; then the newest of each other strategy on its data set, then older ones."""
    first = finished.get(key) or next(iter(finished.values()))
    others = [run for run in finished.values() if run.dataset == first.dataset]
    by_strategy = {first.config.strategy: first}
    for run in others:
        by_strategy.setdefault(run.config.strategy, run)
    return list(dict.fromkeys(run.key for run in (*by_strategy.values(), *others)))[:PRESELECTED]


@page.fragment
def look(chosen: Sequence[Run]) -> None:
    """An image and what every chosen run says of it; of many images a table. A stroke runs only this."""
    source, image = canvas.choose_source(PLACE, first="upload"), None
    if source == "upload":
        pictures = upload()
        picture = many(pictures, chosen) if len(pictures) > 1 else next(iter(pictures), None)
        if picture is None:
            return
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(width=canvas.SIDE + 32), st.container(width="stretch")
    with left, page.guard():
        if source == "upload":
            image = picture.rgb
            canvas.show(image, plain(picture.name))
        else:
            image = canvas.image_from(source, PLACE)
    with right, page.guard():
        if image is None:
            st.markdown(_("The models' predictions appear here."))
        else:
            probabilities.side_by_side(chosen, image)
    if image is not None:
        with left:
            pretrained(image)


def pretrained(image: np.ndarray) -> None:
    """What a network that nobody here taught calls the image."""
    if not st.toggle(
        _("What does the pretrained network see?"), key=f"{PLACE}-imagenet", persist_state="session",
        help=_("EfficientNet-Lite0 was trained on the 1,000 classes of ImageNet: animals, tools, food. It knows "
               "neither your classes nor drawings."),
    ):  # fmt: skip
        return
    with page.guard():
        with st.spinner(_("Classifying …")):
            labels, shares = zip(*service.engine().imagenet(image), strict=True)
        st.html(charts.probabilities(labels, shares, color=charts.NO_CLASS))
        st.caption(_("EfficientNet-Lite0: top 5 of its 1,000 ImageNet classes"))


def upload() -> list[Upload]:
    """The images that were handed over, read once; what could not be used is said by name."""
    files = st.file_uploader(
        _("Images or zips of images"), [*IMAGE_TYPES, "zip"], accept_multiple_files=True, key=f"{PLACE}-upload"
    )
    ids = [file.file_id for file in files]
    if st.session_state.get(READ, [None])[0] != ids:
        found, others = uploads.found_in(files, MAX_IMAGES)
        read = list(_watched(in_threads(_picture, found), len(found), _("Loading {n} images …").format(n=len(found))))
        skipped = [*others, *(item for item in read if isinstance(item, Skipped))]
        st.session_state[READ] = ids, [item for item in read if isinstance(item, Upload)], skipped
    _ids, pictures, skipped = st.session_state[READ]
    if skipped:
        _left_out(skipped, expanded=not pictures)
    return pictures


def _picture(found: Found) -> Upload | Skipped:
    try:
        stored = normalise(found.read())
    except UserError as error:
        return Skipped(found.path, *folder_layout.unreadable(found.path, error))
    small, file = Image.fromarray(stored.rgb), io.BytesIO()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(file, "JPEG")
    thumbnail = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Upload(found.path, stored.image, stored.content, thumbnail)


def _left_out(skipped: Sequence[Skipped], expanded: bool) -> None:
    with st.expander(_("Could not be used: {n}").format(n=len(skipped)), expanded, icon=":material/rule:"):
        for item in skipped[:LISTED]:
            st.text(f"{item.name}: {_(item.template).format(**item.values)}")
        if skipped[LISTED:]:
            st.caption(_("and {n} more").format(n=len(skipped) - LISTED))


def _watched(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    """Pass the items on; a bar shows how many are done."""
    bar = st.empty()
    for done, item in enumerate(items, 1):
        yield item
        bar.progress(done / total, text)
    bar.empty()


def many(pictures: Sequence[Upload], chosen: Sequence[Run]) -> Upload | None:
    """A table of every run's answers, to sort and to download; the picture whose row is ticked."""
    known = answered(pictures, chosen)
    chosen = [run for run in chosen if all(name(run, picture) in known for picture in pictures)]
    if not chosen:
        return None
    shown = table(pictures, chosen, known)
    if "agree" in shown:
        text = _("**They agree on {n} of {total} images.**")
        st.markdown(text.format(n=int(shown["agree"].sum()), total=len(pictures)))
    st.space("small")  # for the table's own toolbar, which floats above it where there is no mouse
    event = st.dataframe(
        shown, hide_index=True, row_height=ROW, column_config=_columns(chosen),
        on_select="rerun", selection_mode="single-row", key=f"{PLACE}-table-{hash(tuple(st.session_state[READ][0]))}",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            _("Download all probabilities (CSV)"), partial(as_csv, pictures, chosen, known, csv_head(chosen)),
            "predictions.csv", "text/csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.caption(_("Select a row to see the image; click a column header to sort."))
    return pictures[event.selection.rows[0]] if event.selection.rows else None


def name(run: Run, picture: Upload) -> AnswerName:
    return run.key, run.changed, picture.image


def answered(pictures: Sequence[Upload], chosen: Sequence[Run]) -> dict[AnswerName, np.ndarray]:
    """Every chosen run's probabilities for every picture, (classes,) each; none is asked for twice.

    Of a run that cannot predict they are missing, and the page says why.
    """
    different = {picture.image: picture for picture in pictures}
    known = {key: row for key, row in st.session_state.get(ANSWERS, {}).items() if key[-1] in different}
    st.session_state[ANSWERS] = known  # filled below, batch by batch: a rerun in between loses nothing
    steps, failed = [], set()
    for run in chosen:
        new = [picture for picture in different.values() if name(run, picture) not in known]
        steps += [(run, new[start : start + BATCH]) for start in range(0, len(new), BATCH)]
    for run, batch in _watched(steps, len(steps), _("Classifying {n} images …").format(n=len(different))):
        if run.key in failed:
            continue
        try:
            rows = service.engine().predict_many(run.key, list(in_threads(lambda picture: picture.rgb, batch)))
        except UserError as error:
            failed.add(run.key)
            st.error(f"{plain(probabilities.describe(run))}: {say(error)}", icon=":material/error:")
        else:
            known.update(zip([name(run, picture) for picture in batch], rows, strict=True))
    return known


def table(pictures: Sequence[Upload], chosen: Sequence[Run], known: Mapping[AnswerName, np.ndarray]) -> pd.DataFrame:
    """A row for each picture: "picture", "file", and for each run's key "KEY answer" and "KEY share".

    Where several runs know the same classes, "agree" tells whether all of them have the same answer.
    """
    columns: dict[str, list] = {
        "picture": [picture.thumbnail for picture in pictures],
        "file": [picture.name for picture in pictures],
    }
    for run in chosen:
        winners = [probabilities.winner(run.classes, known[name(run, picture)].tolist()) for picture in pictures]
        columns[f"{run.key} answer"] = [class_name(label) for label, _share in winners]
        columns[f"{run.key} share"] = [share for _label, share in winners]
    if len(chosen) > 1 and len({run.classes for run in chosen}) == 1:
        said = zip(*(columns[f"{run.key} answer"] for run in chosen), strict=True)
        columns["agree"] = [len(set(labels)) == 1 for labels in said]
    return pd.DataFrame(columns)


def _columns(chosen: Sequence[Run]) -> dict[str, object]:
    column, titles = st.column_config, probabilities.names(chosen)
    config = {"picture": column.ImageColumn("", width=ROW, pinned=True), "file": column.TextColumn(_("File")),
              "agree": column.CheckboxColumn(_("all agree"))}  # fmt: skip
    for run in chosen:
        config[f"{run.key} answer"] = column.TextColumn(titles[run.key], help=plain(probabilities.describe(run)))
        config[f"{run.key} share"] = column.ProgressColumn(_("probability"), format="percent", min_value=0, max_value=1)
    return config


def csv_head(chosen: Sequence[Run]) -> list[str]:
    """The first line of `as_csv`, in the visitor's language."""
    head, titles = [_("File")], probabilities.names(chosen)
    for run in chosen:
        head += [titles[run.key], *(f"{titles[run.key]}: {label}" for label in run.classes)]
    return head


def as_csv(
    pictures: Sequence[Upload],
    chosen: Sequence[Run],
    known: Mapping[AnswerName, np.ndarray],
    head: Sequence[str] | None = None,
) -> bytes:
    """A line for each picture: its file, and of each run the answer and the probability of every class.

    A download is made outside of the page's script, where nobody knows the visitor's language: it brings its `head`.
    """
    lines = [csv_head(chosen) if head is None else head]
    for picture in pictures:
        line = [picture.name]
        for run in chosen:
            row = known[name(run, picture)].tolist()
            line += [probabilities.winner(run.classes, row)[0], *(f"{share:.6f}" for share in row)]
        lines.append(line)
    return spreadsheet.as_csv(lines)
