"""The Augment page's pieces: an image, the knobs, and what training will see of it; and what a run was fed.

The knobs are the Train page's own widgets: what is set here is set there.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import streamlit as st

from core.augmentation import transforms
from core.catalog.knobs import FILL_MODES, KNOBS
from core.catalog.strategies import PRESETS, STRATEGIES, Strategy
from core.config import AUGMENTATION_KNOBS, Augmentation, make_augmentation
from core.data import arrays, contact_sheet, images
from core.data.decoding import normalise
from core.data.manifest import Dataset
from core.i18n import N_
from core.results import runs
from core.results.runs import Run
from ui import page
from ui.i18n import _, class_name
from ui.train import hyperparameters
from ui.widgets import canvas, image_grid

PLACE = "lab"
VARIANTS = (20, 5, 60)  # at first, at least, at most
MANY = 200  # variants behind the mean and the spread
STEPS = 7  # of a sweep
FED = 8  # images of a run that are shown
SPREAD_WHITE = 96  # levels: a standard deviation this large is shown white
MOVED = {"width_shift": 0.25, "height_shift": -0.15, "rotation": 20.0}  # shows what each fill mode does
_NEW_SEEDS = KNOBS["seed"].high + 1


@dataclass(frozen=True)
class LabImage:
    """An image as it would be in a data set. `content`: the hash of its pixels; `file`: its encoded bytes.

    `size`: the width and height it came with; `transparent`: whether it came with an alpha channel.
    """

    content: str
    file: bytes = field(repr=False)
    size: tuple[int, int]
    transparent: bool = False

    @property
    def rgb(self) -> np.ndarray:
        return images.decode(self.file)


@dataclass(frozen=True)
class Setting:
    """What the page is about: a picture as `row` reads it, (size, size, channels) uint8, and how it is changed."""

    row: Strategy
    prepare: str
    picture: LabImage
    shown: np.ndarray = field(repr=False)
    augmentation: Augmentation
    seed: int

    def draws(self, n: int) -> transforms.Draw:
        """What training draws for this image the first n times it shows it."""
        return transforms.draw(self.augmentation, self._seeds(n))

    def variants(self, n: int) -> np.ndarray:
        """(n, size, size, channels) uint8, the very pixels that training shows, or at first shrinks."""
        return transforms.variants(self.repeated(n), self.augmentation, self.prepare, self._seeds(n))

    def repeated(self, n: int) -> np.ndarray:
        return np.broadcast_to(self.shown, (n, *self.shown.shape))

    def _seeds(self, n: int) -> list[tuple[int, ...]]:
        return [transforms.seed(self.picture.content, self.seed, number) for number in range(n)]


def choose_strategy(dataset: Dataset) -> Strategy:
    """For which training: it decides the size and the colours of what the network sees, and it has the knobs."""
    names = [name for name in hyperparameters.names(dataset.kind) if "rotation" in STRATEGIES[name].defaults]
    key = f"{PLACE}-strategy-{dataset.name}-{dataset.kind}"
    st.session_state.setdefault(key, hyperparameters.SUGGESTED.get(dataset.name, names[0]))
    name = st.selectbox(
        _("Preview for strategy"), names, format_func=hyperparameters.title, key=key, persist_state="session",
        help=_("Each strategy has its own image size and settings."),
    )  # fmt: skip
    return STRATEGIES[name]


def choose_source() -> str:
    """Where the image comes from: the data set, or as in `ui.widgets.canvas`."""
    sources = {"dataset": (N_("Data set"), ":material/photo_library:")}
    sources |= {name: (title, icon) for name, (title, icon, _ask) in canvas.SOURCES.items()}
    return st.segmented_control(
        _("Image from"), list(sources), format_func=lambda name: f"{sources[name][1]} {_(sources[name][0])}",
        default="dataset", required=True, key=f"{PLACE}-source", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip


def picture_from(source: str, dataset: Dataset) -> LabImage | None:
    """One of the data set's training images, or one that is drawn, uploaded or photographed; None until it is there."""
    with page.guard():
        if source == "dataset":
            return _of_dataset(dataset)
        if source == "upload":
            file = st.file_uploader(_("An image file"), key=f"{PLACE}-upload")
            return _taken(file.getvalue()) if file else None
        rgb = canvas.image_from(source, PLACE)
        return None if rgb is None else _taken(rgb)
    return None


def _of_dataset(dataset: Dataset) -> LabImage:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox(_("Class"), dataset.live_classes, format_func=class_name,
                             key=f"{PLACE}-class-{dataset.name}", persist_state="session")  # fmt: skip
        entries = [e for e in dataset.live() if e.label == label]
        entries = [e for e in entries if e.split == "train"] or entries
        number = st.number_input(_("Image"), 1, len(entries), key=f"{PLACE}-image-{dataset.name}-{label}",
                                 persist_state="session")  # fmt: skip
    entry = entries[number - 1]
    path = dataset.image_path(entry)
    return LabImage(entry.content, path.read_bytes(), images.open_image(path).size)


