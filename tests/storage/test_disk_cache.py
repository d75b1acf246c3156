"""What is kept within a budget, and what stays because somebody holds it, here or in another process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.storage import disk_cache

HOLD = """
import sys, time
from pathlib import Path
from core.storage import disk_cache
class Holder: pass
holder = Holder()
disk_cache.hold(Path(sys.argv[1]), holder)
print("held", flush=True)
sys.stdin.read()
"""


class Holder:
    """Whatever uses a folder."""


def made(folder: Path, age: int) -> Path:
    folder.mkdir()
    (folder / "rows.bin").write_bytes(bytes(1000))
    os.utime(folder, (1e9 - age, 1e9 - age))
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_what_was_touched_longest_ago_goes_first(home):
    folders = [made(home / name, age) for name, age in (("a", 3), ("b", 1), ("c", 2))]
    disk_cache.keep_budget(folders, 1000)
    assert left(home) == ["b"]


def test_a_folder_that_is_held_stays_until_it_is_let_go(home):
    folders, holder = [made(home / name, age) for name, age in (("old", 2), ("new", 1))], Holder()
    disk_cache.hold(folders[0], holder)
    disk_cache.keep_budget(folders, 1000)
    assert left(home) == ["old"]
    del holder
    disk_cache.keep_budget(folders, 0)
    assert left(home) == []


def test_a_folder_that_another_process_holds_stays(home):
    folder = made(home / "old", 2)
    arguments = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        disk_cache.keep_budget([folder], 0)
        assert left(home) == ["old"]
        other.kill()  # the kernel lets go for it
    disk_cache.keep_budget([folder], 0)
    assert left(home) == []


def test_what_another_process_deleted_meanwhile_is_no_matter(home):
    folders = [made(home / name, 1) for name in "ab"]
    disk_cache.keep_budget([*folders, home / "gone", home / "gone.npy"], 1000)
    assert len(left(home)) == 1
    with pytest.raises(FileNotFoundError):
        disk_cache.hold(home / "gone", Holder())
