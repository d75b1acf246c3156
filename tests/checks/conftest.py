"""Folders with planted problems, and how to look at them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.checks import check, sources
from core.checks.report import CheckReport, Finding


@pytest.fixture
def scene() -> Callable[[int], Image.Image]:
    """scene(seed) -> a 150 x 120 picture with coarse shapes and fine grain, sharp; each seed gives another."""

    def make(seed: int, size: tuple[int, int] = (150, 120)) -> Image.Image:
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        fine = rng.normal(0, 25, (size[1], size[0], 1))
        return Image.fromarray(np.clip(np.asarray(coarse) + fine, 0, 255).astype(np.uint8))

    return make


@pytest.fixture
def clean(tmp_path, scene) -> Path:
    """A folder with two classes of 12 photos each, split, with nothing wrong in it."""
    for number in range(24):
        split = ("train", "train", "validation", "test")[number // 2 % 4]
        path = tmp_path / "clean" / split / ("cats", "dogs")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(number).save(path, quality=90)
    return tmp_path / "clean"


@pytest.fixture
def hands(tmp_path, drawing) -> Path:
    """A folder with two classes of 12 drawings each, with nothing wrong in it."""
    for number in range(24):
        path = tmp_path / "hands" / ("round", "flat")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawing(number)).save(path)
    return tmp_path / "hands"


@pytest.fixture
def look() -> Callable[[Path | str], CheckReport]:
    """look(source) -> the report on everything but what needs features."""

    def make(source: Path | str) -> CheckReport:
        with sources.opened(str(source)) as opened:
            return check.check_images(opened, {}, lambda *progress: None).report

    return make


@pytest.fixture
def finding() -> Callable[[CheckReport, str], Finding | None]:
    """finding(report, check) -> what the check found, or None."""
    return lambda report, name: next((found for found in report.findings if found.check == name), None)
