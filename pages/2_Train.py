"""Train: choose what to learn from and how, press Train, watch it learn. The address holds the run that is shown."""

import streamlit as st

from core.config import make_config
from core.data import datasets
from core.errors import UserError
from core.jobs import service
from core.results.ladder import plan
from ui import page
from ui.data import check_view
from ui.i18n import _, say
from ui.train import backbone_picker, hyperparameters, ladder, run_view
from ui.widgets import dataset_picker

with page.page("Train", _("Train a model on a data set. You can watch it, leave, and come back.")):
    engine = None
    with page.guard(), st.spinner(_("Starting the workers …")):  # without them there still is much to see
        engine = service.engine()
    shown = st.query_params.get("run")
    settings, results = st.columns(2, gap="large")

    with settings:
        run_view.choose_dataset(shown)
        dataset = dataset_picker.choose()
        check_view.line(dataset)
        try:
            datasets.check_trainable(dataset)
        except UserError as error:
            st.warning(say(error), icon=":material/photo_library:")
            page.link("Data", _("Add images"), dataset=dataset.name)
        else:
            strategy = hyperparameters.strategy(dataset)
            values = hyperparameters.panel(strategy, dataset)
            climb, left_out = plan(dataset, backbone_picker.chosen())
            with page.guard(), st.container(horizontal=True):
                if st.button(
                    _("Train"), type="primary", icon=":material/play_arrow:", width="stretch",
                    disabled=not backbone_picker.ready(strategy),
                ):  # fmt: skip
                    config = make_config(dataset, strategy.name, values)
                    run_view.submit(config, dataset)
                ladder.button(climb, dataset)
            ladder.explain(climb, left_out)

    with results:
        with page.guard():
            if shown:
                run_view.show(shown, dataset)
        ladder.comparison(dataset)
        if engine:
            run_view.queue(shown)
        with page.guard():
            run_view.past(dataset, shown)
