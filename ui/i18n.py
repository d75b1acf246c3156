"""Texts in the visitor's language: English in the code, translations in `locale/LANGUAGE.po`, read by Babel.

Texts with values are `_("{n} images").format(n=3)`, so that the catalogue's key holds no value. `python -m ui.i18n`
brings the catalogues up to date with the code: new texts come in untranslated, texts no longer used go out.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import streamlit as st
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from core.errors import UserError
from core.i18n import N_
from core.storage.workspace import ROOT

LANGUAGES = {"en": "English", "ko": "한국어"}
LOCALE = Path(__file__).parent / "locale"
# UserError's first argument is a text too: it is translated where the error is shown.
KEYWORDS = {"_": None, "N_": None, "UserError": None}
# Class names are data and stay as they are; these alone came with the product.
BUILTIN_CLASSES = (N_("circle"), N_("rectangle"), N_("triangle"))
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#!|$:~&]")
# What Streamlit's renderer turns into something else after it has read the markup, so that a backslash does not help:
# arrows and dashes that stand alone, addresses, icons and emoji by name. And what begins a list or a line below.
_REPLACED = re.compile(
    r"(?<!\S)(?:<(-)>|-([->])|<([-=])|[>~](=))(?!\S)|(?<=www)(\.)|(@)|(:)(?=//|[\w+-]+(?:[:/]|$))"
    r"|^([-+=])|^\d+([.)])",
    re.IGNORECASE,
)


def language() -> str:
    """What the visitor chose, else what the address says, else the browser's language, else English."""
    # Kept by session and never process-wide: each visitor's script runs in a thread of the same server.
    wishes = (st.session_state.get("language"), st.query_params.get("lang"), (st.context.locale or "")[:2])
    return next((wish for wish in wishes if wish in LANGUAGES), "en")


def _(text: str) -> str:
    """Return `text` in the visitor's language, or unchanged where no translation is known."""
    return translations(language()).get(text) or text


def say(error: UserError) -> str:
    """Return the error's message in the visitor's language, for a place that shows markup."""
    parts = [(error.template, error.values), *error.details]
    return " ".join(filled(template, values) for template, values in parts)


def filled(template: str, values: Mapping[str, object]) -> str:
    """Return the template in the visitor's language with its values as text, for a place that shows markup."""
    return _Filler().vformat(_(template), (), values)


class _Filler(Formatter):
    """Fills in values, each kept from becoming markup after it has been formatted."""

    def format_field(self, value: object, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return text if isinstance(value, (int, float)) else plain(text)


def class_name(label: str) -> str:
    """A class's name as it is shown; inside markup it needs `plain` too."""
    return _(label) if label in BUILTIN_CLASSES else label


def plain(text: str) -> str:
    """A text that came from outside, kept from becoming markup where markup is shown: headings, captions, buttons.

    It reads there exactly as it is, apart from runs of spaces. Lists to choose from (`st.selectbox`), `st.text`, tables
    of data and charts show no markup: they take texts as they are.
    """
    return "  \n".join(_plain(" ".join(line.split())) for line in text.splitlines())


def _plain(line: str) -> str:
    # A directive without a colour shows what is in it, and parts it from its neighbours.
    apart = {match.start(match.lastindex) for match in _REPLACED.finditer(line)}
    escaped = [_MARKUP.sub(r"\\\g<0>", character) for character in line]
    return "".join(f":color[{text}]" if place in apart else text for place, text in enumerate(escaped))


def percent(share: float) -> str:
    """An accuracy, 0 to 1, as on every page: "97.3%". All of it only for 1 and nothing only for 0."""
    return f"{share:.0%}" if share in (0, 1) else f"{min(max(share, 0.001), 0.999):.1%}"


def catalogue(name: str) -> Catalog:
    with (LOCALE / f"{name}.po").open("rb") as file:
        return read_po(file, locale=name)


@cache
def translations(name: str) -> dict[str, str]:
    """English text -> translation, without those that nobody has translated yet."""
    if name == "en":
        return {}
    return {message.id: message.string for message in catalogue(name) if message.id and message.string}


def texts() -> dict[str, list[str]]:
    """Every text in the code that a visitor may see -> the files where it stands."""
    found: dict[str, list[str]] = {}
    files = [ROOT / "streamlit_app.py", *(f for part in ("core", "ui", "pages") for f in (ROOT / part).rglob("*.py"))]
    for file in sorted(files):
        for _line, text, _comments, _context in extract_from_file("python", file, KEYWORDS):
            found.setdefault(text, []).append(file.relative_to(ROOT).as_posix())
    return found


def update(name: str) -> int:
    """Bring one catalogue up to date with the code; return how many texts wait for a translation."""
    template = Catalog()
    for text, files in texts().items():
        template.add(text, locations=[(file, None) for file in sorted(set(files))])
    current = catalogue(name)
    current.update(template, no_fuzzy_matching=True, update_creation_date=False)
    with (LOCALE / f"{name}.po").open("wb") as file:
        write_po(file, current, width=120, ignore_obsolete=True, sort_by_file=True)
    return sum(1 for message in current if message.id and not message.string)


if __name__ == "__main__":
    for code in LANGUAGES:
        if code != "en":
            print(f"{code}: {update(code)} texts wait for a translation")
