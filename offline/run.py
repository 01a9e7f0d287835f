"""Run any processor over a whole recording: the live code in a loop, its latency padded and trimmed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import ShapeError
from engine.core.flush import flush
from engine.core.processor import Processor, join

__all__ = ["collect_frames", "run"]

BLOCK = 8192  # samples a call: any cut gives the same output, this one is fast

Audio = npt.NDArray[np.float32]


def run(processor: Processor[Audio, Audio], audio: Audio, *, block: int = BLOCK) -> Audio:
    """Return what a processor of samples gives for the whole of `audio` (sample, channel), lined up and as long.

    ShapeError if the processor gives fewer samples than it took: use `collect_frames` for frames and events.
    """
    processor.reset()
    wanted = processor.latency + len(audio)
    parts: list[Audio] = []

    def done() -> bool:
        return sum(map(len, parts)) >= wanted

    silence = np.zeros((block, *audio.shape[1:]), audio.dtype)
    for part in chain(_blocks(audio, 0, block), [silence[:0]], flush(silence, done, latency=processor.latency)):
        parts.append(processor.process(part).copy())
    if done():
        return np.concatenate(parts)[processor.latency : wanted]
    n = sum(map(len, parts))
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
