"""What is kept of a check: damaged files are named and made good, and a deleted data set stays deleted."""

import json
import time

import numpy as np
import pytest

from core.checks import sources, store
from core.checks.report import CheckReport
from core.data import datasets, edits
from core.errors import UserError
from core.storage import job_folder, workspace

DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "not UTF-8": lambda content: b'{"a": "\xe4"}',
    "null": lambda content: b"null",
    "wrong type": lambda content: b'"text"',
    "later version": lambda content: b'{"format": 99, "state": {"name": "done"}}',
}


@pytest.fixture
def pets(photo):
    datasets.create("pets")
    edits.add_images("pets", "cats", [(f"cat {n}", photo(n)) for n in range(3)])
    return datasets.load("pets")


def checked(pets) -> dict[str, np.ndarray]:
    """A check as it leaves its files; returns the measures."""
    source = sources.of_dataset(pets)
    rows = {item.entry.content: np.ones(1, store.MEASURES)[0] for item in source.items}
    store.save(pets.name, CheckReport(pets.name, pets.fingerprint, "photo", 3, (), (), time.time(), 1.0))
    store.save_measures(pets.name, source, rows)
    store.set_fine(pets.name, ["0" * 16])
    store.job(pets.name).write_progress(store.Progress("judging", 0.9, done=3, total=3))
    store.job(pets.name).set_state("done")
    return rows


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["report.json", "fine.json", "status.json", "progress.json", "measures.npz"])
def test_a_damaged_file_is_named_or_counts_as_none_and_checking_again_makes_it_good(pets, file, damage):
    checked(pets)
    path = store.folder("pets") / file
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    for read in (store.last, store.fine):
        if file == {store.last: "report.json", store.fine: "fine.json"}[read]:
            with pytest.raises(UserError, match=r"cannot be read.*Check again"):
                read("pets")
        else:
            read("pets")
    status = store.status("pets")
    assert status.state == ("failed" if file == "status.json" else "done")
    assert (file in status.message.format(**status.values)) == (file == "status.json")
    assert len(store.measures("pets", "photo")) == (0 if file == "measures.npz" else 3)
    store.prepare("pets")
    store.latest(pets), store.fine("pets")  # neither raises
    store.job("pets").set_state("queued")
    assert store.status("pets").live
    checked(pets)
    assert store.latest(pets).images == len(store.measures("pets", "photo")) == 3


def test_what_a_check_writes_does_not_bring_a_deleted_data_set_back(pets):
    rows = checked(pets)
    report, source = store.last("pets"), sources.of_dataset(pets)
    datasets.delete("pets")
    writes = (
        lambda: store.job("pets").set_state("running"),
        lambda: store.job("pets").write_progress(store.Progress("measuring", 0.1, done=1, total=3)),
        lambda: store.save("pets", report),
        lambda: store.save_measures("pets", source, rows),
        lambda: store.prepare("pets"),
    )
    for write in writes:
        with pytest.raises(job_folder.Gone):
            write()
    with pytest.raises(UserError, match="was deleted in the meantime"):
        store.set_fine("pets", ["0" * 16])
    store.job("pets").request_cancel()
    store.job("pets").withdraw_cancel()
    assert not store.job("pets").cancel_requested
    assert store.status("pets").state == ""
    assert not store.folder("pets").parent.exists()


def test_a_check_of_an_older_version_with_other_fields_is_damaged_not_a_bug(pets):
    checked(pets)
    path = store.folder("pets") / "report.json"
    workspace.write_json(path, json.loads(path.read_text()) | {"colour": 1})
    with pytest.raises(UserError, match="cannot be read"):
        store.latest(pets)
