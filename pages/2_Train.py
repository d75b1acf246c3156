"""Train: choose what to learn from and how, press Train, watch it learn. The address holds the run that is shown."""

import streamlit as st

from core import jobs
from core.config import make_config
from core.data import datasets
from core.errors import UserError
from core.ladder import plan
from ui import checkup, chooser, frame, jobview, knobs, ladder, networks
from ui.words import _, say

with frame.page("Train", _("Let a network learn the classes of a data set. You can watch it, leave, and come back.")):
    engine = None
    with frame.guard(), st.spinner(_("Starting the workers …")):  # without them there still is much to see
        engine = jobs.engine()
    shown = st.query_params.get("run")
    settings, results = st.columns(2, gap="large")

    with settings:
        jobview.choose_dataset(shown)
        dataset = chooser.choose()
        checkup.line(dataset)
        try:
            datasets.check_trainable(dataset)
        except UserError as error:
            st.warning(say(error), icon=":material/photo_library:")
            frame.link("Data", _("Add images"), dataset=dataset.name)
        else:
            strategy = knobs.strategy(dataset)
            values = knobs.panel(strategy, dataset)
            climb, left_out = plan(dataset, networks.chosen())
            with frame.guard(), st.container(horizontal=True):
                if st.button(
                    _("Train"), type="primary", icon=":material/play_arrow:", width="stretch",
                    disabled=not networks.ready(strategy),
                ):  # fmt: skip
                    config = make_config(dataset, strategy.name, values)
                    jobview.submit(config, dataset)
                ladder.button(climb, dataset)
            ladder.explain(climb, left_out)

    with results:
        with frame.guard():
            if shown:
                jobview.show(shown, dataset)
        ladder.comparison(dataset)
        if engine:
            jobview.queue(shown)
        with frame.guard():
            jobview.past(dataset, shown)
