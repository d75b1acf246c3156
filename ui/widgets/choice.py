"""A choice that stays while the words for its options change: with the language, or with what they tell."""

from collections.abc import Callable, Sequence

import streamlit as st


def choose(widget: Callable, label: str, options: Sequence[str], key: str, name: Callable[[str], str], **more) -> str:
    """`st.radio` or `st.selectbox` over `options`, shown by `name`; the session keeps the chosen one under `key`."""
    # A browser answers with an option's words. Were they changed under the same key, its answer would fit none of the
    # options, and Streamlit would go back to the first.
    own_key = f"{key}_{hash(tuple(map(name, options)))}"
    st.session_state.setdefault(key, options[0])
    st.session_state[own_key] = st.session_state[key]
    return widget(label, options, format_func=name, key=own_key, on_change=_keep, args=(key, own_key), **more)


def _keep(key: str, own_key: str) -> None:
    st.session_state[key] = st.session_state[own_key]
