"""A report for other programs and other people: JSON, CSV, and one HTML file that needs nothing beside it."""

import base64
import io
import json
from collections.abc import Callable
from html import escape

import numpy as np
from PIL import Image

from core.checks.registry import CHECKS
from core.checks.report import Case, CaseImage, CheckReport, Finding
from core.checks.sources import Source
from core.data import images
from core.errors import UserError
from core.storage import spreadsheet

THUMBNAIL = 120  # pixels
SHOWN_CASES, SHOWN_IMAGES = 60, 8  # of a finding, of a case: a page of thousands of pictures helps nobody
_COLUMNS = ("severity", "check", "title", "case", "image", "class", "split", "measured", "suggested")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fdfcf9}
h1,h2{font-weight:600;line-height:1.2}section{border-top:1px solid #ddd;padding:.5rem 0 1rem}
.case{display:inline-block;vertical-align:top;margin:.5rem 1rem .5rem 0;max-width:100%}
figure{display:inline-block;margin:0 .5rem 0 0;width:130px;vertical-align:top;overflow-wrap:anywhere}
img{display:block;max-width:120px;max-height:120px;border:1px solid #ccc}
figcaption,.case p,.more{font-size:.8rem;color:#555;margin:.2rem 0}
"""


def as_json(report: CheckReport) -> bytes:
    """The report, and its texts in English, as one JSON object."""
    value = report.to_json() | {"health": str(report.health)}
    for finding, given in zip(report.findings, value["findings"], strict=True):
        row = CHECKS[finding.check]
        given |= {"title": row.title, "why": row.why, "help": row.help, "limits": row.limits, "source": row.source}
        for case, written in zip(finding.cases, given["cases"], strict=True):
            written |= {
                "text": str(case.note), "key": case.key(finding.check),
                "images": [image._asdict() for image in case.images],
                "fixes": [fix._asdict() for fix in case.fixes],
                "note": case.note._asdict(),
            }  # fmt: skip
    value["left_out"] = [{"check": one.check, "text": str(one.note)} for one in report.left_out]
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def as_csv(report: CheckReport) -> bytes:
    """One line for each image of each case."""
    lines = [_COLUMNS]
    for finding in report.findings:
        for case in finding.cases:
            suggested = case.fixes[0] if case.fixes else None
            for place, image in enumerate(case.images):
                fix = f"{suggested.action} {suggested.to}".strip() if suggested and place in suggested.places else ""
                lines.append((
                    finding.severity, finding.check, CHECKS[finding.check].title, case.key(finding.check), image.name,
                    image.label, image.split or "", str(case.note), fix,
                ))  # fmt: skip
    return spreadsheet.as_csv(lines)


def as_html(report: CheckReport, picture: Callable[[CaseImage], bytes | None]) -> bytes:
    """One page with the pictures inside; `picture` gives an image's thumbnail as a JPEG or PNG file, or None."""
    findings = "".join(_finding(finding, picture) for finding in report.findings)
    left_out = "".join(
        f"<p class=more>{escape(CHECKS[one.check].title)}: {escape(str(one.note))}</p>" for one in report.left_out
    )
    title = escape(report.source)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p><b>{escape(str(report.health))}</b>. Images checked: {report.images}.</p>"
        f"{findings}{left_out}</html>"
    ).encode()


def pictures_of(source: Source) -> Callable[[CaseImage], bytes | None]:
    """What `as_html` asks for thumbnails."""
    reads = {(item.name, item.label, item.split): item.read for item in source.items}

    def picture(image: CaseImage) -> bytes | None:
        read = reads.get((image.name, image.label, image.split))
        try:
            return read and thumbnail(images.decode(read(), THUMBNAIL))
        except (UserError, OSError):  # it cannot be read, which is what the report says of it
            return None

    return picture


def thumbnail(rgb: np.ndarray) -> bytes:
    """(h, w, 3) uint8 -> a small JPEG file."""
    image = Image.fromarray(rgb)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def _finding(finding: Finding, picture: Callable[[CaseImage], bytes | None]) -> str:
    row = CHECKS[finding.check]
    cases = "".join(_case(case, picture) for case in finding.cases[:SHOWN_CASES])
    more = len(finding.cases) - SHOWN_CASES
    return (
        f"<section><h2>{escape(row.title)}: {len(finding.cases)}</h2><p>{escape(row.why)} <b>{escape(row.help)}</b></p>"
        f"{cases}{f'<p class=more>… and {more} more</p>' if more > 0 else ''}</section>"
    )


def _case(case: Case, picture: Callable[[CaseImage], bytes | None]) -> str:
    figures = "".join(_figure(image, picture(image)) for image in case.images[:SHOWN_IMAGES])
    return f"<div class=case>{figures}<p>{escape(str(case.note))}</p></div>"


def _figure(image: CaseImage, content: bytes | None) -> str:
    shown = f'<img alt="" src="data:image;base64,{base64.b64encode(content).decode()}">' if content else ""
    place = " · ".join(filter(None, (image.label, image.split)))
    return f"<figure>{shown}<figcaption>{escape(image.name)}<br>{escape(place)}</figcaption></figure>"
