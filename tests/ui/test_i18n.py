"""Every text a visitor may see has a translation that keeps its fields."""

import ast
from string import Formatter

import pytest

from core.errors import UserError
from core.storage.workspace import ROOT
from ui import i18n

OTHERS = [code for code in i18n.LANGUAGES if code != "en"]


def fields(text: str) -> set[tuple[str, str, str]]:
    """The {fields} of a text with their format, such as ("share", ".0%", "")."""
    return {(name, form, how or "") for _literal, name, form, how in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_catalogue_holds_exactly_the_texts_of_the_code(language):
    known, used = i18n.translations(language), i18n.texts()
    missing = {text: files for text, files in used.items() if not known.get(text)}
    assert not missing, f"run `python -m ui.i18n` and translate these in ui/locale/{language}.po: {missing}"
    assert not set(known) - set(used), "run `python -m ui.i18n` to drop texts that are no longer used"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_fields(language):
    changed = {text: new for text, new in i18n.translations(language).items() if fields(text) != fields(new)}
    assert not changed


def test_no_text_hides_in_an_f_string():
    """Python 3.11 gives the extractor an f-string as one token, so that it does not see what is inside."""
    files = [ROOT / "streamlit_app.py", *(ROOT / "ui").glob("*.py"), *(ROOT / "pages").glob("*.py")]
    for file in files:
        hidden = [
            node.lineno
            for string in ast.walk(ast.parse(file.read_text()))
            if isinstance(string, ast.JoinedStr)
            for node in ast.walk(string)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in i18n.KEYWORDS
            and isinstance(node.args[0], ast.Constant)
        ]
        assert not hidden, f"{file.name}: take the texts of these lines out of their f-strings: {hidden}"


def test_only_built_in_class_names_are_translated(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    assert i18n.class_name("circle") == "원"
    assert i18n.class_name("test") == "test"


def test_texts_finds_all_three_marks():
    used = i18n.texts()
    assert used["Small CNN"] == ["core/catalog/strategies.py"]  # N_
    assert "ui/sketch/home.py" in used["Teach it"]  # _
    assert "core/config.py" in used["There is no strategy '{name}'. Choose one of: {known}."]  # UserError


def test_update_keeps_translations_adds_new_and_drops_old(tmp_path, monkeypatch):
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    (tmp_path / "ko.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
                                    'msgid "old"\nmsgstr "옛"\n\nmsgid "kept"\nmsgstr "그대로"\n')  # fmt: skip
    monkeypatch.setattr(i18n, "texts", lambda: {"kept": ["ui/a.py"], "new": ["ui/b.py", "ui/b.py"]})
    assert i18n.update("ko") == 1
    assert {m.id: m.string for m in i18n.catalogue("ko") if m.id} == {"kept": "그대로", "new": ""}
    assert "옛" not in (tmp_path / "ko.po").read_text()


def test_say_translates_the_template_and_keeps_the_values(monkeypatch):
    error = UserError("There is no file '{path}'. Check its name and folder.", path="x.png")
    monkeypatch.setattr(i18n, "language", lambda: "en")
    assert i18n.say(error) == "There is no file 'x.png'. Check its name and folder."
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    assert "'x.png'" in i18n.say(error)
    assert i18n.say(error) != str(error)


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("cats", "cats"),
        ("IMG-1.jpg", "IMG-1.jpg"),
        ("![x](y)", r"\!\[x\]\(y\)"),
        ("$q$ `c` &amp; <b>", r"\$q\$ \`c\` \&amp; \<b\>"),
        ("http://a.b", r"http:color[\:]//a.b"),
        ("www.a.b c@d.e", "www:color[.]a.b c:color[@]d.e"),
        (":smile: :material/x:", r":color[\:]smile\: :color[\:]material/x\:"),
        ("a -> b", r"a -:color[\>] b"),
        ("- a", ":color[-] a"),
        ("1. a", "1:color[.] a"),
        ("a\n\n  - b", "a  \n  \n:color[-] b"),
    ],
)
def test_a_name_is_kept_from_becoming_markup(text, markup):
    assert i18n.plain(text) == markup


def test_values_of_an_error_are_text_after_they_are_formatted():
    error = UserError("{name!r} has {share:.1%} of {n:,}.", name="**b**", share=0.5, n=1000)
    assert i18n.say(error) == r"'\*\*b\*\*' has 50.0% of 1,000."


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (1e-6, "0.1%"), (0.75, "75.0%"), (0.996, "99.6%"), (0.99999, "99.9%"), (1, "100%")],
)
def test_an_accuracy_is_all_only_where_it_is_all(share, said):
    assert i18n.percent(share) == said
