"""What every test gets: a home of its own, and small pictures to fill it with."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first, so that no test process has it to itself at the end."""
    items.sort(key=lambda item: item.path.name != "test_every_network.py")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds `data/` and `weights/` for this test alone."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HANDFUL_HOME", str(folder))
    return folder


@pytest.fixture
def photo() -> Callable[..., np.ndarray]:
    """photo(seed, size=(48, 64)) -> (h, w, 3) uint8: a smooth, colourful picture; each seed gives another."""

    def make(seed: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
        small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return np.array(Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC))

    return make


@pytest.fixture
def drawing() -> Callable[..., np.ndarray]:
    """drawing(seed, size=64) -> (size, size, 3) uint8: an ellipse in black ink on white; each seed gives another."""

    def make(seed: int, size: int = 64) -> np.ndarray:
        rng = np.random.default_rng(seed)
        sheet = Image.new("RGB", (size, size), "white")
        left, top = rng.uniform(4, size / 2 - 4, 2)
        box = (left, top, left + rng.uniform(12, size / 2), top + rng.uniform(12, size / 2))
        ImageDraw.Draw(sheet).ellipse(box, outline="black", width=3)
        return np.array(sheet)

    return make


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """encoded(picture, format="PNG", **save options) -> the bytes of an image file; takes arrays and PIL images."""

    def make(picture: np.ndarray | Image.Image, format: str = "PNG", **options: object) -> bytes:
        file = io.BytesIO()
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(file, format, **options)
        return file.getvalue()

    return make


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """zipped({path: bytes}, name="set.zip") -> the path of a zip with these entries."""

    def make(files: dict[str, bytes], name: str = "set.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in files.items():
                archive.writestr(entry, content)
        return path

    return make


@pytest.fixture
def class_files(photo, encoded) -> Callable[..., dict[str, bytes]]:
    """class_files({"cats": 6, "dogs": 6}, seed=0) -> {"cats/0.png": bytes, ...}, every picture different."""

    def make(counts: dict[str, int], seed: int = 0) -> dict[str, bytes]:
        files = {}
        for label, count in counts.items():
            for number in range(count):
                files[f"{label}/{number}.png"] = encoded(photo(10_000 * seed + len(files)))
        return files

    return make
