"""The reader of torch files: what it reads, and above all what it refuses."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.learn import torch_file

FLOATS = np.arange(12, dtype="<f4") / 3
LONGS = np.arange(6, dtype="<i8")


class Storage:
    def __init__(self, key: str, kind: type, numbers: np.ndarray):
        self.key, self.kind, self.numbers = key, kind, numbers


class Call:
    """Pickles as a call of `function`, as a tensor does, and an attack."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Writer(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return "storage", value.kind, value.key, "cpu", len(value.numbers)
        return None


def pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    Writer(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def legacy(value: object, storages: tuple[Storage, ...]) -> bytes:
    """What torch.save wrote before 1.6."""
    header = [torch_file.MAGIC_NUMBER, 1001, {"little_endian": True}]
    raw = [len(row.numbers).to_bytes(8, "little") + row.numbers.tobytes() for row in storages]
    return b"".join([*map(pickled, [*header, value, [row.key for row in storages]]), *raw])


def zipped(value: object, storages: tuple[Storage, ...]) -> bytes:
    """What torch.save has written since."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value))
        for row in storages:
            archive.writestr(f"archive/data/{row.key}", row.numbers.tobytes())
    return buffer.getvalue()


both_formats = pytest.mark.parametrize("form", [legacy, zipped])


@pytest.fixture
def torch(monkeypatch) -> types.ModuleType:
    """Names for the writing side alone, since a pickler wants to find what it names: torch itself is not needed."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "ComplexFloatStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))

    def rebuild() -> None:
        raise AssertionError("the reader has its own")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    package.rebuild = rebuild
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return package


@pytest.fixture
def floats(torch) -> Storage:
    return Storage("7", torch.FloatStorage, FLOATS)


def tensor(torch, storage: Storage, offset: int, size: tuple, stride: tuple) -> Call:
    return Call(torch.rebuild, storage, offset, size, stride, False, OrderedDict())


def written(folder: Path, content: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(content)
    return path


@both_formats
def test_tensors_come_back_by_name_with_their_shapes_and_dtypes(form, torch, floats, tmp_path):
    longs = Storage("8", torch.LongStorage, LONGS)
    state = OrderedDict(
        kernel=tensor(torch, floats, 0, (3, 4), (4, 1)),
        transposed=tensor(torch, floats, 4, (4, 2), (1, 4)),
        count=tensor(torch, longs, 5, (), ()),
    )
    read = torch_file.read(written(tmp_path, form(state, (floats, longs))))
    assert list(read) == ["kernel", "transposed", "count"]
    np.testing.assert_array_equal(read["kernel"], FLOATS.reshape(3, 4))
    np.testing.assert_array_equal(read["transposed"], FLOATS[4:].reshape(2, 4).T)
    assert read["kernel"].dtype == np.float32
    assert read["count"] == 5
    assert read["count"].dtype == np.int64


@both_formats
def test_a_pickle_that_runs_a_command_is_refused_by_name(form, tmp_path):
    import os

    trace = tmp_path / "ran"
    path = written(tmp_path, form(OrderedDict(kernel=Call(os.system, f"touch {trace}")), ()))
    with pytest.raises(UserError, match=r"posix\.system"):
        torch_file.read(path)
    assert not trace.exists()


@both_formats
def test_a_storage_of_an_unknown_kind_is_refused_by_name(form, torch, tmp_path):
    storage = Storage("0", torch.ComplexFloatStorage, FLOATS)
    path = written(tmp_path, form({"kernel": tensor(torch, storage, 0, (2,), (1,))}, (storage,)))
    with pytest.raises(UserError, match=r"torch\.ComplexFloatStorage"):
        torch_file.read(path)


@both_formats
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (3, 5), (5, 1)), (1, (12,), (1,)), (0, (4,), (4,)), (-1, (2,), (1,)), (0, (2**40,), (0,))],
)
def test_a_tensor_cannot_reach_outside_its_storage(form, offset, size, stride, torch, floats, tmp_path):
    path = written(tmp_path, form({"kernel": tensor(torch, floats, offset, size, stride)}, (floats,)))
    with pytest.raises(UserError, match="not a whole file"):
        torch_file.read(path)


@both_formats
def test_a_truncated_file_is_named(form, torch, floats, tmp_path):
    content = form({"kernel": tensor(torch, floats, 0, (3, 4), (4, 1))}, (floats,))
    for length in range(0, len(content), 7):
        path = written(tmp_path, content[:length])
        with pytest.raises(UserError, match=r"weights\.pth"):
            torch_file.read(path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(99), b"PK\x03\x04" + bytes(99), pickled([1, 2])])
def test_another_kind_of_file_is_named(content, tmp_path):
    with pytest.raises(UserError, match=r"weights\.pth"):
        torch_file.read(written(tmp_path, content))


@both_formats
@pytest.mark.parametrize("value", [[1, 2], {"epoch": 3}])
def test_a_pickle_of_something_else_is_no_state_dict(form, value, tmp_path):
    with pytest.raises(UserError, match="not a whole file"):
        torch_file.read(written(tmp_path, form(value, ())))