def _taken(source: bytes | np.ndarray) -> LabImage:
    stored = normalise(source)
    return LabImage(stored.image.partition(".")[0], stored.content, stored.size, stored.transparent)


def settings(row: Strategy, dataset: Dataset) -> tuple[Augmentation, int]:
    """The presets, the knobs and the seed; what they are set to."""
    presets = st.container()
    names = [name for name in AUGMENTATION_KNOBS if name != "fill_value"]
    with st.grid(2, min_column_width=140):
        values = {name: hyperparameters.widget(row, name, dataset) for name in names}
        if values["fill_mode"] == "constant":
            values["fill_value"] = hyperparameters.widget(row, "fill_value", dataset)
    values.setdefault("fill_value", hyperparameters.current(row, "fill_value", dataset))
    augmentation = make_augmentation(values)
    key = f"{PLACE}-preset-{row.name}"
    known = (name for name, preset in PRESETS.items() if make_augmentation(preset.knobs) == augmentation)
    st.session_state[key] = next(known, None)
    own = augmentation == make_augmentation({name: row.defaults[name] for name in AUGMENTATION_KNOBS})
    unnamed = _("The strategy's default.") if own else _("Custom setting.")
    with presets:
        chosen = st.pills(
            _("Presets"), list(PRESETS), key=key, on_change=_take_preset, args=(row, key, dataset),
            format_func=lambda name: f":material/{PRESETS[name].icon}: {_(PRESETS[name].title)}",
        )  # fmt: skip
        st.caption(_(PRESETS[chosen].summary) if chosen else unnamed)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = hyperparameters.widget(row, "seed", dataset)
        st.button(
            _("New draw"), icon=":material/casino:", on_click=_new_seed, args=(row, dataset),
            help=_("Draw new random numbers. The same seed gives the same variants, here and in training."),
        )  # fmt: skip
    return augmentation, seed


def _take_preset(row: Strategy, key: str, dataset: Dataset) -> None:
    if st.session_state[key]:
        preset = PRESETS[st.session_state[key]]
        hyperparameters.put(row, {name: KNOBS[name].coerce(value) for name, value in preset.knobs.items()}, dataset)


def _new_seed(row: Strategy, dataset: Dataset) -> None:
    hyperparameters.put(row, {"seed": int(np.random.default_rng().integers(_NEW_SEEDS))}, dataset)


def prepared(row: Strategy, picture: LabImage, dataset: Dataset) -> np.ndarray:
    """The picture as the strategy's network reads it."""
    size = row.image_size or hyperparameters.current(row, "image_size", dataset)
    return arrays.prepared(picture.file, dataset.kind, size, row.channels)


def grid(setting: Setting, dataset: Dataset) -> np.ndarray:
    """The original beside its variants; the variants, (n, size, size, channels) uint8."""
    first, least, most = VARIANTS
    n = st.session_state.get(f"{PLACE}-n", first)
    variants = setting.variants(n)
    views = hyperparameters.current(setting.row, "views", dataset) if "views" in setting.row.defaults else None
    if views:
        text = _("**Original (large, {side} x {side} pixels) and its variants.** Training computes the first {views} "
                 "variants and reuses them.")  # fmt: skip
    else:
        text = _("**Original (large, {side} x {side} pixels) and its variants.** Training shows them one by one, in "
                 "this order.")  # fmt: skip
    text = text.format(side=len(setting.shown), views=views)
    if "progressive_resizing" in setting.row.defaults and hyperparameters.current(
        setting.row, "progressive_resizing", dataset
    ):
        text += " " + _("In the first epochs they have two thirds of this width and height.")
    st.markdown(text)
    st.html(image_grid.grid(setting.shown, variants, _("Original"), _("Variant"), 64))
    st.slider(_("Variants"), least, most, first, key=f"{PLACE}-n", persist_state="session", width=280)
    return variants


def download(setting: Setting, variants: np.ndarray) -> None:
    told = {
        "strategy": setting.row.name,
        "seed": setting.seed,
        "image": setting.picture.content,
        "kind": setting.prepare,
    }
    told |= {"augmentation": asdict(setting.augmentation)}
    st.download_button(
        _("Download the variants (zip)"), lambda: contact_sheet.variants_zip(setting.shown, variants, told),
        "variants.zip", "application/zip", icon=":material/download:", on_click="ignore",
        help=_("Every variant as PNG, a contact sheet of all of them, and the settings."),
    )  # fmt: skip


def use(row: Strategy, dataset: Dataset) -> None:
    """Go to the Train page, whose knobs are these very ones."""
    clicked = st.button(
        _("Use in training"), type="primary", icon=":material/model_training:",
        on_click=hyperparameters.choose, args=(row, dataset),
    )  # fmt: skip
    if clicked:
        page.go("Train")


