"""Read the variables of a TensorFlow SavedModel without TensorFlow, from the tensor bundle in its folder `variables`.

The index is a LevelDB table of sorted names, each with a protocol buffer that holds type, shape and place; the data
file holds the plain values. Every length is checked against the size of the file before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.errors import ModelError
from engine.inference.protobuf import Message, read_fields, read_varint

__all__ = ["DATA", "INDEX", "read_variables"]

INDEX, DATA = "variables.index", "variables.data-00000-of-00001"
MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER = 48
TRAILER = 5  # one byte of compression and a checksum after each block
FLOAT32 = 1  # the type's number
MAX_BYTES = 1 << 30
REMEDY = "give the folder that holds saved_model.pb and variables/"


def read_variables(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all float32 variables of a SavedModel folder by name; ModelError if it is not a SavedModel."""
    index, data = folder / "variables" / INDEX, folder / "variables" / DATA
    try:
        if max(index.stat().st_size, data.stat().st_size) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        values = data.read_bytes()
        found = {name: _array(entry, values) for name, entry in _entries(index.read_bytes()) if name}  # no name: header
        return {name: array for name, array in found.items() if array is not None}
    except (OSError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ModelError(str(folder), expected="a SavedModel of TensorFlow", got=reason, remedy=REMEDY) from error


def _entries(index: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield names and descriptions; the footer of the table leads to a block of blocks."""
    footer = index[-FOOTER:]
    if len(footer) < FOOTER or not footer.endswith(MAGIC):
        raise ValueError("an index that is not a table")
    _, _, at = _handle(footer, 0)
    offset, size, _ = _handle(footer, at)
    for _, handle in _block(index, offset, size):
        for name, entry in _block(index, *_handle(handle, 0)[:2]):
            yield name.decode("utf-8", "replace"), entry


def _handle(data: bytes, at: int) -> tuple[int, int, int]:
    """Read offset and size of a block, and where this handle ends."""
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return offset, size, at


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values; each key begins with a given number of bytes of the key before."""
    if offset + size + TRAILER > len(index) or size < 4:
        raise ValueError("a block beyond the end of the index")
    if index[offset + size]:
        raise ValueError("a compressed index")
    block = index[offset : offset + size]
    end = size - 4 * (int.from_bytes(block[-4:], "little") + 1)
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        n_new, at = read_varint(block, at)
        n_value, at = read_varint(block, at)
        if shared > len(key) or at + n_new + n_value > end:
            raise ValueError("an entry beyond the end of its block")
        key = key[:shared] + block[at : at + n_new]
        at += n_new
        yield key, block[at : at + n_value]
        at += n_value


def _array(entry: bytes, values: bytes) -> npt.NDArray[np.float32] | None:
    """Return the described variable; None if it is not of float32."""
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: tuple[int, ...] = ()
    for field, value in read_fields(entry):
        if field == 2 and not isinstance(value, int):
            shape = tuple(_size(dim) for number, dim in read_fields(value) if number == 2 and not isinstance(dim, int))
        elif isinstance(value, int):
            numbers[field] = value
    if numbers[1] != FLOAT32:
        return None
    n_bytes, offset = numbers[5], numbers[4]
    if numbers[3] or n_bytes != 4 * math.prod(shape) or offset + n_bytes > len(values):
        raise ValueError("a variable beyond the end of the data")
    return np.frombuffer(values, "<f4", math.prod(shape), offset).reshape(shape)


def _size(dim: Message) -> int:
    return next((value for field, value in read_fields(dim) if field == 1 and isinstance(value, int)), 0)
