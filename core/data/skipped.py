"""What an import left out, told in a few sentences where that is why it failed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from core.data import folder_layout
from core.data.manifest import Duplicate, Note, Skipped
from core.errors import UserError
from core.i18n import N_

_NAMED = 3  # names and reasons in one message
_SAME_PIXELS = N_("They are identical to other images of their class. Add images that differ.")


@contextmanager
def explained(skipped: Sequence[Skipped], duplicates: Sequence[Duplicate] = ()) -> Iterator[None]:
    """Add what was left out, and why, to a UserError that is raised inside."""
    try:
        yield
    except UserError as error:
        raise error.with_details(sentences(skipped, duplicates)) from error


def sentences(skipped: Iterable[Skipped], duplicates: Iterable[Duplicate] = ()) -> list[Note]:
    """Sentences such as "8 files of 'cats' were left out:", each followed by the reason.

    Hidden files are no news, and of a folder without images its files are told.
    """
    groups: dict[tuple[str, str], list[Skipped]] = {}
    for item in (*skipped, *(Skipped(duplicate.name, _SAME_PIXELS, {}) for duplicate in duplicates)):
        if item.template not in (folder_layout.HIDDEN, folder_layout.NO_CLASS):
            groups.setdefault((folder_layout.folder_of(item.name), item.template), []).append(item)
    notes = []
    for (folder, _), items in sorted(groups.items(), key=lambda group: -len(group[1]))[:_NAMED]:
        notes += [_who(folder, items), Note(items[0].template, items[0].values)]
    return notes


def _who(folder: str, items: Sequence[Skipped]) -> Note:
    if len(items) > 1 and folder:
        return Note(N_("{count} files of '{folder}' were left out:"), {"count": len(items), "folder": folder})
    names = ", ".join(f"'{item.name}'" for item in items[:_NAMED])
    if len(items) == 1:
        return Note(N_("{names} was left out:"), {"names": names})
    if len(items) <= _NAMED:
        return Note(N_("{names} were left out:"), {"names": names})
    return Note(N_("{names} and {count} more were left out:"), {"names": names, "count": len(items) - _NAMED})
