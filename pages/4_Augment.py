"""Augment: an image, the knobs, and exactly what training will see of it."""

import streamlit as st

from core.data.manifest import Dataset
from ui import page
from ui.augment import ablation, lab, warnings_view
from ui.i18n import _
from ui.widgets import dataset_picker


@page.fragment
def laboratory(dataset: Dataset) -> None:
    """A knob reruns only this."""
    row = lab.choose_strategy(dataset)
    source = lab.choose_source()
    left, right = st.columns(2, gap="large")
    with left:
        picture = lab.picture_from(source, dataset)
        augmentation, seed = lab.settings(row, dataset)
    if picture is None:
        right.info(_("Draw, upload or photograph something to see its variants."), icon=":material/auto_fix:")
        return
    setting = lab.Setting(row, dataset.kind, picture, lab.prepared(row, picture, dataset), augmentation, seed)
    with right:
        variants = lab.grid(setting, dataset)
        with st.container(horizontal=True):
            lab.use(row, dataset)
            lab.download(setting, variants)
        warnings_view.of_setting(setting)
        warnings_view.of_flips(setting, dataset)
    lab.sweep(setting)
    left, right = st.columns(2, gap="large")
    with left:
        lab.spread(setting)
    with right, page.guard():
        ablation.ask(dataset, augmentation)
    lab.explain()


with page.page("Augment", _("Augmentation gets more out of few images. Preview exactly what training will see.")):
    dataset = dataset_picker.choose()
    if dataset.live():
        laboratory(dataset)
    else:
        st.info(_("There are no images in this data set yet."), icon=":material/photo_library:")
        page.link("Data", _("Add images"), dataset=dataset.name)
