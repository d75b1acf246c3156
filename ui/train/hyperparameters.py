"""The choice of a strategy and the sliders for its knobs, all made from the declarations in core.

What a knob is called, how far it goes and what it does stands in `core.catalog.knobs.KNOBS`; which knobs a strategy
has, and the settings of its source, in its row of `core.catalog.strategies.STRATEGIES`.
"""

from dataclasses import asdict

import streamlit as st

from core.catalog.knobs import FILL_MODES, KNOBS, Knob
from core.catalog.strategies import STRATEGIES, Strategy
from core.config import AUGMENTATION_KNOBS, TrainConfig, defaults
from core.data.manifest import Dataset
from core.errors import UserError
from core.results import ladder
from ui.i18n import _
from ui.train import backbone_picker
from ui.widgets import choice

SUGGESTED = {"digits": "digits_cnn"}  # by data set; for others, the quickest of those that suit it
TOO_FINE = 1000  # a slider with more steps than this cannot be set with a mouse


def strategy(dataset: Dataset) -> Strategy:
    """All strategies, those that suit the data set first, and what the chosen one does."""
    suitable = names(dataset.kind)
    st.session_state.setdefault(_choice(dataset), SUGGESTED.get(dataset.name, suitable[0]))
    chosen = choice.choose(st.radio, _("Strategy"), suitable, _choice(dataset), heading)
    st.markdown(_(STRATEGIES[chosen].summary))
    st.caption(_("Source: {source}").format(source=STRATEGIES[chosen].source))
    return STRATEGIES[chosen]


def names(kind: str) -> list[str]:
    """All strategies' names: first those that suit a data set of this kind, quickest first."""
    return list(dict.fromkeys((*ladder.rungs(kind), *STRATEGIES)))


def title(name: str) -> str:
    """A strategy's title; its bare name where a later version no longer has it."""
    row = STRATEGIES.get(name)
    return _(row.title) if row else name


def heading(name: str) -> str:
    """A strategy's icon and title."""
    row = STRATEGIES.get(name)
    return f":material/{row.icon}: {title(name)}" if row else title(name)


def named(config: TrainConfig) -> str:
    """A run's strategy with its icon, and its network where it has one: "Fine-tuning · VGG16"."""
    return " · ".join(
        [heading(config.strategy), *([backbone_picker.title(config.backbone)] if config.backbone else [])]
    )


def panel(row: Strategy, dataset: Dataset) -> dict[str, object]:
    """One widget for each knob of the strategy: {knob: value}."""
    values = {"backbone": backbone_picker.choose(row)} if "backbone" in row.defaults else {}
    standard = defaults(row, dataset, values.get("backbone"))
    learning = [name for name in standard if name not in (*AUGMENTATION_KNOBS, "backbone")]
    augmentation = [name for name in standard if name in AUGMENTATION_KNOBS]

    def shown(name: str) -> object:
        return widget(row, name, dataset)

    with st.expander(_("Hyperparameters"), icon=":material/tune:"), st.grid(2, min_column_width=140):
        values |= {name: shown(name) for name in learning}
    if augmentation:
        with st.expander(_("Augmentation"), icon=":material/auto_fix:"):
            st.markdown(_("Random changes to each training image teach the model what to ignore."))
            with st.grid(2, min_column_width=140):
                values |= {name: shown(name) for name in augmentation}
    own = {name: KNOBS[name].coerce(value) for name, value in defaults(row, dataset).items()}
    st.button(
        _("Reset to defaults"), icon=":material/restart_alt:", type="tertiary", disabled=values == own,
        on_click=put, args=(row, own, dataset),
    )  # fmt: skip
    return values


def widget(row: Strategy, name: str, dataset: Dataset) -> object:
    """The widget of one knob of the strategy, and its value; the same widget on every page that shows it."""
    return _widget(_key(row, name, dataset, backbone_picker.chosen()), KNOBS[name], _standard(row, name, dataset))


def current(row: Strategy, name: str, dataset: Dataset) -> object:
    """The value of a knob whose widget need not be on this page."""
    key = _key(row, name, dataset, backbone_picker.chosen())
    return st.session_state.get(key, KNOBS[name].coerce(_standard(row, name, dataset)))


