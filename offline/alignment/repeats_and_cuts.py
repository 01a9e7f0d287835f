"""Find which parts of a score a recording plays, and in which order: repeats omitted or added, cuts, restarts.

The best path with jumps (`offline.alignment.jump_path`) gives the parts. The score is then written out as it was
played, so that it can be aligned from its beginning to its end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.following.follower import FollowConfig
from engine.following.likelihood import likelihood_numbers
from engine.following.reference import TYPICAL, Reference
from engine.score.score import Score
from offline.alignment.jump_path import JumpPathConfig, jump_path
from offline.alignment.note_activity import note_events
from offline.alignment.tuning import SoundProfile
from offline.alignment.viterbi import feature_blocks
from offline.recording import Recording

__all__ = ["PlayedPart", "PlayedScore", "as_played", "played_parts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Onset = tuple[float, frozenset[int]]  # quarters since the onset before, and its pitches

PASSED = 2  # onsets that a part may leave out
SAME_QUARTER = 1e-3
OTHER_TEMPO = 2.5  # times faster or slower
SHORTEST_WAIT = 0.25  # of the last onset's written length
BEYOND_QUARTERS = 1e6


@dataclass(frozen=True, slots=True)
class PlayedPart:
    """Onsets of a score that were played one after another.

    first, stop: first onset, and the one behind the last
    begin_s, end_s: when the first and the last of them begin, seconds
    """

    first: int
    stop: int
    begin_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedScore:
    """A score written out as it was played.

    score: the parts in the order in which they were played
    onset: for each of its onsets the index in the original score
    n_jumps: jumps between parts
    """

    score: Score
    onset: Ints
    n_jumps: int


def played_parts(
    score: Score,
    reference: Reference,
    recording: Recording,
    follow: FollowConfig,
    sound: SoundProfile,
    config: JumpPathConfig,
) -> list[PlayedPart]:
    """Return the parts of the score in the order in which the recording plays them.

    reference, follow: of spectral features alone
    """
    timing, blocks = feature_blocks(recording, follow, sound, 0)
    frame_s = timing.hop / timing.sample_rate
    strength = reference.strength / TYPICAL
    likelihood = likelihood_numbers(follow.likelihood, frame_s, follow.features.compression, strength)
    steps = jump_path(reference, blocks, frame_s, likelihood, config)
    played = steps.event >= 0
    return _at_one_tempo(score, _parts(_unambiguous(score, steps.event[played]), steps.entry_s[played]))


def _unambiguous(score: Score, event: Ints) -> Ints:
    """Choose among places with the same notes, which the sound cannot tell apart.

    A part is played at the place nearest to where the one before it ended; the first one, at the earliest. A jump is
    undone as long as the notes that follow it would have come without it: so a repeat that is left out counts as played
    the first time.
    """
    notes, out = _notes(score), event.copy()
    breaks = (np.flatnonzero((np.diff(out) < 1) | (np.diff(out) > 1 + PASSED)) + 1).tolist()
    for start, stop in pairwise([0, *breaks, len(out)]):
        out[start:stop] -= _nearest(notes, out[start:stop], int(out[start - 1]) + 1 if start else 0)
    for i in range(1, len(out)):
        ahead = int(out[i] - out[i - 1]) - 1
        if -1 < ahead <= PASSED or out[i] - ahead >= len(notes):
            continue
        stop = i + (notes[out[i] - ahead][1] == notes[out[i]][1])  # what comes before it need not be the same
        while i < stop < len(out) and out[stop] > out[stop - 1] and _same(notes, int(out[stop]), ahead):
            stop += 1
        out[i:stop] -= ahead
    return out


def _nearest(notes: list[Onset], part: Ints, wanted: int) -> int:
    """Return by how many onsets earlier lies the same music that begins nearest to `wanted`."""
    if not len(part):
        return 0
    begin = int(part[0])
    ahead = [begin - i for i, onset in enumerate(notes) if onset[1] == notes[begin][1]]
    for shift in sorted(ahead, key=lambda each: abs(begin - each - wanted)):
        if all(_same(notes, event, shift) for event in part[1:].tolist()):
            return shift
    return 0


def _same(notes: list[Onset], event: int, ahead: int) -> bool:
    """Return whether an onset has the notes, and the distance from the one before, of that `ahead` onsets before it."""
    return 0 <= event - ahead < len(notes) and notes[event - ahead] == notes[event]


def _parts(event: Ints, entry_s: Floats) -> list[PlayedPart]:
    """Return the parts of a path; a few onsets left out, or a pause, do not end one."""
    gap = np.diff(event)
    corners = [0, *(np.flatnonzero((gap < 1) | (gap > 1 + PASSED)) + 1).tolist(), len(event)]
    return [
        PlayedPart(int(event[i]), int(event[j - 1]) + 1, float(entry_s[i]), float(entry_s[j - 1]))
        for i, j in pairwise(corners)
        if j > i
    ]


def _at_one_tempo(score: Score, parts: list[PlayedPart]) -> list[PlayedPart]:
    """Drop parts whose tempo is far from that of the longest: what noise looks like. One onset has no tempo."""
    score_s = score.seconds(score.onset_quarter)
    lengths = [score_s[part.stop - 1] - score_s[part.first] for part in parts]
    periods = [(part.end_s - part.begin_s) / max(s, 1e-3) for part, s in zip(parts, lengths, strict=True)]
    usual = max(zip(lengths, periods, strict=True), default=(0.0, 1.0))[1]
    return [
        part
        for part, length, period in zip(parts, lengths, periods, strict=True)
        if length <= 0 or usual / OTHER_TEMPO < period < usual * OTHER_TEMPO
    ]


def _notes(score: Score) -> list[Onset]:
    """Return of each onset how long after the one before it comes, quarters, and its pitches."""
    pitches: list[set[int]] = [set() for _ in score.onset_quarter]
    for event, pitch in zip(note_events(score).tolist(), score.note_pitch.tolist(), strict=True):
        pitches[event].add(pitch)
    gaps = np.round(np.diff(score.onset_quarter, prepend=0.0) / SAME_QUARTER).tolist()
    return [(gap, frozenset(each)) for gap, each in zip(gaps, pitches, strict=True)]


def as_played(score: Score, parts: list[PlayedPart]) -> PlayedScore:
    """Write the score out part by part; its own tempo waits between parts as long as the player did."""
    event = note_events(score)
    score_s = score.seconds(score.onset_quarter)
    ends = np.append(score.onset_quarter[1:], score.end_quarter)
    quarter, second, notes, shifts, onsets = 0.0, 0.0, [], [], []
    corners_quarter, corners_s = [], []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        first, last = part.first, part.stop
        begin, begin_s = score.onset_quarter[first], score_s[first]
        chosen = np.flatnonzero((event >= first) & (event < last))
        notes.append(chosen)
        shifts.append(np.full(len(chosen), quarter - begin))
        onsets.append(np.arange(first, last))
        corners_quarter.append(score.onset_quarter[first:last] - begin + quarter)
        corners_s.append(score_s[first:last] - begin_s + second)
        quarter += ends[last - 1] - begin
        written_s = float(score.seconds(ends[last - 1])) - score_s[last - 1]
        second += score_s[last - 1] - begin_s + _wait(part, following, score_s, written_s)
    index, shift = np.concatenate(notes), np.concatenate(shifts)
    written = replace(
        score,
        note_quarter=score.note_quarter[index] + shift,
        note_duration=score.note_duration[index],
        note_pitch=score.note_pitch[index],
        note_velocity=score.note_velocity[index],
        note_id=score.note_id[index],
        tempo_quarter=np.concatenate([*corners_quarter, [quarter, quarter + BEYOND_QUARTERS]]),
        tempo_s=np.concatenate([*corners_s, [second, second + BEYOND_QUARTERS / 2]]),
    )
    return PlayedScore(score=written, onset=np.concatenate(onsets), n_jumps=len(parts) - 1)


def _wait(part: PlayedPart, following: PlayedPart | None, score_s: Floats, written_s: float) -> float:
    """Return how long the last onset of a part lasts before the next part begins, score seconds."""
    length_s, played_s = score_s[part.stop - 1] - score_s[part.first], part.end_s - part.begin_s
    if following is None or length_s <= 0 or played_s <= 0:
        return written_s
    return float(max((following.begin_s - part.end_s) * length_s / played_s, SHORTEST_WAIT * written_s))
