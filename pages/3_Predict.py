"""Predict: show an image, or many, to trained networks, and compare what they take it for."""

import streamlit as st

from core.results import runs
from ui import page
from ui.i18n import _
from ui.predict import batch

with page.page("Predict", _("Show one or more images to your trained models and compare their predictions.")):
    finished = {run.key: run for run in runs.every() if run.state == "done"}
    if finished:
        chosen = batch.choose(finished)
        if chosen:
            batch.look(chosen)
        else:
            st.info(_("Select at least one model above."), icon=":material/visibility:")
    else:
        st.info(_("No trained models yet. Train one, then classify images here."), icon=":material/model_training:")
        page.link("Train", _("Train a model"))
