"""Play a recording at any pace, block by block: the place in the recording of every sample in, its sound out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.accompaniment.backing.config import StretchConfig
from engine.accompaniment.backing.recording import BackingRecording
from engine.accompaniment.backing.voice import Voice
from engine.core.arrays import F32, F64
from engine.dsp.sanitise import as_block
from engine.dsp.stft import grown

__all__ = ["FASTEST", "TimeStretch", "fade_in_place"]

FASTEST = 2.5  # a faster movement is a cut
BACKWARDS = 0.5  # hops: a movement back by less is none
LARGEST = 2.0**40  # samples: places beyond are none
NEVER = 2**62

Audio = npt.NDArray[np.float32]


@njit(nogil=True, cache=True)
def fade_in_place(audio: F32, first: int, fade: F32, begin: int, end: int) -> None:
    """Fade audio (sample, channel), whose first sample is number `first`: in from sample `begin`, out from `end`."""
    n = len(fade)
    for i in range(len(audio)):
        at = first + i
        gain = np.float32(1)
        if at < begin:
            gain = np.float32(0)
        elif at < begin + n:
            gain = fade[at - begin]
        if at >= end + n:
            gain = np.float32(0)
        elif at >= end:
            gain *= fade[n - 1 - (at - end)]
        for c in range(audio.shape[1]):
            audio[i, c] *= gain


class _Reading:
    """A voice, and the samples of output at which it fades in and out, each within one hop."""

    def __init__(self, voice: Voice, fade: F32) -> None:
        self.voice, self._fade = voice, fade
        self.free()

    def free(self) -> None:
        """Sound no more."""
        self._begin = self._end = NEVER

    @property
    def is_free(self) -> bool:
        """Return whether it does not sound."""
        return self._begin == NEVER

    @property
    def is_playing(self) -> bool:
        """Return whether it sounds and does not fade out."""
        return self._begin != NEVER and self._end == NEVER

    def begin(self, place: float, at: int) -> None:
        """Begin at sample `at` of the output; `place` sounds `latency` samples later, after what precedes it."""
        self.voice.start(place)
        self._begin = at

    def end(self, at: int) -> None:
        """End from sample `at` of the output on."""
        self._end = at

    def add(self, place: float, at: int, out: Audio) -> None:
        """Add a hop, read at `place`, to out (sample, channel), which begins at sample `at`."""
        sound = self.voice.read(place)
        fade_in_place(sound, at, self._fade, self._begin, self._end)
        out += sound
        if at + len(out) >= self._end + len(self._fade):
            self.free()

    def onward(self) -> float:
        """Return the place where it would be read next if it moved on as before."""
        return self.voice.place + min(max(self.voice.moved, 0.0), FASTEST * self.voice.frames.hop)

    def reaches(self, place: float) -> bool:
        """Return whether a place can be reached without a cut."""
        hop = self.voice.frames.hop
        return -BACKWARDS * hop <= place - self.voice.place <= FASTEST * hop


class TimeStretch:
    """Places in the recording (sample), in its samples, in; sound (sample, channel) out, `latency` samples later.

    A place that is no number is silence; where places move faster than FASTEST, or back, there is a cut: at once, with
    a short cross-fade, to what precedes the new place in the recording, so that an attack there need not wait for the
    latency. Places are looked at once a hop of the vocoder, `frames.hop`.
    """

    def __init__(self, recording: BackingRecording, config: StretchConfig | None = None) -> None:
        config = config or StretchConfig()
        self.audio = recording.audio
        self.frames = config.frames(self.audio)
        n = min(max(1, round(config.fade_ms / 1000 * self.audio.sample_rate)), self.frames.hop)
        fade = np.sin(np.pi / 2 * (np.arange(n) + 0.5) / n).astype(np.float32)
        self._readings = [_Reading(Voice(recording, config), fade) for _ in range(2)]
        self._hop = np.zeros((self.frames.hop, self.audio.n_channels), np.float32)
        self._out = np.zeros((0, self.audio.n_channels), np.float32)
        self.reset()

    @property
    def latency(self) -> int:
        """Return the samples by which the sound lags its place: half a frame."""
        return self.frames.n_fft // 2

    def reset(self) -> None:
        """Reset to the initial state."""
        self._n = 0  # samples taken
        for reading in self._readings:
            reading.free()

    def process(self, places: F64) -> Audio:
        """Take places (sample), return as many samples (sample, channel), borrowed until the next call."""
        places = as_block("TimeStretch", places, np.float64, ())
        hop, start = self.frames.hop, 0
        self._out = grown(self._out, len(places))
        while start < len(places):
            within = self._n % hop
            if within == 0:
                self._advance(float(places[start]))
            n = min(hop - within, len(places) - start)
            self._out[start : start + n] = self._hop[within : within + n]
            start, self._n = start + n, self._n + n
        return self._out[: len(places)]

    def _advance(self, place: float) -> None:
        """Make the next hop."""
        self._hop[:] = 0
        wanted = abs(place) <= LARGEST
        playing = next((reading for reading in self._readings if reading.is_playing), None)
        if playing is not None and not (wanted and playing.reaches(place)):
            playing.end(self._n)
            playing = None
        if playing is None and wanted:
            playing = next(reading for reading in self._readings if reading.is_free)
            playing.begin(place, self._n)
        for reading in self._readings:
            if not reading.is_free:
                goes_on = max(place, reading.voice.place) if reading is playing else reading.onward()
                reading.add(goes_on, self._n, self._hop)
