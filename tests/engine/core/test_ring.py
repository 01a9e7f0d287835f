"""The rings: what goes in comes out, in order, whole, whatever the sizes, also between two processes."""

from __future__ import annotations

import mmap
import subprocess
import sys
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ShapeError
from engine.core.ring import RecordRing, RingBuffer
from engine.core.shared_memory import anonymous_file

CAPACITY = 17


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("wrs"), st.integers(0, 25)), max_size=60))
def test_ring_is_a_queue(turns: list[tuple[str, int]]) -> None:
    ring = RingBuffer(bytearray(RingBuffer.n_bytes(CAPACITY, 2)), CAPACITY, 2)
    model: deque[float] = deque()
    count = 0.0
    for turn, n in turns:
        if turn == "w":
            rows = np.arange(count, count + n, dtype=np.float32)
            written = ring.write(np.ascontiguousarray(np.stack([rows, -rows], 1)))
            assert written == min(n, CAPACITY - len(model))
            model.extend(rows[:written])
            count += n
        elif turn == "r":
            out = np.full((n, 2), np.nan, np.float32)
            read = ring.read(out)
            assert read == min(n, len(model))
            assert [(a, -a) for a in (model.popleft() for _ in range(read))] == [tuple(row) for row in out[:read]]
            assert np.isnan(out[read:]).all()
        else:
            skipped = ring.skip(n)
            assert skipped == min(n, len(model))
            for _ in range(skipped):
                model.popleft()
        assert (ring.n_readable, ring.n_writable) == (len(model), CAPACITY - len(model))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=40) | st.none(), max_size=40))
def test_records_arrive_whole_or_not_at_all(turns: list[bytes | None]) -> None:
    ring = RecordRing(bytearray(RecordRing.n_bytes(100)), 100)
    model: deque[bytes] = deque()
    for record in turns:
        if record is None:
            assert ring.read() == (model.popleft() if model else None)
        else:
            fits = sum(4 + len(r) for r in model) + 4 + len(record) <= 100
            assert ring.write(record) == fits
            if fits:
                model.append(record)


def test_too_little_memory_is_an_error() -> None:
    with pytest.raises(ShapeError, match="RingBuffer: expected a buffer of"):
        RingBuffer(bytearray(100), 1000, 2)


HAMMER = """
import mmap, sys
import numpy as np
from engine.core.ring import RingBuffer
memory = mmap.mmap(int(sys.argv[1]), int(sys.argv[2]))
ring = RingBuffer(memory, int(sys.argv[3]), 2)
count, rng = 0, np.random.default_rng(1)
while count < int(sys.argv[4]):
    n = int(rng.integers(1, 400))
    rows = np.arange(count, count + n, dtype=np.float32)
    block = np.ascontiguousarray(np.stack([rows, -rows], 1))
    while len(block):
        block = block[ring.write(block):]
    count += n
"""


def test_two_processes_hammer_one_ring() -> None:
    """Rows that are torn, lost or doubled would show in the ramp; float32 counts exactly up to 2**24."""
    wanted, capacity = 1_000_000, 1023
    size = RingBuffer.n_bytes(capacity, 2)
    descriptor = anonymous_file()
    with open(descriptor, "r+b", buffering=0) as file:
        file.truncate(size)
        ring = RingBuffer(mmap.mmap(descriptor, size), capacity, 2)
        arguments = [str(v) for v in (descriptor, size, capacity, wanted)]
        writer = subprocess.Popen([sys.executable, "-c", HAMMER, *arguments], pass_fds=(descriptor,))
        out, count, rng = np.zeros((400, 2), np.float32), 0, np.random.default_rng(2)
        while count < wanted and writer.poll() in (None, 0):
            n = ring.read(out[: int(rng.integers(1, 400))])
            expected = np.arange(count, count + n, dtype=np.float32)
            assert np.array_equal(out[:n, 0], expected)
            assert np.array_equal(out[:n, 1], -expected)
            count += n
        writer.kill() if writer.wait(10) else None
    assert count >= wanted


def test_a_record_is_waited_for() -> None:
    ring = RecordRing(bytearray(RecordRing.n_bytes(64)), 64)
    assert not ring.await_record(2, 1)
    ring.write(b"here")
    assert ring.await_record(1, 1)
    assert ring.read() == b"here"
    assert not ring.await_record(1, 1)
