"""The choice of a pretrained network: which ones are ready to use, and how another becomes so."""

import streamlit as st

from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.knobs import KNOBS
from core.catalog.strategies import Strategy
from core.i18n import N_
from core.storage import workspace
from ui import page
from ui.i18n import _
from ui.widgets import choice

KEY = "knob_backbone"  # one choice for all strategies
READINESS = {
    "ready": N_("ready"),
    "unknown": N_("unknown file"),
    "download": N_("to be downloaded"),
    "package": N_("to be installed"),
}


def chosen() -> str:
    """The network a visitor chose, on whatever strategy it was; the first one before."""
    return st.session_state.get(KEY, next(iter(BACKBONES)))


def choose(row: Strategy) -> str:
    """The list of networks, each with its readiness, and below it what the chosen one still needs."""
    knob = KNOBS["backbone"]
    name = choice.choose(st.selectbox, _(knob.title), knob.choices, KEY, _labelled, help=_(knob.help))
    if not row.pretrained:
        st.caption(_("This strategy starts from random weights, so nothing needs to be downloaded."))
    elif weights.status(name).state == "unknown":
        _accept(name)
    elif weights.status(name).state == "missing":
        _download(name)
    return name


def ready(row: Strategy) -> bool:
    """Whether the strategy can begin: from random weights, or with those of the chosen network at hand."""
    return not row.pretrained or weights.status(chosen()).state == "ready"


def title(name: str) -> str:
    """A network's title; its bare name where a later version no longer has it."""
    return BACKBONES[name].title if name in BACKBONES else name


def _labelled(name: str) -> str:
    found = weights.status(name)
    return f"{title(name)} · {_(READINESS[found.where if found.state == 'missing' else found.state])}"


def _accept(name: str) -> None:
    found = weights.status(name)
    text = _(
        "`{path}` does not match the known weights of {title}. Its sha256 is `{hash}`. Use it only if you trust its "
        "source; otherwise remove it."
    )
    st.warning(
        text.format(path=workspace.shown(found.path), title=title(name), hash=found.hash), icon=":material/gpp_maybe:"
    )
    if st.button(_("Use this file anyway"), icon=":material/verified_user:"):
        with page.guard():
            weights.accept(name)
            st.rerun()


def _download(name: str) -> None:
    backbone, path = BACKBONES[name], weights.status(name).path
    if not backbone.weights_url:
        with page.guard():
            weights.find(name)  # says which package is missing
        return
    text = _(
        "{title} is not installed yet. Download it once here. Without internet access, download [{file}]({url}) "
        "elsewhere and put it into `{folder}`."
    )
    st.info(
        text.format(
            title=backbone.title, file=path.name, url=backbone.weights_url, folder=workspace.shown(path.parent)
        ),
        icon=":material/cloud_download:",
    )
    if st.button(_("Download {title}").format(title=backbone.title), icon=":material/download:"):
        with page.guard():
            _fetch(name)
            page.flash(_("{title} is ready.").format(title=backbone.title))
            st.rerun()


def _fetch(name: str) -> None:
    bar = st.progress(0.0, text=_("Downloading; please stay on this page …"))

    def on_progress(done: int, total: int) -> None:
        text = _("Downloading: {done} of {total} MB") if total else _("Downloading: {done} MB")
        bar.progress(done / total if total else 0.0, text.format(done=done // 10**6, total=total // 10**6))

    try:
        weights.download(name, on_progress)
    finally:
        bar.empty()
