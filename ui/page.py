"""What every page begins with: page set-up, language, navigation, messages kept over a rerun, and friendly errors.

    with frame.page("Train", _("Teach the computer from the images of a data set.")):
        ...

    @frame.fragment
    def live(): ...

A UserError anywhere inside becomes a friendly message in the visitor's language.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import ModuleSpec
from pathlib import Path

import streamlit as st

from core.errors import UserError
from core.i18n import N_
from core.jobs import service
from core.storage.workspace import ROOT, check_home
from ui.i18n import LANGUAGES, _, language, say

FAVICON = Path(__file__).parent / "favicon.png"  # Material icons here would be asked from a server on the internet
LOGO = Path(__file__).parent / "logo.svg"

# Streamlit writes white on the primary colour, which is pale in the dark theme; its links look like plain text, and do
# not show that the keyboard has reached them. Korean wraps between words, as English does. While a file is on its way,
# the button beside it is away: pressed then, it would go on without the file.
STYLE = """<style>
button[kind^="primary"]:enabled, [data-testid="stMultiSelect"] [data-tag] * { color: light-dark(#FFFFFF, #10131A); }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] {
    border: 1px solid light-dark(#DDD5C6, #3A404C); padding: 0.4rem 0.8rem;
}
button[kind="tertiary"] { text-align: left; }
[data-testid="stApp"],
[data-testid="stApp"] :is([data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"]) * {
    word-break: keep-all; overflow-wrap: anywhere;
}
:is([role="dialog"], [role="tabpanel"]):has([data-testid="stFileChipIconSpinner"]) button[kind="primary"] {
    visibility: hidden;
}
[data-testid="stPageLink-NavLink"]:focus-visible { outline: 2px solid light-dark(#2F4B8F, #8FB0F5); }
</style>"""

PAGES = {  # name: (file, Material icon); the order of the navigation
    N_("Sketch"): ("streamlit_app.py", ":material/draw:"),
    N_("Data"): ("pages/1_Data.py", ":material/photo_library:"),
    N_("Augment"): ("pages/4_Augment.py", ":material/auto_fix:"),
    N_("Train"): ("pages/2_Train.py", ":material/model_training:"),
    N_("Predict"): ("pages/3_Predict.py", ":material/visibility:"),
}


@contextmanager
def page(name: str, lead: str) -> Iterator[None]:
    """Frame one page: `name` is its row in PAGES, `lead` the first line, which anyone understands."""
    # A worker process that starts now would run this page as its main module; by this name Python leaves it alone.
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", loader=None)
    st.set_page_config(page_title=f"{_(name)} · Handful", page_icon=FAVICON, layout="wide")
    _keep_language()
    with st.sidebar:
        _navigation()
    st.title(_(name), anchor=False)
    st.markdown(f"{lead}\n\n{STYLE}", unsafe_allow_html=True)  # behind the lead, where it takes no room of its own
    for text, icon in st.session_state.pop("flash", []):
        st.toast(text, icon=icon)
    st.session_state["troubles"] = bool(service.troubles()) or service.connecting()
    if st.session_state["troubles"]:
        _troubles()
    try:
        check_home()
    except UserError as error:
        st.error(say(error), icon=":material/error:")
        st.stop()
    with guard():
        yield


@contextmanager
def guard() -> Iterator[None]:
    """Show a UserError where it happened; anything else is a bug and goes to the log."""
    try:
        yield
    except UserError as error:
        st.error(say(error), icon=":material/error:")


def fragment(function: Callable | None = None, *, run_every: float | None = None) -> Callable:
    """`st.fragment` whose reruns are guarded too; `run_every` in seconds."""
    if function is None:
        return lambda function: fragment(function, run_every=run_every)

    @wraps(function)
    def guarded(*args: object, **kwargs: object) -> object:
        answer = None
        with guard():
            answer = function(*args, **kwargs)
        if run_every and service.troubles() and not st.session_state.get("troubles"):
            st.rerun()  # the whole page, whose head says so
        return answer

    return st.fragment(guarded, run_every=run_every)


@fragment(run_every=1.0)
def _troubles() -> None:
    """What is wrong with the workers, as long as it is."""
    found = service.troubles()
    for error in found:
        st.warning(say(error), icon=":material/sync_problem:")
    if not found and not service.connecting():
        st.rerun()


def flash(text: str, icon: str = ":material/check:") -> None:
    """Say `text` after the coming rerun; said before it, it would be lost."""
    st.session_state.setdefault("flash", []).append((text, icon))


def link(name: str, label: str, **query: str) -> None:
    """A link to the page `name` of PAGES; `query` goes into its address."""
    file, icon = PAGES[name]
    if (ROOT / file).exists():
        st.page_link(file, label=label, icon=icon, query_params={"lang": language(), **query})


def go(name: str) -> None:
    """Open the page `name` of PAGES, on the same data set."""
    st.switch_page(PAGES[name][0], query_params={"lang": language()})


def _navigation() -> None:
    st.logo(LOGO, size="large", icon_image=FAVICON)
    for name in PAGES:
        link(name, _(name))
    st.segmented_control(
        _("Language"), list(LANGUAGES), format_func=LANGUAGES.get, default=language(), required=True,
        key="language-switch", on_change=_choose_language,
    )  # fmt: skip


def _choose_language() -> None:
    st.session_state["language"] = st.session_state["language-switch"]


def _keep_language() -> None:
    """The session carries the choice from page to page, the address carries it over a refresh or to another person."""
    if st.query_params.get("lang") in LANGUAGES:
        st.session_state.setdefault("language", st.query_params["lang"])
    if "language" in st.session_state:
        st.query_params["lang"] = st.session_state["language"]
