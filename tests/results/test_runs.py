"""Runs on disk: what they own, how fast they are listed, and what becomes of the lists when files are damaged."""

import json
import os
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from core.config import TrainConfig, make_config
from core.data import datasets, edits, history
from core.errors import UserError
from core.results import material, runs
from core.results.runs import Progress
from core.storage import workspace

EVALUATION = {"accuracy": 0.5, "low": 0.2, "high": 0.8, "n": 4, "confusion": [[1, 1], [1, 1]]}
DAMAGE = {  # what becomes of a JSON file
    "empty": lambda text: b"",
    "cut": lambda text: text[: len(text) // 2],
    "not UTF-8": lambda text: b'{"state": "d\xe4n"}',
    "binary": lambda text: bytes(range(256)) * 4,
    "a list": lambda text: b"[1, 2]",
    "null": lambda text: b"null",
    "a number": lambda text: b"7",
    "of a later version": lambda text: json.dumps(json.loads(text) | {"colour": {"hue": 3}}).encode(),
    "wrong types": lambda text: json.dumps({name: [None] for name in json.loads(text)}).encode(),
    "nested too deep": lambda text: b"[" * 100_000,
}


@pytest.fixture
def pets(photo):
    datasets.create("pets")
    for seed, label in enumerate(("cats", "dogs")):
        edits.add_images("pets", label, [(f"{label} {n}", photo(100 * seed + n)) for n in range(5)])
    return datasets.load("pets")


def finished(dataset, seed: int = 0) -> runs.Run:
    run = runs.create(make_config(dataset, "small_cnn", {"seed": seed}), dataset)
    workspace.write_json(run.folder / "history.json", {"loss": [0.7], "val_loss": [0.6]})
    workspace.write_json(run.folder / "evaluation.json", {"validation": EVALUATION})
    runs.job(run.key).write_progress(Progress("evaluating", 0.97))
    runs.job(run.key).set_state("done", seconds=3.0, accuracy=0.5)
    return runs.find(run.key)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["run.json", "status.json"])
def test_a_run_that_cannot_be_read_is_named_and_can_be_deleted(pets, file, damage):
    sound, broken = finished(pets), finished(pets, 1)
    path = broken.folder / file
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert runs.every() == [sound]
    [named] = runs.unreadable()
    assert named.key == broken.key
    assert file in str(named.error)
    assert str(workspace.home()) not in str(named.error)
    with pytest.raises(UserError, match=f"Run {broken.key} cannot be read.*{file}"):
        runs.find(broken.key)
    with pytest.raises(UserError, match="cannot be read"):
        runs.create(broken.config, pets)
    runs.delete(broken.key)
    assert runs.unreadable() == []
    assert runs.create(broken.config, pets).state == "queued"


