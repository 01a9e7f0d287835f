"""Move samples and count them in the audio callbacks: numba `@cfunc`, no Python, no allocation, no lock.

A callback gets the address of one private int64 array, the context (`Ctx`): addresses and sizes of the device rings,
and of the shared counters. Late output is replaced by silence, and the same number of samples is skipped when they
arrive, so the latency never changes. After an input overflow the callback stops writing until the reader has
inserted as much silence (`ACKNOWLEDGED`), so the clock never slips.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from engine.core.arrays import F32, I64, Address
from engine.core.ring import (
    HEAD_BYTES,
    READ,
    WRITTEN,
    RingBuffer,
    load_acquire,
    n_readable,
    n_writable,
    skip,
    store_release,
)
from engine.core.shared_memory import N_COUNTERS, Counter

__all__ = ["Ctx", "context", "jack_process", "jack_shutdown", "jack_xrun", "portaudio_callback"]

N_CTX = 16 + 2 * 64
HEAD_COUNTERS = HEAD_BYTES // 8


class Ctx(IntEnum):
    """Places in the private context (int64); an address of 0 means that there is no such ring."""

    COUNTERS = 0
    INPUT = 1  # address of the ring's head; its data follows
    INPUT_ROWS = 2
    INPUT_WIDTH = 3
    OUTPUT = 4
    OUTPUT_ROWS = 5
    OUTPUT_WIDTH = 6
    OWED = 7  # late samples still to be skipped; only the callback uses it
    GET_BUFFER = 8  # address of jack_port_get_buffer
    FRAME_TIME = 9  # address of jack_last_frame_time
    CLIENT = 10  # address of the JACK client
    BEGAN = 11  # device samples that had elapsed when the rings were first used; -1 before
    ORIGIN_SEEN = 12  # what the last call took for Counter.ORIGIN
    PORTS = 16  # addresses of the JACK ports: inputs, from PORTS + 64 on outputs


# Plain numbers: numba compiles globals of this kind into the code as constants.
(CALLBACKS, SAMPLES, BLOCK, MISSING, SKIPPED, N_UNDERFLOWS, LOST, N_OVERFLOWS, FLAGS, LONGEST) = (
    int(c)
    for c in (
        Counter.CALLBACKS,
        Counter.SAMPLES,
        Counter.BLOCK,
        Counter.MISSING,
        Counter.SKIPPED,
        Counter.N_UNDERFLOWS,
        Counter.LOST,
        Counter.N_OVERFLOWS,
        Counter.FLAGS,
        Counter.LONGEST,
    )
)
N_XRUNS, SHUTDOWN, ACKNOWLEDGED = int(Counter.N_XRUNS), int(Counter.SHUTDOWN), int(Counter.ACKNOWLEDGED)
ORIGIN, LEFT_OUT = int(Counter.ORIGIN), int(Counter.LEFT_OUT)
FRAME_TIME, CLIENT = int(Ctx.FRAME_TIME), int(Ctx.CLIENT)
BEGAN, ORIGIN_SEEN = int(Ctx.BEGAN), int(Ctx.ORIGIN_SEEN)
ENDED, ARMED = int(Counter.ENDED), int(Counter.ARMED)
CTX_COUNTERS, OWED, GET_BUFFER, PORTS = int(Ctx.COUNTERS), int(Ctx.OWED), int(Ctx.GET_BUFFER), int(Ctx.PORTS)
INPUT, OUTPUT = int(Ctx.INPUT), int(Ctx.OUTPUT)
OUTPUT_PORTS = PORTS + 64
FRAME_MASK = (1 << 32) - 1  # of JACK's clock
HALF_CLOCK = 1 << 31
DEVICE_FLAGS = 1 | 2 | 4 | 8  # PortAudio: input under-, overflow, output under-, overflow


def context(counters: npt.NDArray[np.int64], inputs: RingBuffer | None, outputs: RingBuffer | None) -> Any:
    """Build the context for a callback; keep it, and all that it points to, alive as long as the stream."""
    ctx = np.zeros(N_CTX, np.int64)
    ctx[Ctx.COUNTERS], ctx[Ctx.BEGAN] = counters.ctypes.data, -1
    for at, ring in ((Ctx.INPUT, inputs), (Ctx.OUTPUT, outputs)):
        if ring is not None:
            ctx[at : at + 3] = ring.head.ctypes.data, *ring.data.shape
    return ctx


def _make_pointer(typing_context: Any, address: Any) -> Any:
    """Convert an address to a pointer that `carray` takes."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_make_pointer)


