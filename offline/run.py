"""Run any processor over a whole recording: the live code in a loop, its latency padded and trimmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import ShapeError
from engine.core.format import MAX_HOP
from engine.core.processor import Processor, join

__all__ = ["collect_frames", "run"]

BLOCK = 8192  # samples a call: any cut gives the same output, this one is fast

Audio = npt.NDArray[np.float32]


def run(processor: Processor[Audio, Audio], audio: Audio, *, block: int = BLOCK) -> Audio:
    """Return what a processor of samples gives for the whole of `audio` (sample, channel), lined up and as long.

    ShapeError if the processor gives fewer samples than it took: use `collect_frames` for frames and events.
    """
    processor.reset()
    # A processor that emits whole hops needs up to one hop of silence beyond its latency.
    padded = _blocks(audio, processor.latency + MAX_HOP, block)
    wanted = processor.latency + len(audio)
    parts, n = [], 0
    for part in padded:
        parts.append(processor.process(part).copy())
        n += len(parts[-1])
        if n >= wanted:
            return np.concatenate(parts)[processor.latency : wanted]
    raise ShapeError("offline.run", expected=f"{wanted} samples out", got=str(n), remedy="use collect for frames")


def collect_frames(processor: Processor[Audio, Any], audio: Audio, *, block: int = BLOCK) -> Any:
    """Return all frames or events of a processor for the whole of `audio` and `latency` samples of silence."""
    processor.reset()
    return join(processor.process(part) for part in _blocks(audio, processor.latency, block))


def _blocks(audio: Audio, silence: int, block: int) -> Iterator[Audio]:
    for start in range(0, len(audio), block):
        yield audio[start : start + block]
    tail = np.zeros((block, *audio.shape[1:]), audio.dtype)
    for start in range(0, silence, block):
        yield tail[: silence - start]
