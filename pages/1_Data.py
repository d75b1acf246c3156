"""Data: the images a classifier learns from. Choose or make a data set, fill it, look through it, put it in order."""

import streamlit as st

from core.data.manifest import Dataset
from ui import checkup, chooser, frame, gallery, intake
from ui.words import _


def images(dataset: Dataset) -> None:
    if dataset.entries:
        gallery.overview(dataset)
        gallery.kind_switch(dataset)
        frame.link("Train", _("Train on this data set"), dataset=dataset.name)

    if not dataset.read_only:
        st.subheader(_("Add images"), anchor=False)
        intake.add(dataset)

    if dataset.classes:
        st.subheader(_("Look through"), anchor=False)
        gallery.gallery(dataset.name)


with frame.page("Data", _("A classifier learns from examples. Here you collect them: a few images of each class.")):
    dataset = chooser.choose()
    if dataset.read_only:
        st.caption(_("Built in: you can look at it and train on it. To change it, make an editable copy."))
    with st.container(horizontal=True):
        intake.new()
        chooser.actions(dataset)
        gallery.undo(dataset)
    intake.report()
    if chooser.view() == "check":
        checkup.view(dataset)
    else:
        images(dataset)
