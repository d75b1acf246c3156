"""One image from the visitor: drawn on a canvas, uploaded, or taken with the camera."""

import numpy as np
import streamlit as st
from PIL import Image

from core.data import images
from core.data.decoding import normalise
from core.data.ink import has_ink
from core.errors import UserError
from core.i18n import N_
from ui.i18n import _

SIDE = 288  # pixels; fits a phone of 390 with its margins
PEN = 8  # pixels
MAX_DRAWING = 256 * 1024  # bytes of PNG, which this process decodes itself: what fits unpacks within a second


def choose_source(key: str, first: str = "canvas") -> str:
    """Offer every way to give an image: a row of its own, so that what stands beside the image begins level with it."""
    return st.segmented_control(
        _("Image from"), list(SOURCES), format_func=lambda name: f"{SOURCES[name][1]} {_(SOURCES[name][0])}",
        default=first, required=True, key=f"{key}-source", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip


def image_from(source: str, key: str) -> np.ndarray | None:
    """The image as (h, w, 3) uint8 RGB, or None while there is nothing on it."""
    return SOURCES[source][2](key)


def show(rgb: np.ndarray, caption: str | None = None) -> None:
    """An image, as wide as the canvas."""
    picture = Image.fromarray(rgb)
    picture.thumbnail((SIDE, max(picture.size)))  # Streamlit's own shrinking fails on a line of pixels
    st.image(picture, caption=caption, width=SIDE)


def clear(key: str) -> None:
    """Empty the canvas for the next drawing."""
    _redraw(key, {})


def _canvas(key: str) -> np.ndarray | None:
    from streamlit_drawable_canvas import st_canvas  # registers itself with the server, which must run by then

    sheet = _sheet(key)
    name = f"{key}-canvas-{sheet['version']}"
    if name not in st.session_state:
        # Only for a canvas that is about to appear: a changed `initial_drawing` would redraw one that is in use.
        sheet["start"] = sheet["drawing"]
    st.space("small")  # for the component's own toolbar, which floats above the canvas under a mouse
    canvas = st_canvas(
        stroke_width=st.session_state.get(f"{key}-pen", PEN), stroke_color="#000000",
        background_color="#FFFFFF", width=SIDE, height=SIDE,
        initial_drawing=sheet["start"] or None, return_image_data=True, key=name,
    )  # fmt: skip
    sheet["drawing"] = canvas.json_data or {}
    strokes = sheet["drawing"].get("objects", [])
    with st.container(horizontal=True):
        st.button(_("Undo"), icon=":material/undo:", disabled=not strokes, key=f"{key}-undo",
                  on_click=_redraw, args=(key, sheet["drawing"] | {"objects": strokes[:-1]}))  # fmt: skip
        st.button(_("Clear"), icon=":material/delete:", disabled=not strokes, key=f"{key}-clear",
                  on_click=_redraw, args=(key, {}))  # fmt: skip
        with st.popover(_("Pen"), icon=":material/line_weight:"):
            st.slider(_("Pen width"), 2, 24, PEN, format="%d px", key=f"{key}-pen", persist_state="session")
    return _picture(sheet, canvas.image_bytes, len(strokes))


def _picture(sheet: dict, png: bytes | None, strokes: int) -> np.ndarray | None:
    # A canvas that begins with a drawing sends no picture before the next stroke, so earlier ones are remembered.
    if png:
        sheet["pictures"][strokes] = png
    png = sheet["pictures"].get(strokes)
    if not strokes or png is None:
        return None
    if len(png) > MAX_DRAWING:
        raise UserError("This drawing is too large. Clear the canvas and draw it again with fewer strokes.")
    rgb = images.decode(png)
    return rgb if has_ink(rgb) else None


def _sheet(key: str) -> dict:
    """The drawing as the session remembers it, so that it survives a change of page; pictures by number of strokes."""
    return st.session_state.setdefault(f"{key}-sheet", {"version": 0, "start": {}, "drawing": {}, "pictures": {}})


def _redraw(key: str, drawing: dict) -> None:
    # A new version is a new component, which begins with this drawing.
    sheet = _sheet(key)
    sheet.update(version=sheet["version"] + 1, drawing=drawing)


def _upload(key: str) -> np.ndarray | None:
    file = st.file_uploader(_("An image file"), key=f"{key}-upload")
    if file is None:
        return None
    rgb = normalise(file.getvalue()).rgb  # as training sees it, and small enough to send
    show(rgb)
    if has_ink(rgb):
        return rgb
    st.warning(_("This image is blank: it has the same color everywhere. Choose another one."))
    return None


def _camera(key: str) -> np.ndarray | None:
    file = st.camera_input(_("Take a photo"), key=f"{key}-camera")
    return normalise(file.getvalue()).rgb if file else None


SOURCES = {
    "canvas": (N_("Draw"), ":material/draw:", _canvas),
    "upload": (N_("Upload"), ":material/upload:", _upload),
    "camera": (N_("Camera"), ":material/photo_camera:", _camera),
}