def _standard(row: Strategy, name: str, dataset: Dataset) -> object:
    return defaults(row, dataset, backbone_picker.chosen())[name]


def choose(row: Strategy, dataset: Dataset) -> None:
    """Have the Train page show this strategy for the data set."""
    st.session_state[_choice(dataset)] = row.name


def changed(config: TrainConfig, dataset: Dataset) -> list[str]:
    """The knobs of a run that differ from its strategy's own settings for the data set, as "Title value unit"."""
    row = STRATEGIES.get(config.strategy)
    settings = asdict(config) | asdict(config.augmentation)
    own = defaults(row, dataset, config.backbone) if row else {}
    return [
        f"{_(KNOBS[name].title)} {written(KNOBS[name], settings[name])}"
        for name, default in own.items()
        if settings[name] != KNOBS[name].coerce(default)
    ]


def written(knob: Knob, value: object) -> str:
    """The value as a person writes it, with its unit."""
    if knob.kind is str:
        return _(FILL_MODES[value]) if value in FILL_MODES else backbone_picker.title(value)
    if knob.kind is bool:
        return _("on") if value else _("off")
    if _is_share(knob):
        return f"{value:.0%}"
    number = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{number}{knob.unit}" if knob.unit == "°" else f"{number} {_(knob.unit)}" if knob.unit else number


def _is_share(knob: Knob) -> bool:
    return knob.kind is float and not knob.unit and not knob.choices


def _widget(key: str, knob: Knob, default: object) -> object:
    st.session_state.setdefault(key, knob.coerce(default))
    title = f"{_(knob.title)} ({_(knob.unit)})" if knob.unit else _(knob.title)
    common = {"help": _(knob.help), "key": key, "persist_state": "session"}
    if knob.kind is bool:
        return st.toggle(title, **common)
    if knob.kind is str:
        return st.selectbox(title, knob.choices, format_func=lambda value: written(knob, value), **common)
    if knob.choices:
        return st.select_slider(title, knob.choices, format_func=lambda value: written(knob, value), **common)
    low, high, step = knob.kind(knob.low), knob.kind(knob.high), knob.kind(knob.step)
    if (high - low) / step > TOO_FINE:
        return st.number_input(title, low, high, step=step, **common)
    shown = "percent" if _is_share(knob) else "%d" if knob.kind is int or step >= 1 else "%.1f"
    return st.slider(title, low, high, step=step, format=shown, **common)


def _key(row: Strategy, name: str, dataset: Dataset, backbone: object) -> str:
    if name == "backbone":
        return backbone_picker.KEY
    if name == "image_size" and "backbone" in row.defaults:
        # Each network has its own image sizes: for few photos, and for more.
        return f"knob_{row.name}_{backbone}_{defaults(row, dataset, backbone)[name]}_{name}"
    return f"knob_{row.name}_{name}"


def take(config: TrainConfig, dataset: Dataset) -> None:
    """Set the strategy and its widgets to what an earlier run used. As a callback: before the widgets are there."""
    row = STRATEGIES[config.strategy]
    settings = asdict(config) | asdict(config.augmentation)
    st.session_state[_choice(dataset)] = row.name
    values = {
        name: _admitted(KNOBS[name], settings[name], default)
        for name, default in defaults(row, dataset, config.backbone).items()
    }
    put(row, values, dataset)


def _admitted(knob: Knob, value: object, default: object) -> object:
    """`value`, or the default where an earlier version's value is no longer possible."""
    try:
        return knob.coerce(value)
    except UserError:
        return knob.coerce(default)


def _choice(dataset: Dataset) -> str:
    return f"strategy_{dataset.name}_{dataset.kind}"


def put(row: Strategy, values: dict[str, object], dataset: Dataset) -> None:
    """Set the strategy's widgets on every page that shows them. As a callback: before the widgets are there."""
    for name, value in values.items():
        st.session_state[_key(row, name, dataset, values.get("backbone"))] = value