@pytest.mark.parametrize(
    "values",
    [
        {"changed": "now"}, {"changed": 1e30}, {"state": "asleep"}, {"accuracy": "high"}, {"seconds": -1e30},
        {"message": "{missing}"}, {"values": []}, {"seconds": float("nan")}, {"key": "0"}, {"seconds": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_status_that_makes_no_sense_is_named(pets, values):
    run = finished(pets)
    status = workspace.read_json(run.folder / "status.json")
    workspace.write_json(run.folder / "status.json", status | values)
    assert runs.every() == []
    assert [broken.key for broken in runs.unreadable()] == [run.key]


def test_a_folder_without_its_question_is_named_and_can_be_deleted(pets):
    run = finished(pets)
    (run.folder / "run.json").unlink()
    assert runs.every() == []
    assert [broken.key for broken in runs.unreadable()] == [run.key]
    runs.delete(run.key)
    assert runs.unreadable() == []


def test_what_is_no_run_is_no_broken_run(pets):
    run = finished(pets)
    (workspace.runs() / "notes.txt").write_text("mine")
    (workspace.runs() / ".writing-x").mkdir()
    assert (runs.every(), runs.unreadable()) == ([run], [])


@pytest.mark.parametrize("damage", DAMAGE)
def test_results_that_are_damaged_are_named_by_who_reads_them(pets, damage):
    run = finished(pets)
    for file in ("evaluation.json", "history.json", "progress.json"):
        path = run.folder / file
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert runs.every() == [run]
    with pytest.raises(UserError, match=r"evaluation\.json"):
        runs.evaluation(run.key)
    with pytest.raises(UserError, match=r"history\.json"):
        runs.history(run.key)
    assert runs.progress(run.key) == Progress()


def test_results_that_are_missing_are_told(pets):
    run = finished(pets)
    (run.folder / "evaluation.json").unlink()
    with pytest.raises(UserError, match=r"The results of run .* are missing"):
        runs.evaluation(run.key)
    (run.folder / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"manifest\.json is missing or damaged"):
        runs.dataset_of(run)


def test_a_confusion_of_other_classes_is_told(pets):
    run = finished(pets)
    workspace.write_json(run.folder / "evaluation.json", {"validation": EVALUATION | {"confusion": [[1]]}})
    with pytest.raises(UserError, match=r"evaluation\.json"):
        runs.evaluation(run.key)


def test_a_run_owns_its_images_whatever_becomes_of_the_data_set(pets):
    before = [pets.image_path(entry).read_bytes() for entry in pets.live()]
    run = runs.create(make_config(pets, "small_cnn"), pets)
    history.undo("pets")
    datasets.delete("pets")
    datasets.purge()
    kept = runs.dataset_of(run)
    assert [kept.image_path(entry).read_bytes() for entry in kept.live()] == before
    assert kept.fingerprint == run.config.fingerprint
    material.check(kept)
    # Asking again, as Resume does, needs the data set no more either.
    assert runs.create(run.config, kept) == run


def test_its_images_are_links_where_that_is_possible_and_copies_elsewhere(pets, monkeypatch):
    image = pets.image_path(pets.live()[0])
    linked = runs.create(make_config(pets, "small_cnn"), pets)
    assert os.path.samefile(linked.folder / "images" / image.name, image)

    def refused(*_paths):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    copied = runs.create(make_config(pets, "small_cnn", {"seed": 1}), pets)
    assert (copied.folder / "images" / image.name).read_bytes() == image.read_bytes()


def test_built_in_images_are_not_linked(pets):
    builtin = replace(pets, read_only=True)
    run = runs.create(make_config(builtin, "small_cnn"), builtin)
    assert not (run.folder / "images").exists()
    material.check(runs.dataset_of(run))  # those of the data set are there


def test_a_data_set_that_changes_while_it_is_asked_about_leaves_no_half_of_a_run(pets):
    shutil.rmtree(pets.folder / "images")
    with pytest.raises(UserError, match="changed or deleted at this moment"):
        runs.create(make_config(pets, "small_cnn"), pets)
    assert (runs.every(), runs.unreadable(), list(workspace.runs().glob("*"))) == ([], [], [workspace.runs() / ".lock"])


def test_images_that_went_before_runs_kept_their_own_are_told_without_a_path(pets):
    run = runs.create(make_config(pets, "small_cnn"), pets)
    shutil.rmtree(run.folder / "images")
    next((pets.folder / "images").iterdir()).unlink()
    with pytest.raises(UserError, match="1 of the 10 images of this training were deleted") as told:
        material.check(runs.dataset_of(run))
    assert str(workspace.home()) not in str(told.value)


def test_many_who_ask_at_once_get_one_run(pets):
    config = make_config(pets, "small_cnn")
    copies = [datasets.copy("pets", f"pets {n}") for n in range(3)]
    threads = [threading.Thread(target=runs.create, args=(config, dataset)) for dataset in [pets, *copies] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [run] = runs.every()
    assert len(list((run.folder / "images").iterdir())) == 10


def test_lists_notice_what_other_processes_write(pets):
    run = finished(pets)
    assert runs.every()[0].state == "done"
    workspace.write_json(run.folder / "status.json", {"state": "failed", "changed": time.time(), "message": "Why"})
    assert runs.every()[0].state == "failed"
    shutil.rmtree(run.folder)
    assert runs.every() == []


def test_a_list_parses_only_what_is_new(pets, monkeypatch):
    for seed in range(3):
        finished(pets, seed)
    parsed = []
    original = TrainConfig.from_json
    monkeypatch.setattr(TrainConfig, "from_json", lambda value: parsed.append(value) or original(value))
    monkeypatch.setattr(runs, "FRESH_S", -1)  # what was written just now counts as old
    runs._seen.clear()
    first = runs.every()
    assert (len(first), len(parsed)) == (3, 3)
    assert runs.every() == first
    runs.job(first[0].key).set_state("failed", message="Why")
    assert runs.every()[0].state == "failed"
    assert len(parsed) == 4


def test_a_file_written_in_the_same_tick_of_the_clock_is_not_trusted(pets):
    run = finished(pets)
    path = run.folder / "status.json"
    assert runs.find(run.key).state == "done"
    stat = path.stat()
    content = path.read_text().replace('"done"', '"gone"').replace("gone", "fail")
    path.write_text(content.replace('"fail"', '"idle"'))  # in place, of the same size, at the same time: no state
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert runs.every() == []


def test_what_was_read_is_as_it_was_written(pets):
    run = finished(pets)
    assert isinstance(run.classes, tuple)
    assert runs.find(run.key[:6]) == run
    assert np.isclose(run.created, time.time(), atol=60)
