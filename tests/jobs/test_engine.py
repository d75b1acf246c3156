"""The engine with real workers: sharing, cache, cancel, and what happens when processes are killed."""

import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from core.checks import store
from core.config import make_config
from core.data import datasets, edits
from core.data.synthetic_shapes import generate
from core.errors import UserError
from core.jobs import service
from core.jobs.kinds import CHECK, TRAINING
from core.results import runs
from core.storage import job_folder

pytestmark = pytest.mark.slow

LONG = {"epochs": 200, "patience": 200, "batch_size": 8}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    # The workers inherit the environment, so one home serves all tests of this module.
    patch = pytest.MonkeyPatch()
    patch.setenv("HANDFUL_HOME", str(tmp_path_factory.mktemp("engine")))
    engine = service.Engine()
    yield engine
    engine.close()
    patch.undo()


@pytest.fixture
def home():
    """Overrides the fresh home of each test: the workers keep theirs."""


@pytest.fixture
def dataset(engine):
    if "hands" not in datasets.list_names():
        datasets.create("hands", "drawing")
        drawn = list(generate(12, 3))
        for label in ("circle", "rectangle", "triangle"):
            images = [(str(n), image) for n, (kind, image) in enumerate(drawn) if kind == label]
            edits.add_images("hands", label, images)
    return datasets.load("hands")


def config(dataset, **knobs):
    return make_config(dataset, "shapes_cnn", knobs)


def wait(condition, seconds=240):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.05)


def epochs_done(key):
    return len(runs.history(key).get("loss", ()))


def test_two_visitors_share_one_training_and_a_third_gets_the_cache(engine, dataset):
    asked = config(dataset, epochs=3)
    one, two = engine.train(asked, dataset), engine.train(asked, dataset)
    assert one.key == two.key
    assert len([run for run in runs.queue() if run.key == one.key]) == 1
    wait(lambda: runs.find(one.key).state == "done")
    before = runs.find(one.key)
    third = engine.train(asked, dataset)
    assert third.state == "done"
    assert third.changed == before.changed


def test_cancel_takes_less_than_two_seconds_and_resuming_keeps_the_epochs(engine, dataset):
    key = engine.train(config(dataset, **LONG), dataset).key
    wait(lambda: epochs_done(key) >= 3)
    wished = time.time()
    engine.cancel(TRAINING, key)
    wait(lambda: runs.find(key).state == "cancelled", seconds=2)
    assert time.time() - wished < 2
    kept = epochs_done(key)
    engine.train(config(dataset, **LONG), dataset)
    wait(lambda: epochs_done(key) > kept)
    assert runs.history(key)["loss"][kept] < runs.history(key)["loss"][0]
    engine.cancel(TRAINING, key)
    wait(lambda: not runs.find(key).live)


def test_a_waiting_training_can_be_cancelled_and_asked_for_again(engine, dataset):
    first = engine.train(config(dataset, **LONG, seed=1), dataset).key
    wait(lambda: runs.find(first).state == "running")
    waiting = engine.train(config(dataset, epochs=2, seed=2), dataset).key
    assert [run.key for run in runs.queue()] == [first, waiting]
    engine.cancel(TRAINING, waiting)
    assert runs.find(waiting).state == "cancelled"
    engine.train(config(dataset, epochs=2, seed=2), dataset)
    assert runs.find(waiting).state == "queued"
    engine.cancel(TRAINING, first)
    wait(lambda: runs.find(waiting).state == "done")
    assert runs.find(first).state == "cancelled"


def test_a_killed_worker_is_replaced_and_the_training_goes_on(engine, dataset):
    key = engine.train(config(dataset, **LONG | {"epochs": 30}, seed=3), dataset).key
    wait(lambda: epochs_done(key) >= 3)
    victim = runs.progress(key).process
    done = epochs_done(key)
    psutil.Process(victim).kill()
    wait(lambda: epochs_done(key) > done and runs.progress(key).process != victim)
    wait(lambda: runs.find(key).state == "done")
    assert epochs_done(key) == 30


def is_worker(process):
    try:
        return process.status() != "zombie" and "spawn_main" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, FileNotFoundError):  # it has ended just now
        return False


def workers():
    return [child for child in psutil.Process().children(recursive=True) if is_worker(child)]


def test_workers_killed_again_and_again_are_replaced(engine, dataset):
    trained = engine.train(config(dataset, epochs=2), dataset).key
    wait(lambda: runs.find(trained).state == "done")
    first = engine.train(config(dataset, **LONG, seed=20), dataset).key
    waiting = engine.train(config(dataset, epochs=2, seed=30), dataset).key
    for pause in (1.5, 0.05, 0.05, 1.5, 0.05, 0.05):  # when they have started, and while they start
        wait(lambda: len(workers()) == 2, seconds=20)
        time.sleep(pause)
        for worker in workers():
            worker.kill()
    wait(engine.troubles, seconds=20)
    for resource in ("train", "predict"):
        assert engine._submit(resource, "time:time").result(timeout=240)
    rgb = next(generate(1, 0))[1][..., None].repeat(3, 2)
    assert engine.predict([trained], rgb)[0].key == trained
    engine.cancel(TRAINING, first)
    wait(lambda: not runs.find(first).live and runs.find(waiting).state == "done")
    wait(lambda: engine.troubles() == [])


