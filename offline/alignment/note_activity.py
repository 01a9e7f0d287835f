"""Estimate how strongly each pitch of a score sounds at each moment of a recording.

Non-negative matrix factorisation with the Kullback-Leibler divergence (Lee & Seung, "Algorithms for non-negative
matrix factorization", 2001), guided by a first alignment (Ewert & Mueller, "Using score-informed constraints for
NMF-based source separation", 2012): the templates are those of this instrument in this room. With them the activity of
each pitch is estimated everywhere, independently of the score.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from engine.core.format import FrameFormat, frame_size
from engine.dsp.features import feature_weights
from engine.dsp.stft import Stft
from engine.following.follower import FollowConfig
from engine.following.tone_templates import note_features
from engine.score.score import Score
from offline.alignment.row_store import RowStore
from offline.alignment.tuning import SoundProfile, in_tune
from offline.recording import Recording

__all__ = ["Activity", "note_activity", "note_events", "score_part"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bands = npt.NDArray[np.float32]

N_FFT_44K1, OVERLAP = 2048, 8
LEARNED = 60_000  # frames, six minutes: from a longer recording, templates are learned from parts of it
LEARN, FIND = 8, 12  # iterations
TRUST = 90.0  # weight of the prior template, in frames of the mean level
EARLY_S, LATE_S, RING_S = 0.03, 0.5, 1.0  # a note may sound from before its time until after its end, fading
TINY = 1e-9
FLOOR = 0.03  # share of a typical pitch's loudest moment; below it there is no sound


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """How strongly each pitch sounds.

    pitch: (P) MIDI numbers, rising
    level: rows (frame, P) relative to the loudest, on the disk where they are many
    first_s: middle of the first frame, seconds
    frame_s: time between frames, seconds
    """

    pitch: Ints
    level: RowStore
    first_s: float
    frame_s: float

    @property
    def floor(self) -> float:
        """Return the level below which there is no sound: a share of a typical pitch's loudest moment."""
        loudest = np.max([block.max(axis=0) for _, _, block in self.level.blocks()], axis=0)
        return FLOOR * float(np.median(loudest)) + 1e-7

    def frame(self, at_s: Floats) -> Ints:
        """Return the nearest frame to each moment."""
        return np.clip(np.round((at_s - self.first_s) / self.frame_s), 0, len(self.level) - 1).astype(np.int64)

    def seconds(self, frame: npt.NDArray[np.generic]) -> Floats:
        """Return the middle of each frame, which may be fractional."""
        return self.first_s + np.asarray(frame, float) * self.frame_s


def note_events(score: Score) -> Ints:
    """Return for each note the index of its distinct onset."""
    return np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1


def score_part(score: Score, onsets: npt.NDArray[np.bool_]) -> Score:
    """Return the score with only some of its distinct onsets; quarters stay as they are."""
    notes = onsets[note_events(score)]
    return replace(
        score,
        note_quarter=score.note_quarter[notes],
        note_duration=score.note_duration[notes],
        note_pitch=score.note_pitch[notes],
        note_velocity=score.note_velocity[notes],
    )


def note_activity(
    score: Score, recording: Recording, follow: FollowConfig, sound: SoundProfile, onset_s: Floats
) -> Activity:
    """Estimate the activity of the score's pitches; onset_s: (onset) about when each comes, none NaN."""
    spectra = _BandSpectra(recording, follow, sound)
    pitch = np.unique(score.note_pitch)
    part = spectra.some(LEARNED)
    at_s, bands = part[:, 0].astype(float), part[:, 1:]
    tones = note_features(spectra.tuned, spectra.weights)[pitch]
    templates = _learn(bands, _sounding(score, pitch, onset_s, at_s), tones)
    level = RowStore.of((_find(block, templates) for block in spectra.blocks()), len(pitch), np.float32)
    frames = spectra.frames
    rate = frames.audio.sample_rate
    return Activity(pitch=pitch, level=level, first_s=frames.centre(0) / rate, frame_s=frames.hop / rate)


class _BandSpectra:
    """Magnitudes (frame, band) of a recording, 1 being its loudest, with its tuning corrected."""

    def __init__(self, recording: Recording, follow: FollowConfig, sound: SoundProfile) -> None:
        n_fft = frame_size(recording.format.sample_rate, at_44k1=N_FFT_44K1)
        self.recording = recording
        self.frames = FrameFormat(audio=recording.format, n_fft=n_fft, hop=n_fft // OVERLAP)
        self.tuned = replace(self.frames, audio=in_tune(recording.format, sound.cents))
        self.weights = feature_weights(self.tuned, replace(follow.features, kind="bands"))
        self._gain = np.float32(4 / n_fft / max(sound.peak, 1e-6))

    def blocks(self) -> Iterator[Bands]:
        stft, weights = Stft(self.frames), csr_matrix(self.weights)
        for block in self.recording.blocks(silence=self.frames.n_fft):
            magnitude = np.abs(stft.process(block)).mean(axis=1) * self._gain
            yield np.ascontiguousarray((weights @ magnitude.T).T, np.float32)

    def some(self, n_most: int) -> Bands:
        """Return at most n_most frames from all over the recording, each behind its time in seconds."""
        n_frames = self.recording.n_samples // self.frames.hop
        every, n, kept = -(-n_frames // n_most), 0, []
        for i, block in enumerate(self.blocks()):
            if i % every == 0:
                at_s = [self.frames.centre(n + t) / self.frames.audio.sample_rate for t in range(len(block))]
                kept.append(np.column_stack([np.array(at_s, np.float32), block]))
            n += len(block)
        return np.concatenate(kept)


def _sounding(score: Score, pitch: Ints, onset_s: Floats, at_s: Floats) -> Bands:
    """Return (frame, P): about how loud each pitch should be, 0 where it cannot sound."""
    out = np.zeros((len(at_s), len(pitch)), np.float32)
    known = np.isfinite(onset_s)
    quarter, seconds = score.onset_quarter[known], onset_s[known]
    start_s = onset_s[note_events(score)]
    end_s = np.interp(score.note_quarter + score.note_duration, quarter, seconds)
    column = np.searchsorted(pitch, score.note_pitch)
    for start, end, c in zip(start_s, end_s, column, strict=True):
        if np.isfinite(start):
            i, j = np.searchsorted(at_s, [start - EARLY_S, max(end, start) + LATE_S])
            envelope = np.exp(-np.maximum(at_s[i:j] - start, 0) / RING_S)
            out[i:j, c] = np.maximum(out[i:j, c], envelope)
    return out


def _learn(bands: Bands, level: Bands, tones: Bands) -> Bands:
    """Learn templates (P, band) of sum 1: X ~ H W, both updated; a rare note keeps most of its prior template."""
    prior = tones / (tones.sum(axis=1, keepdims=True) + TINY)
    mean = bands.sum(axis=1).mean()
    level, templates = level * mean, prior
    for _ in range(LEARN):
        level = level * ((bands / (level @ templates + TINY)) @ templates.T)
        grown = templates * (level.T @ (bands / (level @ templates + TINY)))
        templates = (grown + TRUST * mean * prior) / (grown.sum(axis=1, keepdims=True) + TRUST * mean + TINY)
    return np.asarray(templates, np.float32)


def _find(bands: Bands, templates: Bands) -> Bands:
    """Return activities (frame, P) for fixed templates."""
    level = bands @ templates.T + np.float32(TINY)
    for _ in range(FIND):
        level *= (bands / (level @ templates + np.float32(TINY))) @ templates.T
    return level