def sweep(setting: Setting) -> None:
    """One knob from low to high, nothing else: what it does."""
    st.subheader(_("One setting at a time"), anchor=False)
    names = [name for name in AUGMENTATION_KNOBS if name != "fill_value"]
    name = st.pills(
        _("Setting"), names, default=names[0], required=True, format_func=lambda name: _(KNOBS[name].title),
        key=f"{PLACE}-sweep", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    knob, value = KNOBS[name], getattr(setting.augmentation, name)
    fill = transforms.fill(setting.augmentation, setting.prepare)
    if name == "fill_mode":
        modes = [mode for mode in FILL_MODES if mode != "auto"]
        moved = transforms.Draw(**(vars(transforms.identity(1)) | {key: np.array([by]) for key, by in MOVED.items()}))
        shades = setting.augmentation.fill_value
        pictures = [transforms.apply(setting.shown[np.newaxis], moved, mode, shades)[0] for mode in modes]
        captions = [_(FILL_MODES[mode]) for mode in modes]
        text = _("The same transform with each fill mode.")
    elif knob.kind is bool:
        pictures = transforms.apply(setting.repeated(2), transforms.sweep(name, 1, 2), *fill)
        captions = [_("original"), _("flipped")]
        text = _("Half of the variants are flipped.") if value else _("Off: no variant is flipped.")
    else:
        reach = value or knob.high
        pictures = transforms.apply(setting.repeated(STEPS), transforms.sweep(name, reach, STEPS), *fill)
        captions = [f"{'+' if step > 0 else ''}{hyperparameters.written(knob, step)}" for step in _steps(reach)]
        text = _("From the lowest to the highest value of the current range.") if value else _(
            "Off: showing the maximum of this setting.")  # fmt: skip
    st.markdown(f"{_(knob.help)} {text}")
    st.html(image_grid.row(pictures, captions, _(knob.title)))


def _steps(reach: float) -> list[float]:
    return [round(float(step), 3) for step in np.linspace(-reach, reach, STEPS)]


def spread(setting: Setting) -> None:
    """The mean of many variants, and where they differ."""
    st.subheader(_("All settings together"), anchor=False)
    variants = setting.variants(MANY)
    mean = np.rint(variants.mean(axis=0, dtype=np.float32)).astype(np.uint8)
    deviation = variants.std(axis=0, dtype=np.float32).mean(axis=2, keepdims=True)
    bright = np.clip(deviation * (255 / SPREAD_WHITE), 0, 255).astype(np.uint8)
    text = _(
        "Left: the mean of {n} variants; sharp areas are in the same place in all of them. Right: their spread, from "
        "black (identical) to white (most different)."
    )
    st.markdown(text.format(n=MANY))
    st.html(image_grid.row([mean, bright], [_("mean"), _("spread")], _("Picture"), 200))


def explain() -> None:
    """How this compares with Keras, for those who know it."""
    with st.expander(_("Compared with Keras' ImageDataGenerator"), icon=":material/menu_book:"):
        st.markdown(_(
            "- The same parameters give the same picture as `apply_transform` with bilinear interpolation, in every "
            "fill mode: 99% of the pixels and more lie within 2 of 255, and tests see to it.\n"
            "- **Shear is in degrees.** The 2016 tutorials' `shear_range=0.2` meant radians, 11.5°; today's Keras "
            "reads it as 0.2°, which nobody sees. The presets mean the 11.5°.\n"
            "- **Width shift moves sideways.** Keras has its two shifts the other way round.\n"
            "- **Brightness** is a share: 20% is `brightness_range=(0.8, 1.2)`.\n"
            "- **Never rescale by 1/255 yourself:** it happens inside the network."
        ))  # fmt: skip


def fed(run: Run) -> None:
    """A strip of what a run was shown in its first epoch, a few images of each class."""
    shown, labels = _fed(run.key)
    if not labels:
        return
    st.markdown(
        _("Training input in the first epoch") if not run.config.augmentation.changes_nothing
        else _("Training input (no augmentation)")
    )  # fmt: skip
    st.html(image_grid.rows(shown, [class_name(label) for label in labels], _("Training image"), 72))


@st.cache_data(max_entries=8, show_spinner=False)  # megabytes each
def _fed(key: str) -> tuple[np.ndarray, Sequence[str]]:
    run = runs.find(key)
    config, dataset, row = run.config, runs.dataset_of(run), STRATEGIES.get(run.config.strategy)
    by_class = [[e for e in dataset.live("train") if e.label == label] for label in dataset.live_classes]
    turns = [entry for entries in zip(*by_class, strict=False) for entry in entries]
    entries = [entry for entry in turns[:FED] if dataset.image_path(entry).exists()]
    if not row or not entries:  # of an earlier version, or deleted since
        return np.empty(0), []
    shown = np.stack([
        arrays.prepared(dataset.image_path(entry), config.kind, config.image_size, row.channels) for entry in entries
    ])  # fmt: skip
    seeds = [transforms.seed(entry.content, config.seed, 0) for entry in entries]
    variants = transforms.variants(shown, config.augmentation, config.kind, seeds)
    return transforms.resized(variants, config.shown_size(0)), [entry.label for entry in entries]
