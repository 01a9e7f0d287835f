"""Flush a processor: feed silence after the last sample, until all output has been emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engine.core.format import MAX_HOP

__all__ = ["flush"]

Block = TypeVar("Block", bound=npt.NDArray[np.generic])


def flush(silence: Block, done: Callable[[], bool], *, latency: int, lag: int = 0) -> Iterator[Block]:
    """Yield `silence` (sample, channel) repeatedly until `done()`, at least `lag` samples of it.

    latency: samples by which the audio is delayed
    lag: samples by which events are delayed

    A partial hop needs up to one hop more; after that no further output is expected.
    """
    for n in range(0, max(latency, lag) + MAX_HOP, len(silence)):
        if n >= lag and done():
            return
        yield silence
