"""What comes after the last sample: silence, until everything has come out of a processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engine.core.format import MAX_HOP

__all__ = ["flush"]

Block = TypeVar("Block", bound=npt.NDArray[np.generic])


def flush(silence: Block, done: Callable[[], bool], *, latency: int, lag: int = 0) -> Iterator[Block]:
    """Yield `silence` (sample, channel) again and again until `done()`, at least `lag` samples of it.

    latency, lag: samples by which sound and events come later; a partial hop needs up to one hop beyond, and after
    that nothing more is to be expected.
    """
    for n in range(0, max(latency, lag) + MAX_HOP, len(silence)):
        if n >= lag and done():
            return
        yield silence
