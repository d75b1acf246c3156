"""Predict: show an image, or many, to trained networks, and compare what they take it for."""

import streamlit as st

from core.results import runs
from ui import page
from ui.i18n import _
from ui.predict import batch

with page.page("Predict", _("Show an image, or many, to the trained networks, and compare what they take it for.")):
    finished = {run.key: run for run in runs.every() if run.state == "done"}
    if finished:
        chosen = batch.choose(finished)
        if chosen:
            batch.look(chosen)
        else:
            st.info(_("Choose at least one network above."), icon=":material/visibility:")
    else:
        st.info(_("No network is trained yet. Train one, then show it images here."), icon=":material/model_training:")
        page.link("Train", _("Train a network"))
