"""CSV files that a spreadsheet opens as they are meant: in UTF-8, and with texts that stay texts."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet would run (OWASP, CSV Injection)."""


def as_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """The rows as a CSV file; a text that begins like a formula gets an apostrophe before it."""
    file = io.StringIO()
    csv.writer(file).writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue().encode("utf-8-sig")  # its first bytes tell Excel the encoding


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
