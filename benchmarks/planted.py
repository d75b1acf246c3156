"""Copies of a folder of class folders with known problems in it, drawn from a seed."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps


def linked(folder: Path, copy: Path) -> list[str]:
    """A copy of a folder by links; its images as paths with /, sorted."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.jpg"))
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(folder / name, copy / name)
    return names


def _cropped(left: float, top: float, right: float, bottom: float):
    def crop(image: Image.Image) -> Image.Image:
        width, height = image.size
        edges = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        return image.crop(tuple(map(round, edges)))

    return crop


# kind: (change, JPEG quality)
NEAR = {
    "half size": (lambda image: image.resize((image.width // 2, image.height // 2)), 90),
    "1.5 times the size": (lambda image: image.resize((3 * image.width // 2, 3 * image.height // 2)), 90),
    "JPEG quality 40": (lambda image: image, 40),
    "cropped by 5%, 2.5% on each side": (_cropped(0.025, 0.025, 0.025, 0.025), 90),
    "cropped by 5% on each side": (_cropped(0.05, 0.05, 0.05, 0.05), 90),
    "cropped by 5% on two sides": (_cropped(0.05, 0.05, 0, 0), 90),
    "mirrored": (ImageOps.mirror, 90),
    "brightness -15%": (lambda image: ImageEnhance.Brightness(image).enhance(0.85), 90),
    "brightness +15%": (lambda image: ImageEnhance.Brightness(image).enhance(1.15), 90),
    "mirrored, cropped, JPEG quality 60": (
        lambda image: ImageOps.mirror(_cropped(0.05, 0.05, 0.05, 0.05)(image)), 60,
    ),
}  # fmt: skip


def near_copies(folder: Path, names: list[str], per_kind: int, rng: np.random.Generator) -> dict[str, tuple[str, str]]:
    """Put changed copies beside images drawn at random: {copy: (original, kind)}."""
    originals = iter(rng.permutation(names)[: per_kind * len(NEAR)])
    planted = {}
    for kind, (change, quality) in NEAR.items():
        for _ in range(per_kind):
            name = str(next(originals))
            copy = f"{name.removesuffix('.jpg')}_copy.jpg"
            with Image.open(folder / name) as image:
                change(image.convert("RGB")).save(folder / copy, quality=quality)
            planted[copy] = (name, kind)
    return planted


def exact_copies(folder: Path, pairs: list[tuple[str, str]]) -> None:
    """Copy files: (original, copy)."""
    for original, copy in pairs:
        shutil.copyfile(folder / original, folder / copy)


def cut_off(folder: Path, names: list[str], rng: np.random.Generator) -> None:
    """Leave a part of each file, or an empty one."""
    for name in names:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content[: int(rng.uniform(0, 0.95) * len(content))])


def changed(folder: Path, names: list[str], change) -> None:
    """Replace images by what `change` makes of them."""
    for name in names:
        with Image.open(folder / name) as image:
            file = io.BytesIO()
            change(image.convert("RGB")).save(file, "JPEG", quality=90)
        (folder / name).unlink()
        (folder / name).write_bytes(file.getvalue())
