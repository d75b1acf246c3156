"""Augment: an image, the knobs, and exactly what training will see of it."""

import streamlit as st

from core.data.manifest import Dataset
from ui import cautions, chooser, frame, gain, lab
from ui.words import _


@frame.fragment
def laboratory(dataset: Dataset) -> None:
    """A knob reruns only this."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        row = lab.choose_strategy(dataset)
        picture = lab.choose_picture(dataset)
        augmentation, seed = lab.settings(row)
    with right:
        if picture is None:
            st.info(_("Draw, upload or photograph something: its variants appear here."), icon=":material/auto_fix:")
            return
        shown = lab.prepared(row, picture, dataset.kind)
        setting = lab.Setting(row, dataset.kind, picture, shown, augmentation, seed)
        variants = lab.grid(setting)
        with st.container(horizontal=True):
            lab.use(row, dataset)
            lab.download(setting, variants)
        cautions.of_setting(setting)
        cautions.of_flips(setting, dataset)
        lab.sweep(setting)
        lab.spread(setting)
        gain.ask(dataset, augmentation)


with frame.page(
    "Augment", _("Small random changes make more of few images. Here you see exactly what training will see.")
):
    dataset = chooser.choose()
    if dataset.live():
        laboratory(dataset)
    else:
        st.info(_("There are no images in this data set yet."), icon=":material/photo_library:")
        frame.link("Data", _("Add images"), dataset=dataset.name)
