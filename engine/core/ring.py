"""Provide a lock-free ring buffer with one writer and one reader, over memory that two processes may share.

The head holds how many rows were ever written and how many were ever read, each on a cache line of its own and
each stored by one side only. A store releases and a load acquires, so a reader that sees the count also sees the
rows (x86 orders them anyway, ARM does not). The kernels may be called from a `@cfunc`, from `@njit` and from Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from engine.core.arrays import I64
from engine.core.errors import ShapeError

__all__ = [
    "HEAD_BYTES",
    "RecordRing",
    "RingBuffer",
    "await_rows",
    "load_acquire",
    "n_readable",
    "n_writable",
    "pop",
    "private_ring",
    "push",
    "skip",
    "store_release",
]

WRITTEN, READ = 0, 8  # places in the head, 64 bytes apart
HEAD_BYTES = 128
ALIGN = 8  # bytes: what an atomic int64 needs
LENGTH_BYTES = 4  # before each record of a RecordRing

CELLS = types.Array(types.int64, 1, "C")
usleep = types.ExternalFunction("usleep", types.intc(types.uint32))


def _address(context: Any, builder: Any, args: Any, signature: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


def _load_acquire(typing_context: Any, array: Any, index: Any) -> Any:
    """Read `array[index]` (int64, contiguous); what its writer stored before is visible afterwards."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, args, signature)
        return builder.load_atomic(address, "acquire", ALIGN, typ=ir.IntType(64))

    return types.int64(CELLS, types.intp), generate


load_acquire: Any = intrinsic(_load_acquire)


def _store_release(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write `array[index]` (int64, contiguous); what was stored before is visible to whoever reads it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _address(context, builder, args, signature), "release", ALIGN)
        return context.get_dummy_value()

    return types.void(CELLS, types.intp, types.int64), generate


store_release: Any = intrinsic(_store_release)


@njit(nogil=True, cache=True)
def n_readable(head: I64) -> int:
    """Return the rows ready to be read; the writer may add more at any time."""
    return load_acquire(head, WRITTEN) - load_acquire(head, READ)


@njit(nogil=True, cache=True)
def n_writable(head: I64, capacity: int) -> int:
    """Return the rows of free space; the reader may free more at any time."""
    return capacity - (load_acquire(head, WRITTEN) - load_acquire(head, READ))


@njit(nogil=True, cache=True)
def await_rows(head: I64, n: int, naps: int, nap_us: int) -> bool:
    """Sleep until `n` rows can be read; return False if they are still missing after `naps` sleeps."""
    for _ in range(naps):
        if n_readable(head) >= n:
            return True
        usleep(nap_us)
    return False


@njit(nogil=True, cache=True)
def push(head: I64, data: npt.NDArray[Any], rows: npt.NDArray[Any]) -> int:
    """Write as many of `rows` (row, width) as fit into `data` (capacity, width); return how many."""
    capacity = data.shape[0]
    n = min(rows.shape[0], n_writable(head, capacity))
    written = load_acquire(head, WRITTEN)
    at = written % capacity
    first = min(n, capacity - at)
    data[at : at + first] = rows[:first]
    data[: n - first] = rows[first:n]
    store_release(head, WRITTEN, written + n)
    return n


@njit(nogil=True, cache=True)
def peek(head: I64, data: npt.NDArray[Any], out: npt.NDArray[Any]) -> int:
    """Copy the available rows, at most its length, into `out` (row, width) without removing them; return how many."""
    capacity = data.shape[0]
    n = min(out.shape[0], n_readable(head))
    at = load_acquire(head, READ) % capacity
    first = min(n, capacity - at)
    out[:first] = data[at : at + first]
    out[first:n] = data[: n - first]
    return n


@njit(nogil=True, cache=True)
def skip(head: I64, n: int) -> int:
    """Remove up to `n` rows without copying them; return how many."""
    n = min(n, n_readable(head))
    store_release(head, READ, load_acquire(head, READ) + n)
    return n


@njit(nogil=True, cache=True)
def pop(head: I64, data: npt.NDArray[Any], out: npt.NDArray[Any]) -> int:
    """Move the available rows into `out` (row, width), at most its length; return how many."""
    return skip(head, peek(head, data, out))


class RingBuffer:
    """Pass rows (row, width) of one dtype through a buffer that is zeroed once, before either side starts.

    One thread or process writes, one other reads, and the two never change roles.
    """

    def __init__(self, memory: Any, capacity: int, width: int, dtype: npt.DTypeLike = np.float32) -> None:
        size = self.n_bytes(capacity, width, dtype)
        raw = np.frombuffer(memory, np.uint8)
        if len(raw) < size:
            raise ShapeError("RingBuffer", expected=f"a buffer of {size} bytes", got=str(len(raw)))
        self.head = raw[:HEAD_BYTES].view(np.int64)
        self.data = raw[HEAD_BYTES:size].view(dtype).reshape(capacity, width)

    @staticmethod
    def n_bytes(capacity: int, width: int, dtype: npt.DTypeLike = np.float32) -> int:
        """Return the bytes of memory for `capacity` rows of `width` numbers."""
        return HEAD_BYTES + capacity * width * np.dtype(dtype).itemsize

    @property
    def n_readable(self) -> int:
        """Return the rows ready to be read."""
        return int(n_readable(self.head))

    @property
    def n_writable(self) -> int:
        """Return the rows of free space."""
        return int(n_writable(self.head, len(self.data)))

    def write(self, rows: npt.NDArray[Any]) -> int:
        """Write as many of `rows` (row, width) as fit; return how many."""
        return int(push(self.head, self.data, rows))

    def read(self, out: npt.NDArray[Any]) -> int:
        """Move the available rows into `out` (row, width), at most its length; return how many."""
        return int(pop(self.head, self.data, out))

    def skip(self, n: int) -> int:
        """Remove up to `n` rows without copying them; return how many."""
        return int(skip(self.head, n))


def private_ring(capacity: int, width: int) -> RingBuffer:
    """Return a ring of float32 rows within this process, with every page touched."""
    memory = np.zeros(RingBuffer.n_bytes(capacity, width), np.uint8)
    memory[:] = 0
    return RingBuffer(memory, capacity, width)


class RecordRing:
    """Pass byte strings of any length through one ring; each arrives complete or not at all."""

    def __init__(self, memory: Any, capacity: int) -> None:
        self._ring = RingBuffer(memory, capacity, 1, np.uint8)
        self._length = np.zeros((LENGTH_BYTES, 1), np.uint8)

    @staticmethod
    def n_bytes(capacity: int) -> int:
        """Return the bytes of memory for `capacity` bytes of records and their lengths."""
        return RingBuffer.n_bytes(capacity, 1, np.uint8)

    def write(self, record: bytes) -> bool:
        """Write the record; return False, with nothing written, if it does not fit now."""
        if self._ring.n_writable < LENGTH_BYTES + len(record):
            return False
        whole = len(record).to_bytes(LENGTH_BYTES, "little") + record
        self._ring.write(np.frombuffer(bytearray(whole), np.uint8)[:, None])
        return True

    def await_record(self, naps: int, nap_us: int) -> bool:
        """Sleep until there is a record; return False if there is still none after `naps` sleeps."""
        return bool(await_rows(self._ring.head, 1, naps, nap_us))

    def read(self) -> bytes | None:
        """Remove and return the oldest record; None if there is none."""
        if self._ring.read(self._length) < LENGTH_BYTES:  # a record is published at once, so all four bytes or none
            return None
        record = np.empty((int.from_bytes(self._length.tobytes(), "little"), 1), np.uint8)
        self._ring.read(record)
        return record.tobytes()
