"""One image from the visitor: drawn on a canvas, uploaded, or taken with the camera."""

import numpy as np
import streamlit as st
from streamlit_drawable_canvas import st_canvas

from core.data import images
from core.data.drawings import has_ink
from core.words import N_
from ui.words import _

SIDE = 288  # pixels; fits a phone of 390 with its margins


def image_source(key: str) -> np.ndarray | None:
    """Offer every source and return the image as (h, w, 3) uint8 RGB, or None while there is nothing on it."""
    name = st.segmented_control(
        _("Image from"), list(SOURCES), format_func=lambda name: f"{SOURCES[name][1]} {_(SOURCES[name][0])}",
        default="canvas", required=True, key=f"{key}-source", label_visibility="collapsed",
    )  # fmt: skip
    return SOURCES[name][2](key)


def clear(key: str) -> None:
    """Empty the canvas for the next drawing."""
    _redraw(key, None)


def _canvas(key: str) -> np.ndarray | None:
    sheet = _sheet(key)
    width = st.slider(_("Pen width"), 2, 24, 8, 1, format="%d px", key=f"{key}-pen")
    name = f"{key}-canvas-{sheet['version']}"
    if name not in st.session_state:
        # Only for a canvas that is about to appear: a changed `initial_drawing` would redraw one that is in use.
        sheet["start"] = sheet["latest"]
    canvas = st_canvas(
        stroke_width=width, stroke_color="#000000", background_color="#FFFFFF", width=SIDE, height=SIDE,
        initial_drawing=sheet["start"], return_image_data=True, key=name,
    )  # fmt: skip
    sheet["latest"] = canvas.json_data
    strokes = (canvas.json_data or {}).get("objects", [])
    with st.container(horizontal=True):
        st.button(_("Undo"), icon=":material/undo:", disabled=not strokes, key=f"{key}-undo",
                  on_click=_redraw, args=(key, {**(canvas.json_data or {}), "objects": strokes[:-1]}))  # fmt: skip
        st.button(_("Clear"), icon=":material/delete:", disabled=not strokes, key=f"{key}-clear",
                  on_click=_redraw, args=(key, None))  # fmt: skip
    if canvas.image_data is None:
        return None
    rgb = np.ascontiguousarray(canvas.image_data[..., :3])
    return rgb if has_ink(rgb) else None


def _sheet(key: str) -> dict:
    """The drawing as the session remembers it, so that it survives a change of page."""
    return st.session_state.setdefault(f"{key}-sheet", {"version": 0, "start": None, "latest": None})


def _redraw(key: str, drawing: dict | None) -> None:
    # A new version is a new component: the surest way to make the browser show exactly this.
    sheet = _sheet(key)
    sheet.update(version=sheet["version"] + 1, latest=drawing)


def _upload(key: str) -> np.ndarray | None:
    file = st.file_uploader(_("An image file"), key=f"{key}-upload")
    return file and _shown(file.getvalue())


def _camera(key: str) -> np.ndarray | None:
    file = st.camera_input(_("Take a photo"), key=f"{key}-camera")
    return file and images.decode(file.getvalue())


def _shown(content: bytes) -> np.ndarray:
    rgb = images.decode(content)
    st.image(rgb, width=SIDE)
    return rgb


SOURCES = {
    "canvas": (N_("Draw"), ":material/draw:", _canvas),
    "upload": (N_("Upload"), ":material/upload:", _upload),
    "camera": (N_("Camera"), ":material/photo_camera:", _camera),
}
