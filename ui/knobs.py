"""The choice of a strategy and the sliders for its knobs, all made from the declarations in core.

What a knob is called, how far it goes and what it does stands in `core.config.KNOBS`; which knobs a strategy has, and
the settings of its source, in its row of `core.strategies.STRATEGIES`.
"""

from dataclasses import asdict

import streamlit as st

from core.config import AUGMENTATION_KNOBS, KNOBS, Knob, TrainConfig
from core.data.manifest import Dataset
from core.strategies import STRATEGIES, Strategy
from ui.words import _

SUGGESTED = {"digits": "digits_cnn", "drawing": "shapes_cnn", "photo": "small_cnn"}  # by data set, then by kind
TOO_FINE = 1000  # a slider with more steps than this cannot be set with a mouse


def strategy(dataset: Dataset) -> Strategy:
    """One card for each strategy; the first choice is the one that suits the data set."""
    names = list(STRATEGIES)
    suggested = SUGGESTED.get(dataset.name, SUGGESTED[dataset.kind])
    chosen = st.radio(
        _("Strategy"), names, index=names.index(suggested), format_func=heading,
        captions=[_(row.summary) for row in STRATEGIES.values()],
        key=_choice(dataset), persist_state="session",
    )  # fmt: skip
    st.caption(_("Source: {source}").format(source=STRATEGIES[chosen].source))
    return STRATEGIES[chosen]


def title(name: str) -> str:
    """A strategy's title; its bare name where a later version no longer has it."""
    row = STRATEGIES.get(name)
    return _(row.title) if row else name


def heading(name: str) -> str:
    """A strategy's icon and title."""
    row = STRATEGIES.get(name)
    return f":material/{row.icon}: {title(name)}" if row else title(name)


def panel(row: Strategy) -> dict[str, object]:
    """One widget for each knob of the strategy: {knob: value}."""
    defaults = row.defaults | {"seed": 0}
    learning = {name: value for name, value in defaults.items() if name not in AUGMENTATION_KNOBS}
    augmentation = {name: value for name, value in defaults.items() if name in AUGMENTATION_KNOBS}
    with st.expander(_("Settings: how it learns"), icon=":material/tune:"), st.grid(2, min_column_width=140):
        values = {name: _widget(row, KNOBS[name], value) for name, value in learning.items()}
    if augmentation:
        with st.expander(_("Augmentation: random changes to each training image"), icon=":material/auto_fix:"):
            st.markdown(_("Small random changes teach what does not matter, so that few images go further."))
            with st.grid(2, min_column_width=140):
                values |= {name: _widget(row, KNOBS[name], value) for name, value in augmentation.items()}
    st.button(
        _("Reset to the source's settings"), icon=":material/restart_alt:", type="tertiary",
        disabled=values == {name: KNOBS[name].coerce(value) for name, value in defaults.items()},
        on_click=_reset, args=(row, defaults),
    )  # fmt: skip
    return values


def changed(config: TrainConfig) -> list[str]:
    """The knobs of a run that differ from its strategy's own settings, as "Title value unit"."""
    row = STRATEGIES.get(config.strategy)
    settings = asdict(config) | asdict(config.augmentation)
    defaults = row.defaults | {"seed": 0} if row else {}
    return [
        f"{_(KNOBS[name].title)} {written(KNOBS[name], settings[name])}"
        for name, default in defaults.items()
        if settings[name] != KNOBS[name].coerce(default)
    ]


def written(knob: Knob, value: object) -> str:
    """The value as a person writes it, with its unit."""
    if knob.kind is bool:
        return _("on") if value else _("off")
    if _is_share(knob):
        return f"{value:.0%}"
    number = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{number}{knob.unit}" if knob.unit == "°" else f"{number} {_(knob.unit)}" if knob.unit else number


def _is_share(knob: Knob) -> bool:
    return knob.kind is float and not knob.unit and not knob.choices


def _widget(row: Strategy, knob: Knob, default: object) -> object:
    key = _key(row, knob.name)
    st.session_state.setdefault(key, knob.coerce(default))
    title = f"{_(knob.title)} ({_(knob.unit)})" if knob.unit else _(knob.title)
    common = {"help": _(knob.help), "key": key, "persist_state": "session"}
    if knob.kind is bool:
        return st.toggle(title, **common)
    if knob.choices:
        return st.select_slider(title, knob.choices, format_func=lambda value: written(knob, value), **common)
    low, high, step = knob.kind(knob.low), knob.kind(knob.high), knob.kind(knob.step)
    if (high - low) / step > TOO_FINE:
        return st.number_input(title, low, high, step=step, **common)
    shown = "percent" if _is_share(knob) else "%d" if knob.kind is int or step >= 1 else "%.1f"
    return st.slider(title, low, high, step=step, format=shown, **common)


def _key(row: Strategy, name: str) -> str:
    return f"knob_{row.name}_{name}"


def take(config: TrainConfig, dataset: Dataset) -> None:
    """Set the strategy and its widgets to what an earlier run used. As a callback: before the widgets are there."""
    row = STRATEGIES[config.strategy]
    settings = asdict(config) | asdict(config.augmentation)
    st.session_state[_choice(dataset)] = row.name
    _reset(row, {name: settings[name] for name in row.defaults | {"seed": 0}})


def _choice(dataset: Dataset) -> str:
    return f"strategy_{dataset.name}_{dataset.kind}"


def _reset(row: Strategy, values: dict[str, object]) -> None:
    for name, value in values.items():
        st.session_state[_key(row, name)] = KNOBS[name].coerce(value)
