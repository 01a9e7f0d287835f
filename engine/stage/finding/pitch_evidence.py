"""What a frame of salience says of each pitch: log likelihood ratios that it sounds, and that it begins.

The salience network's outputs are no probabilities: how likely each is where a score has the note and where it has not
was counted on performances with their scores. "Nowhere" is any chord and any onsets, each pitch by itself as likely as
in the mean, so what is heard clearly and is in no score counts for nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["EVIDENCE_GROUP", "N_BINS", "Evidence", "PitchEvidence"]

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

EVIDENCE_GROUP = 2  # frames of 23 ms that are taken together
BINS_A_PITCH = 2
N_BINS = 168
# Counted on renderings by pianos and by other instruments, and on recordings: output of the network, log ratio.
SOUNDS = np.array([[0, 0.03, 0.08, 0.15, 0.3, 0.5, 0.75, 0.9, 1], [-2.5, -1.2, 0.3, 1.4, 2.2, 3.1, 4, 5, 6]])
BEGINS = np.array([[0, 0.03, 0.08, 0.15, 0.3, 0.5, 0.75, 1], [-2.3, -0.5, 2, 3, 4.4, 5.2, 5.7, 6]])
CLEAR = 0.3  # salience from which a bin that is above its neighbours tells the tuning
TUNING_S, LEAST_PEAKS, ONE_SIDED = 3.0, 20.0, 0.85  # seconds that count, peaks in them, and the share that decides
SOUNDING, BEGINNING = 0.04, 0.01  # share of the pitches that sound, and that begin in a group
HELD, RINGING = 0.5, 0.2  # share of the notes held since before the start that sound, and of those ended that ring on
# A chord that sounds on says little new: what sounds counts the less the longer no onset was heard.
NEWS_S, ONSET, STALE = 0.6, 4.0, 0.1  # time constant, nats of onsets after which all is news, and the least that counts


class Evidence(NamedTuple):
    """Log likelihood ratios of a group, against that nothing sounds.

    sounds: (bin) that a pitch at this bin sounds
    rings, held: (bin) that it may sound, as one that has ended lately, and one that began before what was played
    begins: (bin) that a pitch at this bin begins, in this group or the next to it
    any_chord, any_onset: of "nowhere", by what sounds, and by what begins
    full_chord, full_onset: the highest that any score could have, if it had exactly what is heard
    news: how much what sounds counts, 0 to 1
    """

    sounds: Floats
    rings: Floats
    held: Floats
    begins: Floats
    any_chord: float
    any_onset: float
    full_chord: float
    full_onset: float
    news: float


class PitchEvidence:
    """Rows of salience and onsets (frame, 2 bin) to the evidence of each `EVIDENCE_GROUP`, one group later."""

    def __init__(self, hop_s: float) -> None:
        self._onset = np.zeros((3, N_BINS))  # of the group before, of that which is told, and of that after
        self._level = np.zeros((2, N_BINS))
        self._peaks = np.zeros(BINS_A_PITCH)  # of late, at each offset from A = 440 Hz
        self._news, self._aging = 0.0, float(np.exp(-EVIDENCE_GROUP * hop_s / NEWS_S))
        self._kept = 1 - EVIDENCE_GROUP * hop_s / TUNING_S

    def reset(self) -> None:
        """Return to the state after construction."""
        self._onset[:] = 0
        self._level[:] = 0
        self._peaks[:] = 0
        self._news = 0.0

    def offset(self) -> int | None:
        """Return the half semitones, 0 or 1, by which what is heard is off A = 440 Hz; None while unclear."""
        n, best = float(self._peaks.sum()), int(self._peaks.argmax())
        return best if n >= LEAST_PEAKS and self._peaks[best] >= ONE_SIDED * n else None

    def add(self, rows: Features) -> Evidence:
        """Take a group, and return the evidence of the group before."""
        self._onset[:-1] = self._onset[1:]
        self._level[:-1] = self._level[1:]
        self._level[-1] = rows[:, :N_BINS].mean(axis=0)
        self._onset[-1] = rows[:, N_BINS:].max(axis=0)
        before, now, after = self._onset
        peak = np.where((now >= before) & (now > after), now, 0.0)
        self._count_peaks()
        sounds = np.interp(self._level[0], SOUNDS[0], SOUNDS[1])
        begins = np.interp(peak, BEGINS[0], BEGINS[1])
        full_onset = _full(begins)
        self._news = max(self._news * self._aging, min(full_onset / ONSET, 1.0), STALE)
        return Evidence(
            sounds=sounds,
            rings=_perhaps(sounds, RINGING),
            held=_perhaps(sounds, HELD),
            begins=np.interp(self._onset.max(axis=0), BEGINS[0], BEGINS[1]),
            any_chord=_nowhere(sounds, SOUNDING),
            any_onset=_nowhere(begins, BEGINNING),
            full_chord=_full(sounds),
            full_onset=full_onset,
            news=self._news,
        )

    def _count_peaks(self) -> None:
        low, level, high = self._level[0, :-2], self._level[0, 1:-1], self._level[0, 2:]
        peaks = np.flatnonzero((level > CLEAR) & (level >= low) & (level > high)) + 1
        self._peaks = self._kept * self._peaks + np.bincount(peaks % BINS_A_PITCH, minlength=BINS_A_PITCH)


def _nowhere(ratio: Floats, share: float) -> float:
    """Return the log likelihood ratio of any set of pitches, at the tuning that fits best."""
    return float(_perhaps(ratio, share).reshape(-1, BINS_A_PITCH).sum(axis=0).max())


def _perhaps(ratio: Floats, share: float) -> Floats:
    """Return the log likelihood ratio of what is there in a share of the cases."""
    return np.asarray(np.log(1 - share + share * np.exp(ratio)))


def _full(ratio: Floats) -> float:
    """Return the log likelihood ratio of what is heard itself, at the tuning that fits best."""
    return float(np.maximum(ratio, 0).reshape(-1, BINS_A_PITCH).sum(axis=0).max())