def _call_get_buffer(typing_context: Any, function: Any, port: Any, n: Any) -> Any:
    """Call `void *function(void *port, uint32_t n)` by its address; the port too is an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(byte, [byte, ir.IntType(32)])
        call = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(call, [builder.inttoptr(args[1], byte), args[2]])

    return types.voidptr(types.int64, types.int64, types.uint32), generate


_get_buffer: Any = intrinsic(_call_get_buffer)


def _call_frame_time(typing_context: Any, function: Any, client: Any) -> Any:
    """Call `uint32_t function(client)` by its address; the client too is an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        call = builder.inttoptr(args[0], ir.FunctionType(ir.IntType(32), [byte]).as_pointer())
        return builder.call(call, [builder.inttoptr(args[1], byte)])

    return types.uint32(types.int64, types.int64), generate


_frame_time: Any = intrinsic(_call_frame_time)


@njit(nogil=True, cache=True)
def _ring(ctx: I64, at: int) -> tuple[I64, F32]:
    """Return head and data of the ring that the context holds at `at`."""
    head = carray(_pointer(ctx[at]), (HEAD_COUNTERS,), np.int64)
    data = carray(_pointer(ctx[at] + HEAD_BYTES), (ctx[at + 1], ctx[at + 2]), np.float32)
    return head, data


@njit(nogil=True, cache=True)
def _count(counters: I64, counter: int, n: int) -> None:
    """Add to a counter of which this thread is the only writer."""
    store_release(counters, counter, counters[counter] + n)


@njit(nogil=True, cache=True)
def _begin(counters: I64, n: int) -> bool:
    """Count the callback and its block; return whether the rings are to be used."""
    _count(counters, SAMPLES, n)
    store_release(counters, BLOCK, n)
    if n > counters[LONGEST]:
        store_release(counters, LONGEST, n)
    _count(counters, CALLBACKS, 1)
    return load_acquire(counters, ARMED) != 0


@njit(nogil=True, cache=True)
def _place(ctx: I64, counters: I64, n: int) -> None:
    """Write on which frame of the server's clock the first sample lay, if two calls in a row agree.

    A call that comes so late that the server is at its next cycle reads a frame that is a block too high. Where the
    server leaves out cycles, all later samples lie that much later.
    """
    elapsed = counters[SAMPLES] - n
    if ctx[BEGAN] < 0:
        ctx[BEGAN] = elapsed
    frame = np.int64(_frame_time(ctx[FRAME_TIME], ctx[CLIENT]))
    origin = ((frame - (elapsed - ctx[BEGAN])) & FRAME_MASK) + FRAME_MASK + 1
    if origin == ctx[ORIGIN_SEEN]:
        moved = (origin - counters[ORIGIN]) & FRAME_MASK
        if counters[ORIGIN] != 0 and 0 < moved < HALF_CLOCK:
            _count(counters, LEFT_OUT, moved)
        store_release(counters, ORIGIN, origin)
    ctx[ORIGIN_SEEN] = origin


@njit(nogil=True, cache=True)
def _claim_input(counters: I64, head: I64, capacity: int, n: int) -> bool:
    """Return whether `n` samples may be written; if not, count them as lost."""
    unanswered = counters[LOST] != load_acquire(counters, ACKNOWLEDGED)
    if unanswered or n_writable(head, capacity) < n:
        _count(counters, LOST, n)
        _count(counters, N_OVERFLOWS, 1)
        return False
    return True


@njit(nogil=True, cache=True)
def _claim_output(counters: I64, ctx: I64, head: I64, n: int) -> int:
    """Skip what is late; return how many of `n` samples are available, and count the missing ones."""
    if ctx[OWED] > 0:
        late = skip(head, ctx[OWED])
        ctx[OWED] -= late
        _count(counters, SKIPPED, late)
    ready = min(n, n_readable(head)) if ctx[OWED] == 0 else 0
    if ready < n and load_acquire(counters, ENDED) == 0:
        _count(counters, MISSING, n - ready)
        _count(counters, N_UNDERFLOWS, 1)
        ctx[OWED] += n - ready
    return ready


@njit(nogil=True, cache=True)
def _from_interleaved(ctx: I64, counters: I64, source: Address, n: int) -> None:
    """Copy device input (sample, channel) to the input ring."""
    head, data = _ring(ctx, INPUT)
    capacity, width = data.shape
    if not _claim_input(counters, head, capacity, n):
        return
    block = carray(_pointer(source), (n, width), np.float32)
    written = load_acquire(head, WRITTEN)
    for i in range(n):
        at = (written + i) % capacity
        for channel in range(width):
            data[at, channel] = block[i, channel]
    store_release(head, WRITTEN, written + n)


