import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.data import datasets, decoding, images, importing, normalize
from core.errors import UserError
from core.storage.parallel import in_threads


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Processes of this test alone."""
    processes: list = []
    monkeypatch.setattr(decoding, "_free", processes)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_it_is_what_normalise_gives(encoded, photo, fresh):
    contents = [encoded(photo(n), format) for n, format in enumerate(("PNG", "JPEG", "WEBP", "BMP") * 3)]
    assert list(in_threads(decoding.normalise, contents)) == list(map(normalize.normalise, contents))
    assert 1 <= len(fresh) <= decoding.PROCESSES
    assert decoding.normalise(photo(1)) == normalize.normalise(photo(1))


def test_what_is_wrong_is_told_as_without_a_process(encoded, photo):
    for content in (b"", b"hello", encoded(photo(1))[:100]):
        with pytest.raises(UserError) as inside:
            normalize.normalise(content)
        with pytest.raises(UserError) as outside:
            decoding.normalise(content)
        assert str(outside.value) == str(inside.value)


def test_an_image_that_takes_too_long_is_given_up_and_the_next_one_is_read(encoded, photo, monkeypatch, fresh):
    monkeypatch.setattr(decoding, "CPU_SECONDS", 0.05)
    with pytest.raises(UserError, match="takes too long to decode"):
        decoding.normalise(encoded(np.zeros((4000, 4000), np.uint8)))
    assert fresh == []
    monkeypatch.undo()
    assert decoding.normalise(encoded(photo(1))) == normalize.normalise(encoded(photo(1)))


def test_an_image_that_kills_its_process_is_refused(encoded, photo, fresh, monkeypatch):
    start = decoding._start

    def doomed():
        process = start()
        process.send_signal(signal.SIGSEGV)
        return process

    monkeypatch.setattr(decoding, "_start", doomed)
    with pytest.raises(UserError, match="ended with SIGSEGV"):
        decoding.normalise(encoded(photo(2)))
    monkeypatch.setattr(decoding, "_start", start)
    assert decoding.normalise(encoded(photo(2))) == normalize.normalise(encoded(photo(2)))


@pytest.mark.parametrize("kill", [False, True])
def test_a_process_that_went_away_idle_is_replaced(encoded, photo, fresh, kill):
    fresh.append(decoding._start())
    if kill:
        fresh[0].kill()
    fresh[0].stdin.close()
    fresh[0].wait()
    assert decoding.normalise(encoded(photo(2))) == normalize.normalise(encoded(photo(2)))


def test_a_process_that_goes_as_it_is_asked_is_replaced(encoded, photo, monkeypatch):
    gone = decoding._start()
    gone.stdin.close()
    gone.wait()
    gone.stdin = io.FileIO(os.devnull, "w")
    monkeypatch.setattr(decoding, "_waiting", [None, gone].pop)
    assert decoding.normalise(encoded(photo(2))) == normalize.normalise(encoded(photo(2)))


def test_memory_is_limited(encoded, photo, monkeypatch):
    """In a process that may have no more than what it needs to begin with."""
    code = (
        "from core.data import decoding\n"
        "decoding.MEMORY_BYTES = 260 * 1024**2\n"
        "decoding._serve()\n"
    )  # fmt: skip
    start = subprocess.Popen

    def smaller(command, **options):
        return start([sys.executable, "-c", code], **options)

    monkeypatch.setattr(decoding.subprocess, "Popen", smaller)
    with pytest.raises(UserError):
        decoding.normalise(encoded(np.zeros((5000, 5000), np.uint8)))
    assert decoding.normalise(encoded(photo(1))) == normalize.normalise(encoded(photo(1)))


def test_no_process_outlives_its_server(encoded, photo, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(photo(1)))
    code = (
        "import sys, time\n"
        "from core.data import decoding\n"
        f"decoding.normalise(open({str(tmp_path / 'a.png')!r}, 'rb').read())\n"
        "print(decoding._free[0].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    pid = int(server.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    server.kill()
    server.communicate()
    for _ in range(100):
        if not is_alive(pid):
            break
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_dark_images_of_a_set_stay_dark(encoded, zipped):
    rng = np.random.default_rng(1)
    files = {
        f"{label}/{n}.png": encoded(rng.integers(0, top, (24, 24)).astype(np.uint16))
        for label, top in (("bright", 4000), ("dark", 900))
        for n in range(6)
    }
    files |= {f"bright/{n}.jpg": encoded(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8), "JPEG") for n in range(3)}
    importing.import_source(zipped(files), "cells")
    dataset = datasets.load("cells")
    brightest = {
        (entry.label, entry.source[-3:]): images.decode(dataset.image_path(entry)).max() for entry in dataset.entries
    }
    assert brightest["bright", "png"] > 240
    assert 50 < brightest["dark", "png"] <= 57  # 900 of 4095
    assert images.decode(files["dark/0.png"]).max() > 200  # alone, it is taken for one of 10 bits
