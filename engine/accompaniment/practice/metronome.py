"""The clicks of a metronome, on their sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat

__all__ = ["METRONOME", "Metronome"]

METRONOME = "metronome"  # name of the target
FIRST_HZ, OTHER_HZ = 1760.0, 1320.0  # of the first beat of a bar, and of the others
LENGTH_S, DECAY_S, RISE_S = 0.06, 0.012, 0.0005
LEVEL = 0.5  # of full scale, at velocity 127

Audio = npt.NDArray[np.float32]


class Metronome:
    """Make a short tone at each beat; the same for every cut into blocks."""

    def __init__(self, audio: AudioFormat) -> None:
        self.audio = audio
        self._clicks = {first: _click(hz, audio.sample_rate) for first, hz in ((True, FIRST_HZ), (False, OTHER_HZ))}
        self.reset()

    def reset(self) -> None:
        """Return to the state after construction."""
        self._at = 0  # the next sample
        self._beats: list[tuple[int, Audio]] = []

    def strike(self, at: int, velocity: int, *, first: bool) -> None:
        """Sound a beat from a sample on, or from now if that has gone."""
        self._beats.append((max(at, self._at), self._clicks[first] * np.float32(velocity / 127)))

    def render(self, n: int) -> Audio:
        """Return the next n samples (sample, channel)."""
        out = np.zeros((n, self.audio.n_channels), np.float32)
        end = self._at + n
        for at, click in self._beats:
            start, stop = max(at, self._at), min(at + len(click), end)
            if start < stop:
                out[start - self._at : stop - self._at] += click[start - at : stop - at, None]
        self._beats = [beat for beat in self._beats if beat[0] + len(beat[1]) > end]
        self._at = end
        return out


def _click(hz: float, sample_rate: int) -> Audio:
    t = np.arange(round(LENGTH_S * sample_rate)) / sample_rate
    tone = np.sin(2 * np.pi * hz * t) * np.exp(-t / DECAY_S) * np.minimum(t / RISE_S, 1)
    return (LEVEL * tone).astype(np.float32)
