"""Find how high the performance sounds against the score: its tuning, and by how many semitones it is transposed.

The distance of spectral peaks from the semitones of A = 440 Hz gives the tuning up to whole semitones. Which semitone
is meant is found by following at all of them side by side, with the bands alone, until the likelihood of one leads the
others by far; the follower then takes over the path that this one has found. The search begins anew when the follower
is lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, F64
from engine.core.format import FrameFormat
from engine.dsp.features import SpectralFeatures, mean_power
from engine.following.config import FollowConfig
from engine.following.likelihood import LikelihoodConfig
from engine.following.reference import TYPICAL, Reference, unit
from engine.following.tracker import Pitch, Timing, Tracker

__all__ = ["PitchSearch"]

Spectra = npt.NDArray[np.complex64]

CHUNK = 8  # frames after which is decided
SEMITONE = 100.0  # cents
# Prior of a transposition by so many semitones, nats: none, old and high pitch of orchestras, all others.
PRIOR = (0.0, -3.0, -4.0, -6.0, -6.0, -6.0, -8.0)
LEAD, LATER = 6.0, 2.0  # lead over the present pitch at which another is taken, nats, and more for every second
LEAD_AGAIN = 30.0  # the same in a search that begins because the follower is lost: it starts from the first note
BEHIND = 30.0  # distance behind the best at which a pitch is dropped, nats
LONGEST_S = 10.0  # time after which the search ends in any case, seconds of playing
AGAIN_S = 20.0  # time from the end of a search to the beginning of the next, seconds

LOW_HZ, HIGH_HZ = 300.0, 2000.0  # below, bins are coarser than a semitone; above, strings are stiff and sharp
PEAK = 0.1  # of the frame's loudest bin: what lies below is noise or a side lobe
HALF_LIFE_S = 4.0  # of the sum of the peaks' distances
CLEAR = 0.25  # least length of the mean distance, as a vector, for a tuning to be believed
DEAD_CENTS = 15.0  # the tuning is only followed when it is off by more
TUNE_EVERY_S = 1.0


class _Hypothesis:
    """A follower by the bands alone, at one pitch."""

    def __init__(self, semitones: int, frames: FrameFormat, tracker: Tracker) -> None:
        self.semitones = semitones
        self.prior = PRIOR[abs(semitones)]
        self.features = SpectralFeatures(frames, tracker.config.features)
        self.tracker = tracker
        self.reset(0, 0.0)

    def reset(self, frame: int, base: float) -> None:
        """Begin before the first note; `base` is the pitch that semitones count from, cents."""
        self.features.reset()
        self.tracker.reset(frame)
        self.cents, self.alive = base + SEMITONE * self.semitones, True
        self.features.retune(self.cents)

    @property
    def evidence(self) -> float:
        return self.tracker.evidence + self.prior


class PitchSearch:
    """Spectra (frame, channel, bin) of Hann windows in; says when the pitch of the performance is another.

    `process` is called with parts that end at whole chunks (see `room`). It returns whether `pitch` has changed, and
    `leader` is then the tracker to continue from, None to continue with the present one.
    """

    def __init__(self, frames: FrameFormat, reference: Reference, config: FollowConfig, timing: Timing) -> None:
        self.frames = frames
        own = replace(config, likelihood=LikelihoodConfig(), input_features=None)
        n = reference.onset.shape[1]
        tracker = Tracker(timing, (n, n), _of_bands(reference), own)
        span = range(-config.semitones, config.semitones + 1)
        self._all = [_Hypothesis(semitones, frames, tracker.twin()) for semitones in span]
        rate = frames.audio.sample_rate / frames.hop
        self._chunks_s = CHUNK / rate
        self._held = np.zeros((CHUNK, frames.audio.n_channels, frames.n_bins), np.complex64)
        self._magnitude = np.zeros(frames.n_bins, np.float32)
        self._sums = np.zeros(3)
        self._numbers = np.array(
            [0.5 ** (1 / rate / HALF_LIFE_S), frames.audio.sample_rate / frames.n_fft, 4 / frames.n_fft]
        )
        self._fill, self._frame, self._since_s, self._tuned_s = 0, 0, 0.0, 0.0
        self._playing, self.searching, self._lead = False, True, LEAD
        self.pitch = Pitch(0.0, 440.0, 0)
        self.leader: Tracker | None = None
        self._present = self._all[len(self._all) // 2]
        self.reset()

    @property
    def room(self) -> int:
        """Return the frames that are missing to the end of the chunk."""
        return CHUNK - self._fill

    def process(self, spectra: Spectra, lost: bool) -> bool:
        """Take frames, at most `room`; return whether the pitch has changed."""
        self._held[self._fill : self._fill + len(spectra)] = spectra
        self._fill += len(spectra)
        if self.searching:  # at once, so that no block has the work of a whole chunk
            self._advance(spectra)
        if self._fill < CHUNK:
            return False
        self._fill = 0
        self._frame += CHUNK
        self.leader = None
        _add_peaks(self._held, self._numbers, self._magnitude, self._sums)
        before = self.pitch
        if self.searching:
            self._search()
        elif lost and self._since_s >= AGAIN_S:
            self._begin(LEAD_AGAIN)
        self._since_s += self._chunks_s
        if self._playing:
            self._tune()
        return self.pitch != before

    def reset(self) -> None:
        """Return to the state after construction."""
        self._fill, self._frame, self._since_s, self._tuned_s = 0, 0, 0.0, 0.0
        self._sums[:] = 0
        self._playing = False
        self.pitch = Pitch(0.0, 440.0, 0)
        self.leader = None
        self._begin(LEAD)

    def change_score(self, fresh: PitchSearch, quarter: float) -> None:
        """Go on in the score of a search that has just been made, waiting there at a quarter; what was found stays."""
        for mine, its in zip(self._all, fresh._all, strict=True):
            its.tracker.succeed(mine.tracker, quarter)
            mine.tracker = its.tracker
        self.leader = None

    def relocate(self, quarter: float) -> None:
        """Let every pitch that is still open wait at this quarter, as the follower does."""
        for each in self._all:
            each.tracker.relocate(quarter)

    def _begin(self, lead: float) -> None:
        self.searching, self._since_s, self._lead = True, 0.0, lead
        for each in self._all:
            each.reset(self._frame, self.pitch.cents)
        self._present = self._all[len(self._all) // 2]

    def _advance(self, spectra: Spectra) -> None:
        """Let every pitch that is still open follow through some frames."""
        for each in self._all:
            if each.alive:
                each.tracker.advance(each.features.process(spectra))

    def _search(self) -> None:
        """Drop the pitches that are far behind, and take another if it leads by far."""
        alive = [each for each in self._all if each.alive]
        self._playing = not all(each.tracker.waiting for each in alive)
        if not self._playing:
            for each in alive:
                each.tracker.evidence = 0.0
            self._since_s = 0.0
            return
        best = max(alive, key=lambda each: each.evidence)
        if best.evidence > self._present.evidence + self._lead + LATER * self._since_s:
            self._present, self.leader = best, best.tracker
            self.pitch = self._named(best.cents)
        for each in alive:
            each.alive = each.evidence > best.evidence - BEHIND
        if self._since_s > LONGEST_S or sum(each.alive for each in alive) == 1:
            self.searching, self._since_s = False, 0.0
            self.pitch = self._named(self.pitch.cents)

    def _tune(self) -> None:
        """Follow the tuning, with all pitches that are still open."""
        self._tuned_s += self._chunks_s
        off = self._off(self.pitch.cents)
        if self._tuned_s < TUNE_EVERY_S or abs(off) < DEAD_CENTS:
            return
        self._tuned_s = 0.0
        for each in self._all:
            if self.searching and each.alive:
                each.cents += off
                each.features.retune(each.cents)
        self.pitch = self._named(self.pitch.cents + off)

    def _off(self, cents: float) -> float:
        """Return how much higher than `cents` the tuning is, -50 to 50; 0 if it is not clear."""
        real, imaginary, weight = self._sums
        if np.hypot(real, imaginary) < CLEAR * weight or weight == 0:
            return 0.0
        off = SEMITONE * np.arctan2(imaginary, real) / (2 * np.pi) - cents
        return float(off - SEMITONE * round(off / SEMITONE))

    def _named(self, cents: float) -> Pitch:
        exact = cents + self._off(cents)
        return Pitch(cents, round(440 * 2 ** (exact / 1200), 1), round(exact / SEMITONE))


def _of_bands(reference: Reference) -> Reference:
    """Return the reference for the bands alone, which are the first of the sustain features."""
    n = reference.onset.shape[1]
    return replace(reference, sustain=unit(reference.sustain[:, :n]), strength=TYPICAL)


@njit(nogil=True, cache=True)
def _add_peaks(spectra: C64, numbers: F64, magnitude: F32, sums: F64) -> None:
    """Add the distances of the spectral peaks from semitones, as unit vectors weighted by magnitude, to the sums.

    As `offline.alignment.tuning` does over a whole recording. Peaks are refined by a parabola through the logarithms of
    three bins.

    numbers: share of the sums kept from frame to frame, Hz of a bin, scale of a magnitude
    sums: real, imaginary, weight
    """
    first, last = int(LOW_HZ / numbers[1]), min(int(HIGH_HZ / numbers[1]), len(magnitude) - 2)
    for t in range(spectra.shape[0]):
        mean_power(spectra[t], magnitude)
        for i in range(3):
            sums[i] *= numbers[0]
        loudest = np.float32(0)
        for k in range(first, last):
            loudest = max(loudest, magnitude[k])
        if np.sqrt(loudest) * numbers[2] < 1e-4:
            continue
        for k in range(max(first, 1), last):
            here = magnitude[k]
            if here < PEAK * PEAK * loudest or here <= magnitude[k - 1] or here < magnitude[k + 1]:
                continue
            low, middle, high = np.log(magnitude[k - 1] + 1e-30), np.log(here), np.log(magnitude[k + 1] + 1e-30)
            shift = 0.5 * (low - high) / min(low - 2 * middle + high, -1e-9)
            hz = (k + min(max(shift, -0.5), 0.5)) * numbers[1]
            weight = np.sqrt(here) * numbers[2]
            angle = 2 * np.pi * 12 * np.log2(hz / 440)
            sums[0] += weight * np.cos(angle)
            sums[1] += weight * np.sin(angle)
            sums[2] += weight
