"""Where a recording is in the score: what aligning it with the accompaniment gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.config import GlideConfig, StretchConfig
from engine.core.errors import ConfigError
from engine.score.score import Score

__all__ = ["Backing", "BackingMap"]

Floats = npt.NDArray[np.float64]
ENDS = 8  # onsets at each end by whose pace the recording goes on beyond them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backing:
    """A recording of the accompaniment; may be pickled to the engine process, which reads the file.

    path: the recording
    quarter: places in the score, rising
    audio_s: when each sounds in the recording, seconds; NaN where it does not have it
    glide, stretch: how it is bent
    """

    path: Path
    quarter: Floats
    audio_s: Floats
    glide: GlideConfig = field(default_factory=GlideConfig)
    stretch: StretchConfig = field(default_factory=StretchConfig)

    def __post_init__(self) -> None:
        if np.isfinite(self.audio_s).sum() < 2:
            remedy = "check that it is a recording of this piece"
            raise ConfigError(str(self.path), expected="two onsets of the accompaniment", got="fewer", remedy=remedy)


class BackingMap:
    """Places in the recording, in samples, of places in the score, in seconds of its own tempo.

    It is a line between the onsets, continued beyond both ends. Between two onsets there is no place where an onset
    lies that the recording does not have, or where it goes back.
    """

    def __init__(self, backing: Backing, score: Score, sample_rate: int) -> None:
        played = np.isfinite(backing.audio_s)
        self._score_s = score.seconds(backing.quarter[played])
        self._sample = backing.audio_s[played] * sample_rate
        self._lacks = (np.diff(np.flatnonzero(played)) > 1) | (np.diff(self._sample) <= 0)
        first, last = slice(0, ENDS), slice(-ENDS, None)
        self._slope = _slope(self._score_s[first], self._sample[first]), _slope(self._score_s[last], self._sample[last])

    def sample(self, score_s: float) -> float:
        """Return the sample of the recording; NaN where it has no such place."""
        after = int(np.searchsorted(self._score_s, score_s, side="right"))
        if after == 0:
            return float(self._sample[0] + (score_s - self._score_s[0]) * self._slope[0])
        begun_s, begun = self._score_s[after - 1], self._sample[after - 1]
        if after == len(self._score_s):
            return float(begun + (score_s - begun_s) * self._slope[1])
        if self._lacks[after - 1]:
            return float(begun) if score_s - begun_s < SAME_S else np.nan
        share = (score_s - begun_s) / (self._score_s[after] - begun_s)
        return float(begun + share * (self._sample[after] - begun))


SAME_S = 1e-4  # places of the score closer than this are one, seconds of score


def _slope(score_s: Floats, sample: Floats) -> float:
    """Return samples for each second of score between the ends of a stretch."""
    length_s = score_s[-1] - score_s[0]
    return float((sample[-1] - sample[0]) / length_s) if length_s > 0 else 0.0
