"""Names of data sets and classes: which characters they may have, and what is said of others."""

import pytest

from core.data.manifest import clean_label, clean_name
from core.errors import UserError


@pytest.mark.parametrize(
    "label", ["سیب\u200cزمینی", "👨\u200d👩\u200d👧", "❤️", "क्\u200dष", "café", "a&lt;b", "$x$", "C++", "葛󠄀"]
)
def test_classes_may_be_called_so(label):
    assert clean_label(label) == label


@pytest.mark.parametrize("name", ["سیب\u200cزمینی", "고양이 2", "naïve_3"])
def test_data_sets_may_be_called_so(name):
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\x07b", "because of '\\x07' (U+0007)"),
        ("a\u200eb", "(U+200E LEFT-TO-RIGHT MARK)"),
        ("a\u200bb", "(U+200B ZERO WIDTH SPACE)"),
        ("\u200ca", "(U+200C ZERO WIDTH NON-JOINER)"),
        ("a\u200d", "(U+200D ZERO WIDTH JOINER)"),
        ("a\u200d\u200db", "(U+200D ZERO WIDTH JOINER)"),
        ("\u3164", "(U+3164 HANGUL FILLER)"),
        ("\u3164\u3164 \u115f", "(U+3164 HANGUL FILLER)"),
        ("a\u3164b", "(U+3164 HANGUL FILLER)"),
        ("\uffa0", "(U+FFA0 HALFWIDTH HANGUL FILLER)"),
        ("\u2800", "(U+2800 BRAILLE PATTERN BLANK)"),
        ("\ufeff", "(U+FEFF ZERO WIDTH NO-BREAK SPACE)"),
        ("\u0301", "cannot be used because of"),
        ("\udcb0", "(U+DCB0)"),
        ("a?b", "because of '?'"),
    ],
)
@pytest.mark.parametrize("clean", [clean_name, clean_label])
def test_the_character_that_is_wrong_is_named(clean, name, said):
    with pytest.raises(UserError) as error:
        clean(name)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "label",
    ["train_set", "val_set", "valid_set", "Dev", "eval", "test-set", "training set", "valset", "Validation_Set"],
)
def test_a_split_is_no_class(label):
    with pytest.raises(UserError, match="is the name of a split, so it cannot be a class"):
        clean_label(label)