@njit(nogil=True, cache=True)
def _to_interleaved(ctx: I64, counters: I64, target: Address, n: int, armed: bool) -> None:
    """Copy the output ring, then silence, to device output (sample, channel); only silence unless armed."""
    head, data = _ring(ctx, OUTPUT)
    capacity, width = data.shape
    block = carray(_pointer(target), (n, width), np.float32)
    ready = _claim_output(counters, ctx, head, n) if armed else 0
    read = load_acquire(head, READ)
    for i in range(ready):
        at = (read + i) % capacity
        for channel in range(width):
            block[i, channel] = data[at, channel]
    block[ready:n] = 0.0
    skip(head, ready)


@njit(nogil=True, cache=True)
def _from_ports(ctx: I64, counters: I64, n: int) -> None:
    """Copy JACK's input ports, one array each, to the input ring."""
    head, data = _ring(ctx, INPUT)
    capacity, width = data.shape
    if not _claim_input(counters, head, capacity, n):
        return
    written = load_acquire(head, WRITTEN)
    for channel in range(width):
        port = carray(_get_buffer(ctx[GET_BUFFER], ctx[PORTS + channel], np.uint32(n)), (n,), np.float32)
        for i in range(n):
            data[(written + i) % capacity, channel] = port[i]
    store_release(head, WRITTEN, written + n)


@njit(nogil=True, cache=True)
def _to_ports(ctx: I64, counters: I64, n: int, armed: bool) -> None:
    """Copy the output ring, then silence, to JACK's output ports; only silence unless armed."""
    head, data = _ring(ctx, OUTPUT)
    capacity, width = data.shape
    ready = _claim_output(counters, ctx, head, n) if armed else 0
    read = load_acquire(head, READ)
    for channel in range(width):
        port = carray(_get_buffer(ctx[GET_BUFFER], ctx[OUTPUT_PORTS + channel], np.uint32(n)), (n,), np.float32)
        for i in range(ready):
            port[i] = data[(read + i) % capacity, channel]
        port[ready:n] = 0.0
    skip(head, ready)


PORTAUDIO = types.intc(types.intp, types.intp, types.ulong, types.intp, types.ulong, types.intp)


@cfunc(PORTAUDIO, cache=True)
def portaudio_callback(
    source: Address, target: Address, n: np.int64, time_info: Address, flags: int, user: Address
) -> int:
    """PaStreamCallback: input, output (interleaved float32), samples, time, status flags, the context."""
    n = np.int64(n)  # numba adds a signed and an unsigned number as floats
    ctx = carray(_pointer(user), (N_CTX,), np.int64)
    counters = carray(_pointer(ctx[CTX_COUNTERS]), (N_COUNTERS,), np.int64)
    armed = _begin(counters, n)
    if armed and flags & DEVICE_FLAGS:
        _count(counters, FLAGS, 1)
    if armed and ctx[INPUT] != 0 and source != 0:
        _from_interleaved(ctx, counters, source, n)
    if ctx[OUTPUT] != 0 and target != 0:
        _to_interleaved(ctx, counters, target, n, armed)
    return 0


@cfunc(types.intc(types.uint32, types.intp), cache=True)
def jack_process(n: int, user: Address) -> int:
    """JackProcessCallback: samples, the context."""
    ctx = carray(_pointer(user), (N_CTX,), np.int64)
    counters = carray(_pointer(ctx[CTX_COUNTERS]), (N_COUNTERS,), np.int64)
    armed = _begin(counters, np.int64(n))
    if armed and ctx[FRAME_TIME] != 0:
        _place(ctx, counters, np.int64(n))
    if armed and ctx[INPUT] != 0:
        _from_ports(ctx, counters, np.int64(n))
    if ctx[OUTPUT] != 0:
        _to_ports(ctx, counters, np.int64(n), armed)
    return 0


@cfunc(types.intc(types.intp), cache=True)
def jack_xrun(user: Address) -> int:
    """JackXRunCallback: the context."""
    ctx = carray(_pointer(user), (N_CTX,), np.int64)
    _count(carray(_pointer(ctx[CTX_COUNTERS]), (N_COUNTERS,), np.int64), N_XRUNS, 1)
    return 0


@cfunc(types.void(types.intc, types.intp, types.intp), cache=True)
def jack_shutdown(code: int, reason: Address, user: Address) -> None:
    """JackInfoShutdownCallback: the server is gone."""
    ctx = carray(_pointer(user), (N_CTX,), np.int64)
    store_release(carray(_pointer(ctx[CTX_COUNTERS]), (N_COUNTERS,), np.int64), SHUTDOWN, 1)
