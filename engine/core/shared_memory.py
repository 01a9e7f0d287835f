"""Lay out the shared memory of a session: counters, gains, levels, and the rings of stems, events and orders.

Every counter has one writer and only grows, except the switches of the main process. Counters of different writers
never share a cache line.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from engine.core.ring import RecordRing, RingBuffer

__all__ = ["MAX_TARGETS", "Counter", "Layout", "SharedMemory", "anonymous_file"]

MAX_TARGETS = 64
N_COUNTERS = 64
ORDER_BYTES = 1 << 16
PAGE = 4096


class Counter(IntEnum):
    """Places of the counters in the first array (int64)."""

    # written by the callback
    CALLBACKS = 0  # number of calls
    SAMPLES = 1  # device samples elapsed
    BLOCK = 2  # length of the last block
    MISSING = 3  # output samples that were not ready in time: silence was played
    SKIPPED = 4  # of those, samples that arrived later and were dropped, so that the latency does not change
    N_UNDERFLOWS = 5  # callbacks with missing output
    LOST = 6  # input samples for which the ring had no space
    N_OVERFLOWS = 7  # callbacks with lost input
    FLAGS = 8  # callbacks in which PortAudio itself reported an underflow or overflow
    LONGEST = 9  # the longest block so far
    ORIGIN = 10  # JACK's frame (32 bits) of the first sample that the rings took, plus 2^32; 0 while not known
    LEFT_OUT = 11  # samples that JACK's server left out: no client was called for them
    N_XRUNS = 16  # reported by JACK, in another of its threads
    SHUTDOWN = 17  # JACK or PortAudio reports that the device has disconnected
    # written by the engine process
    CONSUMED = 24  # input samples processed by the pipeline, at its rate
    ACKNOWLEDGED = 25  # of LOST, samples that the processing thread has replaced by silence
    PRODUCED = 26  # output samples
    NON_FINITE = 27  # input numbers that were NaN, infinite or out of range, and replaced
    UNRECORDED = 28  # samples for which the record ring had no space
    UNSENT = 29  # events for which the event ring had no space
    LATENCY = 30  # the current declared latency, in samples
    ENDED = 31  # 1: all output has been produced, 2: and played
    CPU_US = 32  # processor time of the engine process, microseconds
    HEARTBEAT = 33
    ARMED = 34  # 1: the callback uses the rings; before, it plays silence and only counts
    LEVEL = 35  # peak level of the input, in millionths of full scale, falling by half in 0.2 s
    ARMED_AT = 36  # SAMPLES when the rings were first used
    # written by the main process
    STOP = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Sizes of the rings.

    record_rows: rows of the record ring
    record_width: numbers per row
    event_bytes: bytes of the event ring
    """

    record_rows: int
    record_width: int
    event_bytes: int

    @property
    def n_bytes(self) -> int:
        """Return the total size in bytes."""
        return self.orders_at + _paged(RecordRing.n_bytes(ORDER_BYTES))

    @property
    def record_at(self) -> int:
        """Return the byte offset of the record ring."""
        return PAGE

    @property
    def events_at(self) -> int:
        """Return the byte offset of the event ring."""
        return self.record_at + _paged(RingBuffer.n_bytes(self.record_rows, self.record_width))

    @property
    def orders_at(self) -> int:
        """Return the byte offset of the order ring."""
        return self.events_at + _paged(RecordRing.n_bytes(self.event_bytes))


def _paged(size: int) -> int:
    return -(-size // PAGE) * PAGE


def anonymous_file() -> int:
    """Return the descriptor of an empty file without a name, deleted when the last process closes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("collaparte")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedMemory:
    """One process's view of the shared memory behind `descriptor`.

    counters: int64, see `Counter`
    gains: float64, one per target, live
    levels: float64, peak of each target, 0 to 1 of full scale, falling by half in 0.2 s
    record: stems waiting to be written to disk; a row is (target, channel) flattened
    events: pickled events
    orders: pickled orders of the main process to the pipeline
    """

    def __init__(self, descriptor: int, layout: Layout, *, create: bool = False) -> None:
        self.layout = layout
        if create:
            os.ftruncate(descriptor, layout.n_bytes)
        memory = mmap.mmap(descriptor, layout.n_bytes)
        raw: npt.NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
        if create:
            raw[:] = 0  # a second engine gets zeros; other threads may still look at the first one's counters
        self.counters = raw[: 8 * N_COUNTERS].view(np.int64)
        self.gains = _numbers(raw, 0)
        self.levels = _numbers(raw, 1)
        self.record = RingBuffer(raw[layout.record_at :], layout.record_rows, layout.record_width)
        self.events = RecordRing(raw[layout.events_at :], layout.event_bytes)
        self.orders = RecordRing(raw[layout.orders_at :], ORDER_BYTES)

    def prefault(self) -> None:
        """Touch every page of the record ring, so that no hop waits for the system to allocate memory."""
        self.record.data[:] = 0.0

    def __getitem__(self, counter: Counter) -> int:
        return int(self.counters[counter])

    def __setitem__(self, counter: Counter, value: int) -> None:
        self.counters[counter] = value


def _numbers(raw: npt.NDArray[np.uint8], row: int) -> npt.NDArray[np.float64]:
    """Return a row of one number per target, behind the counters."""
    begin = 8 * (N_COUNTERS + row * MAX_TARGETS)
    return raw[begin : begin + 8 * MAX_TARGETS].view(np.float64)