def test_a_worker_that_has_grown_makes_room_and_what_waits_goes_on(engine):
    grow = "from core.jobs import cluster; cluster._served[:] = [(worker, 0) for worker, _largest in cluster._served]"
    before = engine._submit("train", "os:getpid").result()
    engine._submit("train", "builtins:exec", grow, fifo_timeout="0 ms")
    waiting = [engine._submit("train", "os:getpid", fifo_timeout="0 ms") for _ in range(20)]
    [after] = {future.result(timeout=240) for future in waiting}
    assert after != before


def test_a_killed_server_leaves_no_orphans_and_the_next_one_resumes(dataset):
    script = (
        "from core.jobs import service\nfrom core.data import datasets\n"
        "from core.config import make_config\nimport time\n"
        "if __name__ == '__main__':\n"
        "    e = service.engine(); d = datasets.load('hands')\n"
        f"    c = make_config(d, 'shapes_cnn', {LONG | {'epochs': 40, 'seed': 4}!r})\n"
        "    e.train(c, d) if not e.resume() else None\n"
        "    time.sleep(600)\n"
    )
    key = config(dataset, **LONG | {"epochs": 40, "seed": 4}).key
    server = subprocess.Popen([sys.executable, "-c", script])
    wait(lambda: (runs.folder(key) / "run.json").exists() and epochs_done(key) >= 3)
    children = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    server.wait()
    wait(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), seconds=20)
    done = epochs_done(key)
    assert runs.find(key).state == "running"
    server = subprocess.Popen([sys.executable, "-c", script])
    wait(lambda: runs.find(key).state == "done")
    assert epochs_done(key) == 40 > done
    server.kill()
    server.wait()


def test_predictions_come_back_while_a_training_runs(engine, dataset):
    asked = config(dataset, epochs=2)
    key = engine.train(asked, dataset).key
    wait(lambda: runs.find(key).state == "done")
    busy = engine.train(config(dataset, **LONG, seed=5), dataset).key
    wait(lambda: epochs_done(busy) >= 1)
    rgb = next(generate(1, 0))[1][..., None].repeat(3, 2)
    [prediction] = engine.predict([key], rgb)
    assert prediction.classes == ("circle", "rectangle", "triangle")
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-4)
    assert 0 < prediction.own_milliseconds < prediction.milliseconds
    assert engine.predict_many(key, [rgb, rgb]) == pytest.approx(np.array([prediction.probabilities] * 2), abs=1e-4)
    assert runs.find(busy).state == "running"
    engine.cancel(TRAINING, busy)
    wait(lambda: not runs.find(busy).live)


def test_predicting_with_a_run_that_is_not_done_says_so(engine, dataset):
    run = runs.create(config(dataset, epochs=2, seed=99), dataset)
    rgb = next(generate(1, 0))[1][..., None].repeat(3, 2)
    with pytest.raises(UserError, match="queued, so it cannot predict yet"):
        engine.predict([run.key], rgb)
    done = next(run.key for run in runs.every() if run.state == "done")
    error, prediction = engine.predict([run.key, done], rgb)
    assert "queued, so it cannot predict yet" in str(error)
    assert prediction.key == done
    with pytest.raises(UserError, match="queued, so it cannot predict yet"):
        engine.predict_many(run.key, [rgb])


def test_a_check_is_shared_waits_its_turn_and_can_be_cancelled(engine, dataset):
    key = engine.train(config(dataset, **LONG, seed=7), dataset).key
    wait(lambda: epochs_done(key) >= 1)
    engine.submit(CHECK, "hands")
    assert store.status("hands").state == "queued"
    engine.cancel(CHECK, "hands")
    assert store.status("hands").state == "cancelled"
    engine.submit(CHECK, "hands")
    engine.submit(CHECK, "hands")
    engine.cancel(TRAINING, key)
    wait(lambda: store.status("hands").state == "done")
    report = store.latest(datasets.load("hands"))
    assert report.kind == "drawing"
    engine.submit(CHECK, "hands")
    wait(lambda: store.status("hands").state == "done")
    assert store.latest(datasets.load("hands")) == report


def test_a_check_that_a_killed_server_left_is_made_again(engine, dataset):
    for left in runs.queue():  # by the tests before
        engine.cancel(TRAINING, left.key)
    wait(lambda: runs.queue() == [])
    store.folder("hands").mkdir(exist_ok=True)
    for state in job_folder.LIVE_STATES:
        store.job("hands").set_state(state)
        assert engine.resume() == [(CHECK, "hands")]
        wait(lambda: store.status("hands").state == "done")
    assert store.latest(datasets.load("hands"))
