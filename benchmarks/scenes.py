"""Photos of different small things on one sheet of paper under one lamp, drawn from a seed: nothing is there twice.

All photos of a desk share its paper, its light and shadows, and the place of the camera; each has its own noise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

SIZE = 320, 240
KINDS = ("blob", "polygon", "ellipse", "goblet", "leaf", "star", "stick")


@dataclass(frozen=True)
class Desk:
    """Paper, lamp and camera: (h, w) light, 0..1, and grain, in levels; `away`: the direction in which shadows fall."""

    paper: np.ndarray
    light: np.ndarray
    grain: np.ndarray
    away: np.ndarray
    noise: float

    def photo(
        self, mask: np.ndarray, colours: np.ndarray, rng: np.random.Generator, shadow: float = 0.0
    ) -> Image.Image:
        """Something of these colours, (h, w, 3) or (3,), where the mask, (h, w) 0..1, is, with a soft shadow."""
        width, height = SIZE
        paper = self.paper + self.grain[..., None]
        if shadow:
            shift = np.float64([[1, 0, self.away[0] * shadow], [0, 1, self.away[1] * shadow]])
            dark = cv2.GaussianBlur(cv2.warpAffine(mask, shift, SIZE), (0, 0), 1 + shadow / 2)
            paper = paper * (1 - 0.45 * dark[..., None])
        picture = (paper * (1 - mask[..., None]) + colours * mask[..., None]) * self.light[..., None]
        picture = picture * rng.normal(1, 0.02) + rng.normal(0, self.noise, (height, width, 3))
        return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def desk(rng: np.random.Generator) -> Desk:
    width, height = SIZE
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-0.75, 0.75, height))
    lamp, reach = rng.uniform(-1.2, 1.2, 2), rng.uniform(1, 2.5)
    light = (1 + ((x - lamp[0]) ** 2 + (y - lamp[1]) ** 2) / reach**2) ** -1.5
    light = light / light.max() * (1 - rng.uniform(0, 0.3) * (x**2 + y**2))  # the lens darkens the corners
    angle = rng.uniform(0, 2 * np.pi)
    edge = (x * np.cos(angle) + y * np.sin(angle) - rng.uniform(0.2, 0.8)) / rng.uniform(0.05, 0.2)
    light = light * (1 - rng.uniform(0, 0.3) / (1 + np.exp(-edge)))  # somebody's shadow
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), rng.uniform(0.6, 2))
    paper = rng.choice([[150, 150, 152], [205, 205, 205], [228, 226, 220], [244, 243, 238]])
    return Desk(paper, light, grain / grain.std() * rng.uniform(0.5, 3), -lamp / np.hypot(*lamp), rng.uniform(1, 4))


def outline(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Corners of a thing, (n, 2), about -1..1."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    if kind == "goblet":
        cup, foot = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.5)
        half = [(cup, -1), (0.9 * cup, -0.3), (0.06, 0), (0.06, 0.85), (foot, 1)]
        return np.array(half + [(-x, y) for x, y in half[::-1]])
    if kind == "leaf":
        along = np.linspace(-1, 1, 60)
        across = rng.uniform(0.2, 0.6) * (1 - along**2)
        return np.concatenate([np.stack([along, across], 1), np.stack([along, -across], 1)[::-1]])
    if kind == "polygon":
        turn = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
    elif kind == "star":
        turn = np.arange(2 * rng.integers(5, 8)) * np.pi
        turn = turn / (len(turn) / 2)
    radius = np.ones(len(turn))
    if kind == "blob":
        radius += sum(rng.normal(0, 0.25 / k) * np.cos(k * turn + rng.uniform(0, 6)) for k in range(2, 6))
    elif kind == "star":
        radius[::2] = rng.uniform(0.3, 0.7)
    squeeze = {"ellipse": rng.uniform(0.2, 0.8), "stick": 0.08}.get(kind, 1)
    return np.stack([radius * np.cos(turn), squeeze * radius * np.sin(turn)], 1)


def thing(place: Desk, rng: np.random.Generator, times: int = 1) -> list[Image.Image]:
    """A thing, photographed once, or again and again, a quarter turn further each time."""
    width, height = SIZE
    corners, size = outline(str(rng.choice(KINDS)), rng), rng.uniform(0.05, 0.22) * width
    colour = rng.uniform(20, 235, 3) if rng.random() < 0.7 else np.full(3, rng.uniform(20, 235))
    centre, start, lift = rng.uniform(0.3, 0.7, 2) * SIZE, rng.uniform(0, 2 * np.pi), rng.uniform(3, 15)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    lit = 1 - rng.uniform(0, 0.4) * ((x - centre[0]) * place.away[0] + (y - centre[1]) * place.away[1]) / size
    photos = []
    for angle in start + np.pi / 2 * np.arange(times):
        turned = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.int32(np.round((turned * size + centre) * 16))], 255, cv2.LINE_AA, 4)
        photos.append(place.photo(mask / 255, lit[..., None] * colour, rng, lift))
    return photos


def writing(place: Desk, rng: np.random.Generator) -> Image.Image:
    """A sheet of handwriting; two of them have the same margins, and often as many lines."""
    width, height = SIZE
    mask, lines = np.zeros((height, width), np.uint8), rng.integers(7, 13)
    for line in range(lines):
        size = 0.25 * height / lines
        x, end = 0.08 * width, width * (0.92 if rng.random() < 0.8 else rng.uniform(0.3, 0.9))
        while x < end:
            strokes = 3 * rng.integers(2, 9)
            along = x + np.cumsum(rng.uniform(0.2, 0.8, strokes)) * size
            up = height * (0.08 + 0.84 * (line + 0.5) / lines) + rng.uniform(-1, 1, strokes) * size
            word = np.int32(np.round(np.stack([along, up], 1) * 16))
            cv2.polylines(mask, [word], False, 255, 1, cv2.LINE_AA, 4)
            x = along[-1] + size * rng.uniform(1, 2)
    return place.photo(mask / 255, np.array([30.0, 30, 80]), rng)


def nearly_empty(place: Desk, rng: np.random.Generator) -> Image.Image:
    mask = np.zeros(SIZE[::-1], np.uint8)
    for _ in range(rng.integers(0, 4)):
        cv2.circle(mask, rng.integers((20, 20), SIZE).tolist(), int(rng.integers(1, 4)), 255, -1, cv2.LINE_AA)
    return place.photo(mask / 255, np.full(3, rng.uniform(20, 200)), rng)


def photos(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """So many photos on one desk; no two of them are copies."""
    place, taken = desk(rng), []
    while len(taken) < count:
        kind = rng.choice(["thing", "turned", "writing", "empty"], p=[0.7, 0.1, 0.15, 0.05])
        if kind in ("thing", "turned"):
            taken += thing(place, rng, 1 + (kind == "turned"))
        else:
            taken.append((writing if kind == "writing" else nearly_empty)(place, rng))
    return taken[:count]
