import csv
import io

import pytest

from core.storage.spreadsheet import as_csv


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_a_text_stays_a_text(start):
    assert read(as_csv([[f"{start}1+1"]])) == [[f"'{start}1+1"]]


def test_the_rest_is_as_it_was():
    assert read(as_csv([["cats, dogs", "고양이", -0.5, 3]])) == [["cats, dogs", "고양이", "-0.5", "3"]]
