"""Every page opens whatever became of the files of runs and checks: it names what it cannot read."""

import time

import numpy as np
import pytest

from core.checks import store
from core.checks.report import CheckReport
from core.checks.sources import of_dataset
from core.config import make_config
from core.jobs import service
from core.results import runs
from core.results.runs import Progress
from core.storage import workspace
from tests.pages.visitor import opened, says
from ui.i18n import plain

SCORES = {"accuracy": 0.75, "low": 0.3, "high": 0.95, "n": 4, "confusion": [[1, 1], [1, 1]]}
DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "not UTF-8": lambda content: b'{"state": "d\xe4n"}',
    "wrong type": lambda content: b'["done"]',
    "later version": lambda content: b'{"format": 99, "state": {"name": "done"}}',
}


class Bench:
    """An engine without workers."""

    def stop(self, kind, name): ...


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    monkeypatch.setattr(service, "engine", Bench)


def finished(dataset, strategy: str, seed: int) -> runs.Run:
    run = runs.create(make_config(dataset, strategy, {"seed": seed}), dataset)
    workspace.write_json(run.folder / "history.json", {"loss": [0.7], "val_loss": [0.6]})
    workspace.write_json(run.folder / "evaluation.json", {"validation": SCORES, "test": SCORES})
    (run.folder / "model.keras").write_bytes(bytes(99))
    runs.job(run.key).write_progress(Progress("evaluating", 0.97))
    runs.job(run.key).set_state("done", seconds=12.3, accuracy=0.75)
    return runs.find(run.key)


def checked(dataset) -> None:
    store.save(dataset.name, CheckReport(dataset.name, dataset.fingerprint, "photo", 12, (), (), time.time(), 1.0))
    store.set_fine(dataset.name, ["0" * 16])
    store.job(dataset.name).write_progress(store.Progress("judging", 0.9, done=12, total=12))
    store.job(dataset.name).set_state("done")
    source = of_dataset(dataset)
    rows = {item.entry.content: np.zeros(1, store.MEASURES)[0] for item in source.items}
    store.save_measures(dataset.name, source, rows)


@pytest.mark.parametrize("damage", DAMAGE)
def test_pages_open_name_what_is_damaged_and_let_it_be_deleted(pets, damage):
    question, status, results = (finished(pets, "small_cnn", seed) for seed in range(3))
    checked(pets)
    workspace.write_json(workspace.pretrained() / "accepted.json", {"vgg16": "0" * 64})
    workspace.write_json(workspace.compute_choices(), {"here": {}})
    victims = [question.folder / "run.json", status.folder / "status.json", workspace.compute_choices()]
    victims += [workspace.pretrained() / "accepted.json", *store.folder("pets").iterdir()]
    victims += [path for path in results.folder.iterdir() if path.name not in ("run.json", "status.json", "images")]
    for path in victims:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))

    train = opened("2_Train", dataset="pets", run=results.key)
    assert says(train.error, "evaluation.json")
    for run, file in ((question, "run.json"), (status, "status.json")):
        named = plain(f"'weights/runs/{run.key}/{file}'")
        assert says(train.markdown, f"{run.key}: {named} is damaged")
    train.get_by_key(f"delete_{question.key}").click().run()
    assert [run.key for run in runs.unreadable()] == [status.key]
    assert [run.key for run in runs.every()] == [results.key]

    check = opened("1_Data", dataset="pets", view="check")
    assert says([*check.warning, *check.error], "cannot be read")
    assert "Check this data set" in [button.label for button in check.button]
    if damage == "empty":  # the others differ in nothing that these pages read
        assert says(opened("2_Train", run=status.key).error, f"Run {status.key} cannot be read.")
        for page in ("1_Data", "3_Predict", "4_Augment"):
            opened(page, dataset="pets")
