import gc

import numpy as np
import pytest

from core.learn.feature_store import Store
from core.storage import disk_cache

ABOUT = {"network": "tiny", "view": 0}


def rows(n: int, first: int = 0) -> np.ndarray:
    return (np.arange(first, first + n)[:, None] * np.ones((1, 6))).astype(np.float16)


def filled(contents: list[str]) -> Store:
    store = Store(ABOUT)
    with store.writing():
        store.append(contents, rows(len(contents)))
    return store


def read(store: Store, contents: list[str]) -> list[float]:
    return store.array()[store.places(contents)][:, 0].tolist()


def test_rows_are_found_again_by_content_whatever_the_order():
    filled(["a", "b", "c"])
    store = Store(ABOUT)
    assert store.missing(["c", "a"]) == set()
    assert read(store, ["c", "a"]) == [2, 0]


def test_only_what_is_new_is_missing():
    store = filled(["a", "b"])
    assert store.missing(["b", "new", "a"]) == {1}
    with store.writing():
        store.append(["new"], rows(1, first=9))
    assert read(store, ["b", "new", "a"]) == [1, 9, 0]


def test_another_question_is_another_store():
    filled(["a"])
    assert Store(ABOUT | {"view": 1}).missing(["a"]) == {0}


def test_a_changed_byte_makes_its_row_missing_and_it_can_be_written_again():
    store = filled(["a", "b", "c"])
    with open(store.folder / "rows.bin", "r+b") as file:
        file.seek(store._row_bytes + 1)
        file.write(b"\xff")
    store = Store(ABOUT)
    assert store.missing(["a", "b", "c"]) == {1}
    with store.writing():
        store.append(["b"], rows(1, first=1))
    assert store.missing(["a", "b", "c"]) == set()
    assert read(store, ["a", "b", "c"]) == [0, 1, 2]


def test_a_file_that_was_cut_off_keeps_its_whole_rows():
    store = filled(["a", "b", "c"])
    file = store.folder / "rows.bin"
    with open(file, "r+b") as cut:
        cut.truncate(store._row_bytes * 2 + 5)
    store = Store(ABOUT)
    assert store.missing(["a", "b", "c"]) == {2}
    with store.writing():
        store.append(["c"], rows(1, first=2))
    assert read(Store(ABOUT), ["a", "b", "c"]) == [0, 1, 2]


def test_a_lost_file_loses_all_rows_but_no_more():
    store = filled(["a", "b"])
    (store.folder / "rows.bin").unlink()
    assert Store(ABOUT).missing(["a", "b"]) == {0, 1}


def test_what_was_written_before_a_fault_stays():
    store = Store(ABOUT)

    def broken_off():
        with store.writing():
            store.append(["a"], rows(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert Store(ABOUT).missing(["a", "b"]) == {1}


def test_a_store_that_is_read_outlives_the_budget_of_others():
    store = filled(["a", "b"]).held()
    disk_cache.keep_budget([store.folder], 0)
    assert read(store, ["b", "a"]) == [1, 0]
    with store.writing():
        store.append(["c"], rows(1, first=9))
    folder = store.folder
    del store
    gc.collect()
    disk_cache.keep_budget([folder], 0)
    assert not folder.exists()


def test_a_store_deleted_before_it_is_held_is_made_anew():
    store = filled(["a"])
    other = Store(ABOUT)
    del store
    gc.collect()
    disk_cache.keep_budget([other.folder], 0)
    assert other.held().missing(["a"]) == {0}
    with other.writing():
        other.append(["a"], rows(1, first=7))
    assert read(Store(ABOUT), ["a"]) == [7]


@pytest.mark.parametrize("index", ["", "{", "[]", '{"shape": [6], "rows": {"a": "0"}}', '{"rows": 3}', "\xff"])
def test_a_damaged_index_loses_all_rows_but_no_more(index):
    store = filled(["a"])
    (store.folder / "rows.json").write_text(index, "latin-1")
    assert Store(ABOUT).missing(["a"]) == {0}
