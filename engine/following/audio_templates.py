"""Compute each event's templates from features of a rendering of the score."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.following.recording_reference import onset_template, sustain_template
from engine.following.reference import Reference, unit
from engine.following.repetition import shared_by_repeats

__all__ = ["ScoreAudioFeatures", "reference_from_score_audio", "with_embeddings", "with_frames"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

ATTACK_S = 0.014  # seconds by which a real piano's onsets are detected later than those of the built-in one
LEAST = 1e-6
AFTER_S = 0.2  # of the sound after the last onset, at least
LATEST_S = 0.25  # largest delay with which an onset may be detected, seconds


class ScoreAudioFeatures(NamedTuple):
    """Features of a rendering of the score.

    rows: (frame, F + G), as `FollowerFeatures` computes them
    onset_s: (event) onset of each event in the rendering, seconds
    n_sounds: F
    hop: samples between rows
    late: samples from the instant that a row describes to its emission
    sample_rate: Hz
    """

    rows: Features
    onset_s: Floats
    n_sounds: int
    hop: float
    late: int
    sample_rate: int

    def frame(self, at_s: Floats) -> Floats:
        """Return the fractional frames that describe these instants, given in seconds."""
        return (at_s * self.sample_rate + self.late) / self.hop - 1


def reference_from_score_audio(events: Reference, sounded: ScoreAudioFeatures) -> Reference:
    """Replace the events' templates, delay and strength by those measured in the rendering."""
    delay = _delay(sounded)
    places = np.clip(np.round(sounded.frame(sounded.onset_s) + delay).astype(int), 0, len(sounded.rows) - 1)
    n = sounded.n_sounds
    return replace(
        events,
        sustain=_shared(unit(sustain_template(sounded.rows[:, :n], places)), events),
        onset=unit(onset_template(sounded.rows[:, n:], places, np.ones(len(places), bool))),
        delay=round(delay * sounded.hop + ATTACK_S * sounded.sample_rate),
        strength=max(_strength(sounded, places), LEAST),
    )


def with_embeddings(events: Reference, sounded: ScoreAudioFeatures, share: float) -> Reference:
    """Append the mean embedding of each event's sound to its bands, as `EmbeddingFeatures` does with live frames.

    sounded: embeddings (frame, D) only
    share: weight of the embedding in the cosine, 0 to 1
    """
    first = np.clip(np.ceil(sounded.frame(sounded.onset_s)).astype(int), 0, len(sounded.rows) - 1)
    last = np.maximum(np.append(first[1:], len(sounded.rows)), first + 1)
    means = np.array([sounded.rows[i:j].mean(axis=0) for i, j in zip(first, last, strict=True)], np.float32)
    likeness = _shared(unit(means), events)
    sustain = np.concatenate([np.sqrt(1 - share) * events.sustain, np.sqrt(share) * likeness], axis=1)
    return replace(events, sustain=sustain.astype(np.float32))


def with_frames(events: Reference, sounded: ScoreAudioFeatures) -> Reference:
    """Return a reference of `reference_from_score_audio` with the frames of its sound, later by its delay."""
    detected_s = events.delay / sounded.sample_rate - ATTACK_S
    place = float(sounded.frame(sounded.onset_s[:1] + detected_s)[0])
    begin, frame_s = min(max(0, round(place)), len(sounded.rows) - 1), sounded.hop / sounded.sample_rate
    first_s = float(events.score_s[0]) + (begin - place) * frame_s
    end_s = max(events.score_s[-1] + AFTER_S, events.over_s.max(initial=0.0))
    stop = min(len(sounded.rows), begin + int((end_s - first_s) / frame_s) + 1)
    return replace(events, frames=sounded.rows[begin:stop], frames_s=first_s)


def _shared(rows: Features, events: Reference) -> Features:
    return unit(shared_by_repeats(rows, events.repetitions))


def _strength(sounded: ScoreAudioFeatures, places: Ints) -> float:
    """Return the median over all events of the onset features' length at the event."""
    strength = np.pad(np.linalg.norm(sounded.rows[:, sounded.n_sounds :], axis=1), 1)
    return float(np.median(np.max([strength[places + d] for d in range(3)], axis=0)))


def _delay(sounded: ScoreAudioFeatures) -> float:
    """Estimate by how many frames an onset is detected late.

    From the frame that describes an onset to the one with the strongest onset features, averaged over all events.
    """
    strength = np.linalg.norm(sounded.rows[:, sounded.n_sounds :], axis=1)
    latest = int(LATEST_S * sounded.sample_rate / sounded.hop)
    place = sounded.frame(sounded.onset_s)
    mean = np.array(
        [np.interp(place + d, np.arange(len(strength)), strength, right=0.0).mean() for d in range(latest + 1)]
    )
    top = int(np.argmax(mean))
    if not 0 < top < latest:
        return float(top)
    left, middle, right = mean[top - 1 : top + 2]
    return top + 0.5 * float(left - right) / min(float(left - 2 * middle + right), -1e-9)
