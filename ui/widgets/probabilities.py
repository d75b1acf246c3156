"""What finished runs take an image for: in words, as bars, side by side."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import streamlit as st

from core.errors import UserError
from core.jobs import service
from core.jobs.engine import Prediction
from core.results.runs import Run
from ui.i18n import _, class_name, percent, plain, say
from ui.train import hyperparameters, run_view
from ui.widgets import charts

CARD = 210  # pixels; at least as wide as this
MOST_BARS = 10
MOST_LISTED = 12  # classes in a sentence


def describe(run: Run) -> str:
    """What it learned from, how, how well, and when, as text: runs of one data set differ in little else."""
    return " · ".join(
        [run.dataset, hyperparameters.title(run.config.strategy), *_accuracy(run), run_view.date(run.changed)]
    )


def labels(choices: Iterable[Run]) -> dict[str, str]:
    """{key: what a list to choose from calls the run}. All differ: a browser answers with these words."""
    described = {run.key: describe(run) for run in choices}
    count = Counter(described.values())
    return {key: text if count[text] == 1 else f"{text} · {key}" for key, text in described.items()}


def _accuracy(run: Run) -> list[str]:
    return [] if run.accuracy is None else [_("{share} accuracy").format(share=percent(run.accuracy))]


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """{key: name as text}, as short as tells the runs apart: the strategy's title, and what `details` adds to it."""
    found = details(chosen)
    return {run.key: hyperparameters.title(run.config.strategy) + found[run.key] for run in chosen}


def details(chosen: Sequence[Run]) -> dict[str, str]:
    """{key: what a run's name needs besides its strategy}: nothing, its data set, when it was trained, or its key."""
    ways = (
        lambda run: [],
        lambda run: [run.dataset],
        lambda run: [run_view.date(run.changed)],
        lambda run: [run.dataset, run.key],
    )
    for way in ways:
        found = {run.key: " · ".join(["", *way(run)]) for run in chosen}
        if len({(run.config.strategy, found[run.key]) for run in chosen}) == len(chosen):
            break
    return found


def ask(chosen: Sequence[Run], image: np.ndarray) -> list[Prediction | UserError]:
    """Every run's answer to one image, (h, w, 3) uint8 RGB, on one way to the worker and back; or why it has none."""
    troubles = " ".join(map(say, service.troubles()))
    with st.spinner(troubles or _("Classifying …")):
        return service.engine().predict([run.key for run in chosen], image)


def winner(classes: Sequence[str], probabilities: Iterable[float]) -> tuple[str, float]:
    """The likeliest class and its probability."""
    return max(zip(classes, probabilities, strict=True), key=lambda pair: pair[1])


def in_words(prediction: Prediction) -> str:
    """The winner as a heading: "Triangle, 97%", or with doubt where it has less than half."""
    name, share = winner(prediction.classes, prediction.probabilities)
    sentence = _("{name}, {share:.0%}") if share >= 0.5 else _("Perhaps {name}, {share:.0%}")
    name = class_name(name)
    if share >= 0.5:
        name = name[:1].upper() + name[1:]
    return sentence.format(name=plain(name), share=share)


def bars(prediction: Prediction) -> None:
    """A bar for every class, or for the likeliest of many."""
    st.html(charts.probabilities(prediction.classes, prediction.probabilities, most=MOST_BARS))
    if len(prediction.classes) > MOST_BARS:
        st.caption(_("and {n} more").format(n=len(prediction.classes) - MOST_BARS))


def listed(classes: Sequence[str]) -> str:
    """Class names in a sentence, the first of many, for a place that shows markup."""
    names = ", ".join(plain(class_name(label)) for label in classes[:MOST_LISTED])
    more = len(classes) - MOST_LISTED
    return " ".join([names, _("and {n} more").format(n=more)]) if more > 0 else names


def latency(milliseconds: float) -> None:
    """How long an answer took, the way to the worker and back included."""
    if milliseconds < 1000:
        st.caption(_("Answered in {n:.0f} ms").format(n=milliseconds))
    else:
        st.caption(_("Answered in {n:.1f} s (the first time takes longer)").format(n=milliseconds / 1000))


def side_by_side(chosen: Sequence[Run], image: np.ndarray) -> None:
    """A card for each run, and above them whether those that know the same classes agree."""
    told = ask(chosen, image)
    predictions = [prediction for prediction in told if isinstance(prediction, Prediction)]
    for sentence in agreement(chosen, predictions):
        st.markdown(sentence)
    found = details(chosen)
    with st.grid(min(len(chosen), 3), min_column_width=CARD):
        for run, prediction in zip(chosen, told, strict=True):
            with st.container(border=True, gap="xsmall"):
                st.markdown(hyperparameters.heading(run.config.strategy) + plain(found[run.key]))
                if isinstance(prediction, UserError):
                    st.error(say(prediction), icon=":material/error:")
                    continue
                st.subheader(in_words(prediction), anchor=False)
                bars(prediction)
                own = _("{n:.0f} ms").format(n=prediction.own_milliseconds)
                st.caption(" · ".join([plain(run.dataset), *_accuracy(run), own]))
    latency(predictions[0].milliseconds)


def agreement(chosen: Sequence[Run], predictions: Sequence[Prediction]) -> list[str]:
    """One sentence for each set of classes that two or more of the runs know."""
    short, groups = names(chosen), {}
    for prediction in predictions:
        groups.setdefault(prediction.classes, []).append(prediction)
    sentences = []
    for group in (group for group in groups.values() if len(group) > 1):
        votes: dict[str, list[str]] = {}
        for prediction in group:
            name, _share = winner(prediction.classes, prediction.probabilities)
            votes.setdefault(plain(class_name(name)), []).append(plain(short[prediction.key]))
        if len(votes) == 1:
            sentences.append(_("**All {n} agree: {name}.**").format(n=len(group), name=next(iter(votes))))
        else:
            said = "; ".join(f"{name} ({', '.join(voters)})" for name, voters in votes.items())
            sentences.append(_("**They disagree:** {list}.").format(list=said))
    return sentences
