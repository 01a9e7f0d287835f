"""The four laws and two budgets of `engine.core.processor`, to be run over every processor.

A `Case` says how to build a processor, what to feed it, and what its output should line up with. The laws raise
AssertionError; `tests/test_contract.py` runs them over all cases of `tests/cases`, with block cuts by hypothesis.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engine.core.processor import Processor, join
from tests.tolerances import FLOAT32

GROWTH_BYTES = 100_000  # interpreter caches and tracemalloc's own bookkeeping: 80 kB in a pipeline, then no more
TURNS = 5  # over which it may grow so much
FIRST_TURNS = 2  # where it grows no more a turn over these, the others are not needed


@dataclass(frozen=True, eq=False)
class Case:
    """One processor under the laws.

    build: makes a fresh processor; signal: the input, axis 0 time; misfit: how far the output is from what the
    input leads one to expect if the output lagged by the given latency, relative to the expected spread (0 is
    perfect, inf is impossible); tolerance: the largest misfit that counts as lined up; sizes: block lengths that
    the cuts are drawn from.
    """

    name: str
    build: Callable[[], Processor[Any, Any]]
    signal: np.ndarray
    misfit: Callable[[Any, np.ndarray, int], float]
    tolerance: float = FLOAT32
    sizes: tuple[int, ...] = (0, 1, 2, 63, 64, 65, 441, 1023, 1024, 1025, 8192, 100_000)

    def __str__(self) -> str:
        return self.name


def cut(signal: np.ndarray, sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the whole signal in blocks of the given lengths, over and over; at least one length is not 0."""
    start = turn = 0
    while start < len(signal):
        size = sizes[turn % len(sizes)]
        yield signal[start : start + size]
        start, turn = start + size, turn + 1


def give(processor: Processor[Any, Any], blocks: Any) -> Any:
    """All that the processor gives for the blocks; a row that does not exist yet is an empty output."""
    return join(processor.process(block) for block in blocks)


def same(a: Any, b: Any) -> bool:
    """Bit-identical arrays (NaN would not equal itself), or equal lists of events."""
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b))
    return bool(a == b)


@lru_cache(maxsize=1)
def undivided(case: Case) -> Any:
    """The output for the whole signal as one block, computed once for the tests of one case that follow each other."""
    return give(case.build(), [case.signal])


def partition(case: Case, sizes: Sequence[int]) -> None:
    """Any cut of the input into blocks gives bit-identical output."""
    cuts = give(case.build(), cut(case.signal, sizes))
    assert same(undivided(case), cuts), f"{case}: partition: blocks of {list(sizes)[:8]} change the output"


def reset(case: Case) -> None:
    """After `reset()` the second run equals the first."""
    processor = case.build()
    first = give(processor, [case.signal])
    processor.process(case.signal[: len(case.signal) // 3])  # stop in the middle of something
    processor.reset()
    second = give(processor, [case.signal])
    assert same(first, second), f"{case}: reset: the second run differs from the first"


def causality(case: Case, at: float) -> None:
    """What is given after a part of the input does not change with the rest, even inside one block."""
    split = int(at * len(case.signal))
    changed = case.signal.copy()
    changed[split:] = 3 * changed[split:][::-1]
    given = give(case.build(), [case.signal[:split]])
    for whole in (undivided(case), give(case.build(), [changed])):
        assert same(given, whole[: len(given)]), f"{case}: causality: the future leaks in"


def latency(case: Case) -> None:
    """Output shifted back by `latency` lines up with the input; one sample less does not."""
    processor = case.build()
    declared = processor.latency
    output = give(processor, [case.signal])
    right = case.misfit(output, case.signal, declared)
    assert right <= case.tolerance, f"{case}: latency: misfit {right:.2g} at the declared {declared} samples"
    wrong = case.misfit(output, case.signal, declared - 1)
    assert wrong > case.tolerance, f"{case}: latency: one sample less than {declared} lines up as well"


def numbers(output: Any) -> np.ndarray:
    """Every number in the output, as one flat array of floats."""
    if isinstance(output, np.ndarray):
        return output.ravel().view(np.float32) if np.iscomplexobj(output) else output.ravel()
    flat = [v for event in output if is_dataclass(event) for v in astuple(event) if isinstance(v, (int, float))]
    return np.array(flat, dtype=np.float64)


HOSTILE = {
    "silence": 0.0,
    "full scale": 1.0,
    "denormal": 1e-42,
    "huge": 3e38,
    "NaN": math.nan,
    "Inf": math.inf,
    "-Inf": -math.inf,
}


def finite(case: Case) -> None:
    """No NaN or Inf comes out, whatever goes in: alone, and for a while amid good input; nor is any kept by reset."""
    processor = case.build()
    for name, value in HOSTILE.items():
        signal = case.signal.copy()
        third = len(signal) // 3
        signal[third : 2 * third] = value
        for given in (signal, np.full_like(signal[:third], value)):
            processor.reset()
            assert np.isfinite(numbers(give(processor, cut(given, (1000,))))).all(), f"{case}: {name} spoils output"


def memory(case: Case) -> None:
    """No memory growth after warm-up."""
    processor = case.build()
    block = case.signal[: max(1, len(case.signal) // 20)]

    def turn() -> None:
        for part in cut(case.signal, (len(block),)):
            processor.process(part)

    turn()
    turn()
    tracemalloc.start()
    try:
        turn()
        before = tracemalloc.get_traced_memory()[0]
        for n in range(1, TURNS + 1):
            turn()
            growth = tracemalloc.get_traced_memory()[0] - before
            if n == FIRST_TURNS and growth < GROWTH_BYTES * n / TURNS:
                return
    finally:
        tracemalloc.stop()
    assert growth < GROWTH_BYTES, f"{case}: memory grows by {growth} bytes over {TURNS} turns"


def delayed(output: np.ndarray, expected: np.ndarray, shift: int) -> float:
    """How far `output` is from `expected` delayed by `shift` rows, relative to the expected spread.

    The helper that most misfits are made of: row k + shift of the output stands for row k of the expected.
    """
    if shift < 0:
        expected, shift = expected[-shift:], 0
    n = min(len(output) - shift, len(expected))
    if n < len(expected) // 2 or n <= 0:
        return math.inf
    error = np.abs(output[shift : shift + n] - expected[:n]).max()
    return float(error / max(expected[:n].std(), 1e-30))
