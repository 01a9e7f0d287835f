"""The one contract of everything that touches the stream.

Axis 0 of every array is time: audio is (sample, channel) float32, stems (sample, target, channel) float32,
spectra (frame, channel, bin) complex64, features (frame, feature) float32. A processor of events returns a list.
The outputs of successive calls, put end to end, are the output. Four laws hold for every processor, whatever
blocks its input comes in:

partition   any cut of the input into blocks, empty ones too, gives bit-identical output
reset       after `reset()` the second run equals the first
causality   output already given never depends on input not yet given
latency     output shifted back by `latency` samples lines up with the input; one sample less does not

And: silence, full scale, denormals, NaN and Inf going in never make NaN or Inf come out, and memory does not
grow after warm-up. Inside a processor there is no I/O, no thread, no lock, no clock, and no exception for bad
audio. An array that `process` returns is borrowed: it is valid until the next call; copy what must last longer.
To flush, feed `latency` samples of silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import numpy as np

__all__ = ["Chain", "Processor", "join"]

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Processor(Protocol[In_contra, Out_co]):
    """A node of the stream; its laws are at the top of this file."""

    @property
    def latency(self) -> int:
        """Return the samples by which the output lags the input, exactly.

        For events: the most by which `emitted_at` lags `at`.
        """
        ...

    def process(self, block: In_contra) -> Out_co:
        """Take one block, return whatever is ready: possibly nothing, possibly several frames."""
        ...

    def reset(self) -> None:
        """Reset to the initial state."""
        ...


class Chain:
    """Run processors one after another; latencies add up."""

    def __init__(self, *children: Processor[Any, Any]) -> None:
        self.children = children

    @property
    def latency(self) -> int:
        """Return the sum of the children's latencies, in samples."""
        return sum(child.latency for child in self.children)

    def process(self, block: Any) -> Any:
        """Feed the block to the first child, its output to the next, and return the last one's output."""
        for child in self.children:
            block = child.process(block)
        return block

    def reset(self) -> None:
        """Reset every child."""
        for child in self.children:
            child.reset()


def join(outputs: Iterable[Any]) -> Any:
    """Concatenate the outputs of successive calls: arrays along axis 0 (copied), lists of events to one list.

    Arrays are borrowed, so give a generator or copies, not a list collected over several calls.
    """
    parts = [out.copy() if isinstance(out, np.ndarray) else list(out) for out in outputs]
    if parts and isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [event for part in parts for event in part]
