"""Where an augmentation can break the picture or its label, said beside the picture it happens to."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.augmentation import transforms, warnings
from core.augmentation.warnings import FlipEffect
from core.catalog.knobs import KNOBS
from core.data import images
from core.data.manifest import Dataset, Entry, Note
from core.jobs import service
from core.results import runs
from core.results.runs import Run
from core.storage.parallel import in_threads
from ui.augment.lab import MANY, Setting
from ui.i18n import _, class_name, filled, percent, plain
from ui.train import hyperparameters

PER_CLASS, MOST_CLASSES = 32, 20  # images and classes a network is asked about
FEWEST = 10  # images a network has not learned from; with fewer, those it learned from must do
BATCH = 12  # images of up to 512 x 512 pixels; Dask grumbles about messages of more than 10 MB
FLIPS = {"horizontal_flip": np.fliplr, "vertical_flip": np.flipud}


def say(notes: Sequence[Note]) -> None:
    for note in notes:
        st.warning(filled(note.template, note.values), icon=":material/warning:")


def of_setting(setting: Setting) -> None:
    """What the setting does to its own picture, over many draws."""
    say(warnings.of_image(setting.picture.rgb, setting.picture.size, setting.prepare, setting.picture.transparent))
    if not setting.augmentation.changes_nothing:
        fill = transforms.fill(setting.augmentation, setting.prepare)
        say(warnings.of_draws(setting.shown, setting.draws(MANY), setting.prepare, *fill))


def of_flips(setting: Setting, dataset: Dataset) -> None:
    """Whether mirror images of a class look like another, as the newest network of this data set sees them.

    Of many classes, those with the most images.
    """
    on = [name for name in FLIPS if getattr(setting.augmentation, name)]
    run = _judge(dataset, on)
    for name in on:
        title = _(KNOBS[name].title)
        if run is None:
            text = _("{knob}: once a model is trained on this data set, you can check here whether flipped images of "
                     "one class look like another. Letters, digits and signs often do.")  # fmt: skip
            st.caption(text.format(knob=title))
            continue
        known = f"lab-mirrored-{name}-{run.key}"
        if known not in st.session_state:
            label = _("Check with a trained model: {knob}").format(knob=title)
            if not st.button(label, icon=":material/flip:", type="tertiary"):
                continue
            with st.spinner(_("Classifying flipped images …")):
                st.session_state[known] = _mirrored(run, dataset, name)
        _say_mirrored(title, run, st.session_state[known], getattr(run.config.augmentation, name))


def _judge(dataset: Dataset, on: Sequence[str]) -> Run | None:
    """The newest finished run of this data set, if possible one that has not learned from mirror images."""
    done = [run for run in runs.every() if run.state == "done" and run.config.fingerprint == dataset.fingerprint]
    unbiased = [run for run in done if not any(getattr(run.config.augmentation, name) for name in on)]
    return next(iter(unbiased or done), None)


def _mirrored(run: Run, dataset: Dataset, name: str) -> list[FlipEffect]:
    by_class: dict[str, list[Entry]] = {label: [] for label in run.classes}
    for entry in dataset.live():
        by_class[entry.label].append(entry)
    entries = []
    for own in sorted(by_class.values(), key=len, reverse=True)[:MOST_CLASSES]:
        unseen = [entry for entry in own if entry.split != "train"]
        entries += (unseen if len(unseen) >= FEWEST else own)[:PER_CLASS]
    pictures = list(in_threads(lambda entry: images.decode(dataset.image_path(entry)), entries))
    truth = np.array([run.classes.index(entry.label) for entry in entries])
    return warnings.flip_effects(
        run.classes, truth, _answers(run, pictures), _answers(run, [FLIPS[name](picture) for picture in pictures])
    )


def _answers(run: Run, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The index of the likeliest class for each picture: (n,)."""
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    return np.concatenate([service.engine().predict_many(run.key, batch) for batch in batches]).argmax(axis=1)


def _say_mirrored(title: str, run: Run, rows: Sequence[FlipEffect], learned_mirrored: bool) -> None:
    who, confused = hyperparameters.title(run.config.strategy), [row for row in rows if warnings.is_confused(row)]
    if confused:
        each = _("“{label}” {right}, flipped {mirrored} (often predicted as “{other}”)")
        lines = [
            each.format(label=plain(class_name(row.label)), right=percent(row.accuracy),
                        mirrored=percent(row.accuracy_flipped), other=plain(class_name(row.predicted)))
            for row in confused
        ]  # fmt: skip
        text = _(
            "**{knob}: flipped images of some classes look like another class.** Accuracy of {who} on up to {n} "
            "images per class: {list}. Turn the flip off unless a flipped image still matches its label."
        )
        text = text.format(knob=title, who=who, n=PER_CLASS, list="; ".join(lines))
        st.warning(text, icon=":material/flip:")
    else:
        text = _("{knob}: {who} recognizes flipped images of every class about as well as the originals.")
        st.caption(":material/check: " + text.format(knob=title, who=who))
    if learned_mirrored:
        text = _("{who} was itself trained with flips, so it may not notice. Train once without flips to be sure.")
        st.caption(text.format(who=who))
