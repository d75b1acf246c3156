"""The pieces of the home page: what looks at the drawing, the drawing with its bars, and teaching it more."""

import numpy as np
import streamlit as st

from core.data import datasets, edits
from core.errors import UserError
from core.jobs import service
from core.results import runs
from ui import page
from ui.i18n import _, class_name, plain, say
from ui.train import run_view
from ui.widgets import canvas, probabilities

CANVAS = "home"


def choose_run() -> runs.Run | None:
    """What looks at the drawing: the built-in classifier or any finished run; the address remembers the choice."""
    builtin = None
    with page.guard():  # it may have been damaged or deleted; others can look at the drawing
        builtin = service.builtin_run()
    choices = {builtin.key: builtin} if builtin else {}
    # The built-in classifier's earlier runs next: just after a start, the server does not know yet which is its own.
    done = sorted(
        (run for run in runs.every() if run.state == "done"), key=lambda run: run.dataset != service.BUILTIN_SET
    )
    choices |= {run.key: run for run in done}
    if len(choices) < 2:
        return next(iter(choices.values()), None)
    keys, asked = list(choices), st.query_params.get("run")
    key = st.selectbox(
        _("Classify with"), keys, index=keys.index(asked) if asked in keys else 0,
        format_func=probabilities.labels(choices.values()).get, width=520,
    )  # fmt: skip
    st.query_params["run"] = key
    return choices[key]


def rivals(run: runs.Run) -> list[runs.Run]:
    """The best finished run of every other strategy on the same images, the best first."""
    others = [
        other for other in runs.every()
        if other.state == "done" and other.config.fingerprint == run.config.fingerprint
        and other.config.strategy != run.config.strategy
    ]  # fmt: skip
    best: dict[str, runs.Run] = {}
    for other in sorted(others, key=lambda other: -(other.accuracy or 0)):
        best.setdefault(other.config.strategy, other)
    return list(best.values())


def try_it(run: runs.Run | None) -> None:
    """Canvas left, bars right, teaching below."""
    _live(run, rivals(run) if run and run.state == "done" else [])


@page.fragment
def _live(run: runs.Run | None, others: list[runs.Run]) -> None:
    """A stroke runs only this part of the page."""
    source, image = canvas.choose_source(CANVAS), None
    compare = bool(others) and st.toggle(
        _("Compare all strategies trained on this data set"), key="home-compare", persist_state="session"
    )
    # The canvas keeps its width; in a narrow window the answer moves below it.
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(width=canvas.SIDE + 32), st.container(width="stretch")
    with left, page.guard():
        image = canvas.image_from(source, CANVAS)
    with right, page.guard():
        if run is None or run.live:
            wait()
        elif run.state != "done":
            broken_off(run)
        elif image is None:
            invite(run, source)
        elif compare:
            probabilities.side_by_side([run, *others], image)
        else:
            answer(run, image)
    if run and run.dataset in datasets.list_names():
        st.divider()
        teach(run.dataset, image)


@page.fragment(run_every=1.0)
def wait() -> None:
    """Show how far the built-in classifier's own training is; once it has ended, the whole page begins anew."""
    run = service.builtin_run()
    if run and not run.live:
        st.rerun()
    error = service.start_error()
    if error:
        st.error(say(error), icon=":material/error:")
        if st.button(_("Try again"), icon=":material/replay:"):
            service.start_in_background()
            st.rerun()
        return
    st.subheader(_("Training the built-in model"), anchor=False)
    st.markdown(_("This happens once and takes about a minute. You can start drawing now."))
    progress = runs.progress(run.key) if run else runs.Progress()
    text = _(run_view.STAGES[progress.stage]) if run else _("Generating training drawings")
    if progress.eta_s is not None:
        text += " · " + _("about {time} left").format(time=run_view.duration(progress.eta_s))
    st.progress(progress.share, text)


def broken_off(run: runs.Run) -> None:
    if run.message:
        st.error(say(UserError(run.message, **run.values)), icon=":material/error:")
    else:
        st.info(_("Training of the built-in model was stopped."), icon=":material/pause_circle:")
    if st.button(_("Train again"), icon=":material/replay:"):
        service.engine().train(run.config, datasets.load(run.dataset))
        st.rerun()


def invite(run: runs.Run, source: str) -> None:
    classes = probabilities.listed(run.classes)
    if source != "canvas":
        st.subheader(_("Show one of these: {classes}").format(classes=classes), anchor=False)
        st.markdown(_("The prediction appears here."))
        return
    if run.dataset == service.BUILTIN_SET:
        st.subheader(_("Draw a circle, a rectangle or a triangle"), anchor=False)
    else:
        st.subheader(_("Draw one of these: {classes}").format(classes=classes), anchor=False)
    st.markdown(_("Predictions update after every stroke."))


def answer(run: runs.Run, image: np.ndarray) -> None:
    """The winner in words, a bar for every class, and how long it took."""
    [prediction] = probabilities.ask([run], image)
    st.header(probabilities.in_words(prediction), anchor=False)
    probabilities.bars(prediction)
    probabilities.latency(prediction.milliseconds)


def teach(source: str, image: np.ndarray | None) -> None:
    """Make the image an example of its class, in the run's data set or, where that is built in, in an own copy."""
    st.subheader(_("Teach it"), anchor=False)
    st.markdown(_("Wrong, or something new? Label the drawing and add it to a data set."))
    known = datasets.list_names()
    target = f"my {source}" if datasets.load(source).read_only else source
    classes = datasets.load(target if target in known else source).classes
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox(
            _("This is a ..."), classes, index=None, placeholder=_("Choose or type a new name"),
            format_func=class_name, accept_new_options=True, width=260, key="teach-label", persist_state="session",
        )  # fmt: skip
        if st.button(_("Add to data set"), icon=":material/add:", type="primary", disabled=image is None or not label):
            if target not in known:
                datasets.copy(source, target)
            report = edits.add_images(target, label, [("sketch", image)])
            st.session_state["taught"] = (target, label, report.added)
            canvas.clear(CANVAS)
            st.rerun()
    if "taught" in st.session_state:
        taught(*st.session_state["taught"])


def taught(name: str, label: str, added: int) -> None:
    """What the data set holds now, and what to do next: add more, or learn from it."""
    dataset = datasets.load(name)
    text = (
        _("**Added to the data set “{name}”.** Images of “{label}” in it: {n}.")
        if added
        else _("**The data set “{name}” already contains this image.** Images of “{label}” in it: {n}.")
    )
    n = sum(dataset.counts().get(label, {}).values())
    st.markdown(text.format(name=plain(name), label=plain(class_name(label)), n=f"{n:,}"))
    try:
        datasets.check_trainable(dataset)
    except UserError as error:
        st.info(say(error), icon=":material/draw:")
    else:
        st.markdown(_("Draw more, or train on them now:"))
        page.link("Train", _("Train with “{name}”").format(name=plain(name)), dataset=name)
