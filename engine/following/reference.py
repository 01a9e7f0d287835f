"""The reference that is followed: for each event its time in the score and its feature templates.

From a score, every distinct onset is an event and its templates are computed from a tone model
(`engine.following.tone_templates`); from a recording (`engine.following.recording_reference`), the events are the
onsets detected in it and its own features are the templates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.core.format import FrameFormat
from engine.dsp.features import FeatureConfig, feature_weights
from engine.following.repetition import repeated_events, shared_by_repeats
from engine.following.states import REST_S, Rests, rests_between
from engine.following.tone_templates import LEVEL, PEDAL, PEDAL_S, RING_S, note_features
from engine.score.attack import attack_s
from engine.score.repeats import Links, known_jumps
from engine.score.score import Score

__all__ = [
    "TYPICAL",
    "Reference",
    "event_templates",
    "looped_reference",
    "reference_from_score",
    "unit",
    "with_rests",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

TYPICAL = 4.7  # typical onset strength in the features of FeatureConfig(), which LikelihoodConfig is tuned for
EVENTS = 512  # of which templates are made at a time
MEMORY_S = 8.0  # time after which a held note has faded, seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """Events in order, with templates.

    name: of the score
    score_s: (event) onset at the score's own tempo, seconds
    quarter: (event) onset, quarters
    sustain: (event, F) sustain templates of unit length
    onset: (event, G) onset templates of unit length
    bar_quarter: (bar) start of each bar, quarters
    bar_number: (bar) printed number of each bar
    links: jumps that the score itself has
    over_s: (event) when its notes and those before are over, seconds of score; empty: when the next begins
    delay: samples of the live input by which the features detect an onset late, used with `FollowerFeatures`
    strength: length of the onset features at a typical onset, used with `FollowerFeatures`
    attack_s: by how much later yet the tones of its instruments are detected, seconds
    repeats: (event) whether it strikes again what sounds already; empty where that is not known
    wrap: as of `Score`
    written: the score that was rendered for it; None where it is a recording
    frames: (frame, F + G) features of its own sound, a hop of the live input apart, compared as they are; empty: the
        templates of each event as long as it lasts
    frames_s: where the first of these frames is, seconds of score
    """

    name: str
    score_s: Floats
    quarter: Floats
    sustain: Features
    onset: Features
    bar_quarter: Floats
    bar_number: Ints
    links: Links
    over_s: Floats = field(default_factory=lambda: np.zeros(0))
    delay: int = 0
    strength: float = TYPICAL
    attack_s: float = 0.0
    repeats: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    wrap: tuple[float, float] = (np.inf, 0.0)
    written: Score | None = None
    frames: Features = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    frames_s: float = 0.0

    @property
    def repetitions(self) -> npt.NDArray[np.bool_]:
        """Return (event) whether it strikes again what sounds already; none does where that is not known."""
        return self.repeats if len(self.repeats) else np.zeros(len(self.score_s), bool)

    @property
    def rests(self) -> Rests:
        """Return where nothing is to be played."""
        end_s = np.append(self.score_s[1:], self.score_s[-1])
        return rests_between(self.score_s, self.over_s if len(self.over_s) else end_s)


def reference_from_score(score: Score, frames: FrameFormat, features: FeatureConfig) -> Reference:
    """Compute the templates of each distinct onset of the score for the features of `SpectralFeatures`."""
    sustain, onset = event_templates(score, note_features(frames, feature_weights(frames, features)), features)
    repeats = repeated_events(score)
    events = np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1
    end_s = score.seconds(score.note_quarter + score.note_duration)
    score_s = score.seconds(score.onset_quarter)
    return Reference(
        name=score.name,
        score_s=score_s,
        quarter=score.onset_quarter,
        sustain=unit(shared_by_repeats(sustain, repeats)),
        onset=onset,
        bar_quarter=score.bar_quarter,
        bar_number=score.bar_number,
        links=known_jumps(score),
        over_s=_over(events, end_s, len(score_s)),
        attack_s=attack_s(score),
        repeats=repeats,
        wrap=score.wrap,
    )


def looped_reference(thrice: Reference, score: Score) -> Reference:
    """Return the reference of bars that are played many times, made of that of the same bars played three times."""
    n, each = len(score.onset_quarter), len(thrice.quarter) // 3
    time, place = np.divmod(np.arange(n), each)
    like = place + each * np.where(time == 0, 0, np.where(time == time[-1], 2, 1))
    begin, end = thrice.links.start[like], thrice.links.start[like + 1]
    targets = [
        thrice.links.target[i:j] + shift
        for i, j, shift in zip(begin.tolist(), end.tolist(), (np.arange(n) - like).tolist(), strict=True)
    ]
    events = np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1
    return replace(
        thrice,
        score_s=score.seconds(score.onset_quarter),
        quarter=score.onset_quarter,
        sustain=thrice.sustain[like],
        onset=thrice.onset[like],
        bar_quarter=score.bar_quarter,
        bar_number=score.bar_number,
        links=Links(np.append(0, np.cumsum(end - begin)), np.concatenate(targets)),
        over_s=_over(events, score.seconds(score.note_quarter + score.note_duration), n),
        repeats=thrice.repeats[like],
        wrap=score.wrap,
        written=score,
    )


def event_templates(score: Score, notes: Features, features: FeatureConfig) -> tuple[Features, Features]:
    """Return the sustain and onset templates (event, feature) of each distinct onset, rows of unit length.

    notes: (pitch, feature) linear features of one note of each pitch, as of `note_features`
    """
    events = np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1
    score_s = score.seconds(score.onset_quarter)
    start_s, end_s = score_s[events], score.seconds(score.note_quarter + score.note_duration)
    shape = (len(score_s), notes.shape[1])
    before, after = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    fade = (RING_S, PEDAL, PEDAL_S)
    _sounding(events, start_s, end_s, score.note_pitch, score_s, notes, fade, before, after)
    for start in range(0, len(before), EVENTS):  # each in its own place: whole copies would be most of the memory
        some = slice(start, start + EVENTS)
        after[some], before[some] = _likeness(before[some], after[some], features)
    return after, before


def _likeness(before: Features, after: Features, features: FeatureConfig) -> tuple[Features, Features]:
    """Return the sustain and onset templates of events before and after which notes sound as loud as this."""
    gain = features.compression * LEVEL
    sustain = np.log1p(gain * after)
    fresh = np.maximum(sustain - _blurred(np.log1p(gain * before), features.kind == "chroma"), 0)
    onset = fresh + 1e-3 * (after - before)  # a note that repeats at once is still an onset
    return unit(sustain), unit(onset)


def with_rests(reference: Reference) -> Reference:
    """Return the reference with an event more, without templates, at the beginning of every long rest."""
    rests, n = reference.rests, len(reference.score_s)
    after = np.flatnonzero(rests.end_s[:-1] - rests.begin_s[:-1] >= REST_S)
    if not len(after):
        return reference
    begin_s, places = rests.begin_s[after], after + 1
    moved = np.arange(n) + np.searchsorted(after, np.arange(n))  # where the events have come to
    quarter = np.interp(begin_s, reference.score_s, reference.quarter)
    links = reference.links
    return replace(
        reference,
        score_s=np.insert(reference.score_s, places, begin_s),
        quarter=np.insert(reference.quarter, places, quarter),
        sustain=np.insert(reference.sustain, places, 0, axis=0),
        onset=np.insert(reference.onset, places, 0, axis=0),
        over_s=np.insert(reference.over_s, places, begin_s) if len(reference.over_s) else reference.over_s,
        repeats=np.insert(reference.repeats, places, False) if len(reference.repeats) else reference.repeats,
        links=Links(np.insert(links.start, places, links.start[places]), moved[links.target - 1] + 1),
    )


def unit(rows: Features) -> Features:
    """Scale each row to length 1; a row of zeros stays zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def _over(events: Ints, end_s: Floats, n_events: int) -> Floats:
    """Return, of each event, when its notes and those before are over."""
    over = np.zeros(n_events)
    np.maximum.at(over, events, end_s)
    return np.asarray(np.maximum.accumulate(over))


