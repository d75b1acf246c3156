"""What is checked: a data set, or a folder or zip that was never imported, as one row of items."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.data import datasets, folder_layout, images, importing
from core.data.encodings import readable
from core.data.ink import GLANCE, looks_like_drawing
from core.data.manifest import SPLIT_FOLDERS, Dataset, Entry, Skipped
from core.errors import UserError

SAMPLE = 30  # images looked at to tell photos from drawings


class Item(NamedTuple):
    """An image to look at, and where it stands. `entry`: of a data set; None in a folder or zip."""

    name: str
    label: str
    split: str | None  # None where the folders do not say
    read: Callable[[], bytes]
    entry: Entry | None = None


@dataclass(frozen=True)
class Source:
    """Items, the files beside them that are no images, and the classes, which may be empty."""

    name: str
    kind: str  # "photo" or "drawing"
    items: tuple[Item, ...]
    classes: tuple[str, ...]
    strangers: tuple[Skipped, ...] = ()
    dataset: Dataset | None = None

    @property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint if self.dataset else ""

    @property
    def n_images(self) -> int:
        return len(self.items)


def of_dataset(dataset: Dataset) -> Source:
    """A data set's live images."""
    items = tuple(
        Item(entry.source, entry.label, entry.split, dataset.image_path(entry).read_bytes, entry)
        for entry in dataset.live()
    )
    return Source(dataset.name, dataset.kind or "photo", items, dataset.classes, dataset=dataset)


@contextmanager
def opened(name_or_path: str) -> Iterator[Source]:
    """A data set by its name, or a folder or zip by its path, which stays open inside the `with`.

    UserError where there is none, or where its folders make no sense as classes.
    """
    path = Path(name_or_path)
    if name_or_path in datasets.list_names() or not path.exists():
        yield of_dataset(datasets.load(name_or_path))
        return
    with ExitStack() as stack:
        inside = importing.contents(path, stack)
        items = tuple(Item(file.path, place.label, place.split, file.read) for place, file in inside.items)
        classes = tuple(sorted({item.label for item in items} | _meant_as_classes(inside.skipped)))
        name = readable(path.resolve().name)
        yield Source(name, inside.kind or _kind(items), items, classes, tuple(inside.skipped))


def _meant_as_classes(skipped: Iterable[Skipped]) -> set[str]:
    """The folders that are empty: classes that may go missing unnoticed."""
    empty = {item.name.rpartition("/")[2] for item in skipped if item.template == folder_layout.EMPTY}
    return {label for label in empty if label.lower() not in SPLIT_FOLDERS}


def _kind(items: tuple[Item, ...]) -> str:
    """Photos or drawings, by a sample."""
    drawn = image_checks = 0
    for item in items[:: max(1, len(items) // SAMPLE)]:
        try:
            drawn += looks_like_drawing(images.decode(item.read(), at_least=GLANCE))
            image_checks += 1
        except (UserError, OSError):  # a finding of its own
            continue
    return "drawing" if 2 * drawn > image_checks else "photo"
