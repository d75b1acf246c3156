"""Read the tensors of a torch weights file without torch, and without running code from the file.

A torch file is a pickle with raw numbers, and a pickle may call any function. This reader allows the few names that a
plain state dict needs and refuses all others. The formats are those of `torch.save`: a zip archive since torch 1.6,
before that a sequence of pickles followed by the numbers (torch/serialization.py, "legacy").
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from core.errors import UserError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
ZIP_START = b"PK\x03\x04"
DAMAGED = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
)


class _Storage(NamedTuple):
    """A flat array of numbers, which comes after the pickle that refers to it."""

    key: str
    dtype: str


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self, raw: bytes) -> np.ndarray:
        dtype = np.dtype(self.storage.dtype)
        if math.prod(self.size) * dtype.itemsize > len(raw):
            raise ValueError("a tensor larger than its storage")
        strides = [dtype.itemsize * step for step in self.stride]
        # NumPy itself refuses a view that reaches outside the storage.
        return np.ndarray(self.size, dtype, raw, dtype.itemsize * self.offset, strides).copy()


def _rebuild_tensor(storage: _Storage, offset: int, size: tuple, stride: tuple, *_: object) -> _Tensor:
    return _Tensor(storage, offset, size, stride)


def _rebuild_parameter(tensor: _Tensor, *_: object) -> _Tensor:
    return tensor


ALLOWED: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "DoubleStorage"): "<f8",
    ("torch", "FloatStorage"): "<f4",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "LongStorage"): "<i8",
    ("torch", "IntStorage"): "<i4",
    ("torch", "ShortStorage"): "<i2",
    ("torch", "CharStorage"): "i1",
    ("torch", "ByteStorage"): "u1",
    ("torch", "BoolStorage"): "?",
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ALLOWED:
            raise UserError(
                "The weights file asks for '{name}', which plain weights do not need, so it was not read further. Use "
                "a file from a source you trust that holds a state dict and nothing else.",
                name=f"{module}.{name}",
            )
        return ALLOWED[module, name]

    def persistent_load(self, pid: tuple) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(key, dtype)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict.

    Returns:
        The tensors by name, in the order of the file, as little-endian arrays of their own dtypes.

    Raises:
        UserError: The file is damaged, is no torch file, or needs more than tensors.
    """
    try:
        with open(path, "rb") as file:
            zipped = file.read(len(ZIP_START)) == ZIP_START
            file.seek(0)
            return _read_zip(file) if zipped else _read_legacy(file)
    except DAMAGED as error:
        raise UserError(
            "'{path}' is not a whole file of torch weights. Get it again from where it came from.", path=path
        ) from error


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        folder = pickled.removesuffix("data.pkl") + "data/"
        tensors = _tensors(_Unpickler(archive.open(pickled)).load())
        raw = {key: archive.read(folder + key) for key in {tensor.storage.key for tensor in tensors.values()}}
    return {name: tensor.array(raw[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != MAGIC_NUMBER:
        raise ValueError("no torch file")
    _Unpickler(file).load()  # the protocol's version
    _Unpickler(file).load()  # sizes of numbers on the machine that wrote it
    tensors = _tensors(_Unpickler(file).load())
    itemsize = {tensor.storage.key: np.dtype(tensor.storage.dtype).itemsize for tensor in tensors.values()}
    raw = {}
    for key in _Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        raw[key] = file.read(count * itemsize[key])
    return {name: tensor.array(raw[tensor.storage.key]) for name, tensor in tensors.items()}


def _tensors(value: object) -> dict[str, _Tensor]:
    if not isinstance(value, dict) or not all(isinstance(tensor, _Tensor) for tensor in value.values()):
        raise ValueError("no state dict")
    return dict(value)
