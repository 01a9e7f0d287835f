"""Which processors are wired to which, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.events import Event
from engine.format import AudioFormat

__all__ = ["Pipeline", "PipelineConfig", "PipelineOutput"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """What to do with the input; may be pickled to the engine process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOutput:
    """What is ready now.

    stems: (sample, target, channel) float32, borrowed until the next call; events: in order of `emitted_at`.
    """

    stems: npt.NDArray[np.float32]
    events: list[Event]


class Pipeline:
    """Audio blocks (sample, channel) in; stems, `latency` samples later, and events out."""

    def __init__(self, audio: AudioFormat, config: PipelineConfig) -> None:
        self.audio = audio
        self.targets: tuple[str, ...] = ("input",)

    @property
    def latency(self) -> int:
        """Samples by which the stems lag the input."""
        return 0

    def process(self, block: npt.NDArray[np.float32]) -> PipelineOutput:
        """Take a block (sample, channel), return the stems and events that are ready."""
        return PipelineOutput(stems=block[:, None, :], events=[])

    def reset(self) -> None:
        """As newly built."""
