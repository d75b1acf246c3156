"""Reports for other programs: nothing in a name can become markup, a formula or a broken line."""

import csv
import io
import json
import re

from core.checks import export
from core.checks.report import Case, CaseImage, CheckReport, Finding, Fix, Note

NASTY = '<script>alert("x")</script>.jpg'


def report():
    images = (CaseImage(NASTY, "=cats", "train", "", "1"), CaseImage("b,\n.jpg", "dogs", "test", "", "2"))
    case = Case(images, Note("Near duplicates: {count} images", {"count": 2}), (Fix("exclude", (1,)),))
    return CheckReport("<b>set</b>", "", "photo", 2, (Finding("leaks", "serious", (case,)),))


def test_html_is_one_page_and_escaped(photo):
    picture = export.thumbnail(photo(0))
    page = export.as_html(report(), lambda image: picture).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<title>&lt;b&gt;set&lt;/b&gt;</title>" in page
    assert page.count("data:image;base64,") == 2
    assert not re.search(r'(src|href)="(?!data:)', page.split("</style>")[1])
    assert "1 problem to fix" in page


def test_csv_has_a_line_for_each_image_and_no_formulas():
    rows = list(csv.reader(io.StringIO(export.as_csv(report()).decode("utf-8-sig"))))
    assert [row[4] for row in rows[1:]] == [NASTY, "b,\n.jpg"]
    assert rows[1][5] == "'=cats"
    assert [row[8] for row in rows[1:]] == ["", "exclude"]


def test_json_says_everything_and_reads_back():
    value = json.loads(export.as_json(report()))
    assert value["findings"][0]["title"] == "One image in two splits"
    assert value["findings"][0]["cases"][0]["images"][0]["name"] == NASTY
    assert value["findings"][0]["cases"][0]["text"] == "Near duplicates: 2 images"
    assert CheckReport.from_json(json.loads(json.dumps(report().to_json()))) == report()
