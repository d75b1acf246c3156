"""Dataclasses from JSON that another version may have written: every value is what its field says."""

import math
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def typed(cls: type[T], values: dict) -> T:
    """`cls(**values)`. Raises KeyError for a field it does not have and TypeError for a value of another type.

    A list becomes a tuple where the field is one. Numbers are finite.
    """
    dataclass: type = cls
    known = _hints(dataclass)
    for name, value in values.items():
        if not _fits(value, known[name]):
            raise TypeError(f"{name} cannot be {value!r}"[:100])
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


@cache
def _hints(cls: type) -> dict[str, object]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _fits(value: object, hint: object) -> bool:
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)
