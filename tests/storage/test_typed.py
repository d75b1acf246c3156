import math
from dataclasses import dataclass

import pytest

from core.storage.typed import typed


@dataclass(frozen=True)
class Thing:
    name: str
    share: float = 0.0
    count: int = 0
    loss: float | None = None
    classes: tuple[str, ...] = ()
    on: bool = False


def test_values_are_what_their_fields_say():
    thing = typed(Thing, {"name": "a", "share": 1, "loss": None, "classes": ["x", "y"], "on": True})
    assert thing == Thing("a", 1, 0, None, ("x", "y"), True)


@pytest.mark.parametrize(
    "values",
    [
        {"name": 3}, {"share": "0.5"}, {"share": math.nan}, {"share": math.inf}, {"share": True}, {"count": 1.5},
        {"count": True}, {"loss": "low"}, {"classes": "xy"}, {"classes": ["x", 1]}, {"on": 1}, {"classes": {"x": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_another_type_is_refused(values):
    with pytest.raises(TypeError):
        typed(Thing, {"name": "a"} | values)


def test_a_field_of_a_later_version_and_a_missing_one_are_refused():
    with pytest.raises(KeyError):
        typed(Thing, {"name": "a", "colour": 1})
    with pytest.raises(TypeError):
        typed(Thing, {"share": 1.0})
