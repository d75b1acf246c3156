"""Texts in the visitor's language: English in the code, translations in `locale/LANGUAGE.po`, read by Babel.

Texts with values are `_("{n} images").format(n=3)`, so that the catalogue's key holds no value. `python -m ui.words`
brings the catalogues up to date with the code: new texts come in untranslated, texts no longer used go out.
"""

import re
from functools import cache
from pathlib import Path

import streamlit as st
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from core.errors import UserError
from core.paths import ROOT
from core.words import N_

LANGUAGES = {"en": "English", "ko": "한국어"}
LOCALE = Path(__file__).parent / "locale"
# UserError's first argument is a text too: it is translated where the error is shown.
KEYWORDS = {"_": None, "N_": None, "UserError": None}
# Class names are data and stay as they are; these alone came with the product.
BUILTIN_CLASSES = (N_("circle"), N_("rectangle"), N_("triangle"))
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#!|$:~])")


def language() -> str:
    """What the visitor chose, else what the address says, else the browser's language, else English."""
    # Kept by session and never process-wide: each visitor's script runs in a thread of the same server.
    wishes = (st.session_state.get("language"), st.query_params.get("lang"), (st.context.locale or "")[:2])
    return next((wish for wish in wishes if wish in LANGUAGES), "en")


def _(text: str) -> str:
    """Return `text` in the visitor's language, or unchanged where no translation is known."""
    return translations(language()).get(text) or text


def say(error: UserError) -> str:
    """Return the error's message in the visitor's language."""
    parts = [(error.template, error.values), *error.details]
    return " ".join(_(template).format(**values) for template, values in parts)


def class_name(label: str) -> str:
    """A class's name as it is shown."""
    return _(label) if label in BUILTIN_CLASSES else label


def plain(text: str) -> str:
    """A name that came with the data, kept from becoming markup where a text with markup is shown."""
    return _MARKUP.sub(r"\\\1", text)


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
