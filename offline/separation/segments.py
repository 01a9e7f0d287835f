"""Cut a stream of frames into segments with context on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FrameSegment", "segments"]

Frames = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True, eq=False)
class FrameSegment:
    """Frames of a stream.

    frames: context, core, context; less context where the stream begins or ends
    first: place of the first of them in the stream
    begin, end: of the core, within `frames`
    last: whether the stream ends with it
    """

    frames: Frames
    first: int
    begin: int
    end: int
    last: bool

    @property
    def stop(self) -> int:
        """Return the place after the last frame in the stream."""
        return self.first + len(self.frames)


def segments(stream: Iterable[Frames], size: int, context: int) -> Iterator[FrameSegment]:
    """Yield segments whose cores of `size` frames make up the stream; context: frames before and after each core."""
    kept = np.zeros((0,), np.complex64)
    first = core = 0  # places of the first frame kept, and of the next core
    for block in stream:
        if len(block):
            kept = np.concatenate([kept, block]) if len(kept) else block.copy()
        while first + len(kept) > core + size + context:
            frames = kept[: core + size + context - first]
            yield FrameSegment(frames, first, core - first, core - first + size, False)
            core += size
            drop = max(0, core - context - first)
            kept, first = kept[drop:], first + drop
    if first + len(kept) > core:
        yield FrameSegment(kept, first, core - first, len(kept), True)