def _blurred(rows: Features, wrap: bool) -> Features:
    """Return the maximum over three neighbouring features, as `SpectralFeatures` does."""
    edges = (rows[:, -1:], rows[:, :1]) if wrap else (rows[:, :1], rows[:, -1:])
    padded = np.concatenate([edges[0], rows, edges[1]], axis=1)
    return np.asarray(np.maximum(np.maximum(padded[:, :-2], padded[:, 2:]), rows), np.float32)


@njit(nogil=True, cache=True)
def _sounding(
    events: I64,
    start_s: F64,
    end_s: F64,
    pitch: I64,
    score_s: F64,
    notes: F32,
    fade: tuple[float, float, float],
    before: F32,
    after: F32,
) -> None:
    """Add up the notes that sound just before and just after each event, (event, feature), with exponential decay."""
    ring_s, pedal, pedal_s = fade
    for i in range(len(events)):
        row = notes[pitch[i]]
        after[events[i]] += row
        for event in range(events[i] + 1, len(score_s)):
            age = score_s[event] - start_s[i]
            if age > MEMORY_S:
                break
            share = np.exp(-age / ring_s)
            released = score_s[event] - end_s[i]
            if released > -0.01:
                share *= pedal * np.exp(-max(released, 0.0) / pedal_s)
            before[event] += np.float32(share) * row
            after[event] += np.float32(share) * row
