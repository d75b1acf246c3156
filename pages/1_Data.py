"""Data: the images a classifier learns from. Choose or make a data set, fill it, look through it, put it in order."""

import streamlit as st

from core.data.manifest import Dataset
from ui import page
from ui.data import check_view, gallery, upload
from ui.i18n import _
from ui.widgets import dataset_picker


def images(dataset: Dataset) -> None:
    if dataset.entries:
        gallery.overview(dataset)
        gallery.kind_switch(dataset)
        page.link("Train", _("Train on this data set"), dataset=dataset.name)

    if not dataset.read_only:
        st.subheader(_("Add images"), anchor=False)
        upload.add(dataset)

    if dataset.classes:
        st.subheader(_("Browse"), anchor=False)
        gallery.gallery(dataset.name)


with page.page("Data", _("Collect the examples that a classifier learns from: a few images per class.")):
    dataset = dataset_picker.choose()
    if dataset.read_only:
        st.caption(_("Built-in data set: you can view it and train on it. To change it, make an editable copy."))
    with st.container(horizontal=True):
        upload.new()
        dataset_picker.actions(dataset)
        gallery.undo(dataset)
    upload.report()
    if dataset_picker.view() == "check":
        check_view.view(dataset)
    else:
        images(dataset)
