"""Whole-file alignment: when each onset of a score sounds in a recording.

Three passes: the live search read back from its end (`offline.alignment.viterbi`), robust, or a warping of frames
(`offline.alignment.warped_path`); every onset placed anew by its own notes with templates learned from the recording
(`offline.alignment.note_path`), exact; and each note's own rise, finer than a frame (`offline.alignment.refine`). A
reference from a recording has no notes and takes the first pass only.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain, ranged
from engine.core.errors import EngineError
from engine.core.whole_file import whole_text
from engine.following.config import FollowConfig, follow_frames, onset_delay
from engine.following.reference import Reference, reference_from_score
from engine.following.search.beam_search import SearchConfig
from engine.score.score import Score
from offline.alignment.jump_path import SAME_ATTACK_S, JumpPathConfig
from offline.alignment.masking import less_exacting
from offline.alignment.note_activity import note_activity, score_part
from offline.alignment.note_path import NotePathConfig, local_period, note_path
from offline.alignment.refine import RefineConfig, refine
from offline.alignment.repeats_and_cuts import PlayedScore, as_played, played_parts
from offline.alignment.transposition import likely_shifts, shift_contrast, shift_costs, transposed
from offline.alignment.trust import DOUBTFUL, prominence, trust
from offline.alignment.tuning import SoundProfile, in_tune, measure_profile
from offline.alignment.viterbi import ViterbiPath, viterbi
from offline.alignment.warped_path import warped_path
from offline.following.score_rendering import render_score, with_sound_templates
from offline.recording import Recording

__all__ = ["AlignConfig", "Alignment", "align", "write_alignment"]

Floats = npt.NDArray[np.float64]
# Nats a jump: an alignment with jumps must be better by this. Of 14 played takes that jump the least gain was 6.2 a
# jump; of 17 recordings that do not, two were given a part of one onset, and none another jump.
GAIN = 2.0
SHORTEST = 2  # onsets of a part
OF_ANOTHER_PITCH = 3.0  # nats: another transposition must be better by this
SILENCE = 1e-5  # -100 dB
ABSENT = -6.0  # nats: below this evidence for all the remaining onsets, they were not played
CLEARLY = 1.2  # another transposition must have this many times the evidence
OUT_OF_TUNE = 10.0  # cents
COVERED = 0.7  # share of the time that is played without jumps; an alignment with jumps that explains less is none
EDGE = 3  # onsets at each side of a jump that may turn out not to be played
FEW = 8  # onsets: nothing can be learned from fewer
WIDE = SearchConfig(entries=16, beam=80.0, reach=3, adapt=0.0, patience=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignConfig(Settings):
    """How a whole recording is aligned with a score."""

    follow: FollowConfig = plain(
        lambda: FollowConfig(search=WIDE), "features, likelihood, tempo and search as in live following, searched wider"
    )
    finish: float = ranged(3.0, 0, 10_000, "price of each event that a path leaves out at the end", unit="nats")
    tune: bool = plain(True, "measure first how far the recording is out of tune, or transposed")
    notes: NotePathConfig | None = plain(NotePathConfig, "second pass, by the score's own notes; None leaves it out")
    refine: RefineConfig | None = plain(RefineConfig, "third pass, finer than a frame; None leaves it out")
    jumps: JumpPathConfig | None = plain(JumpPathConfig, "look for parts left out or played again; None does not")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """When each distinct onset of a score sounds, in order of the score.

    With jumps there is one row for each time that an onset was played, in order of time; onsets that were never played
    follow those that precede them in the score.

    quarter: place in the score, quarters
    score_s: place in the score at its own tempo, seconds
    audio_s: when it sounds, seconds, rising; NaN if it was not played
    confidence: 0 to 1, how clearly its own notes sound there
    semitones: by how many the recording is transposed; a lower or higher pitch of its time counts as that too
    cents: how sharp it is besides
    contrast: 0 to 1, by what share this transposition fits better than the next; NaN if it was not measured
    prominence: 0 to 1, how much its notes stand out where they are; NaN if its notes were not looked for
    """

    quarter: Floats
    score_s: Floats
    audio_s: Floats
    confidence: Floats
    semitones: int = 0
    cents: float = 0.0
    contrast: float = np.nan
    prominence: float = np.nan

    @property
    def nats(self) -> float:
        """Return the evidence for all onsets that were played."""
        return _nats(self.confidence[np.isfinite(self.audio_s)])

    @property
    def trust(self) -> float:
        """Return how likely it is this music at all, 0 to 1; 1 where there are no notes to tell it by."""
        if np.isfinite(self.audio_s).sum() < min(FEW, len(self.quarter)):
            return 0.0
        if np.isnan(self.prominence):
            return 1.0
        return trust(self.prominence, self.contrast)

    @property
    def fits(self) -> bool:
        """Return whether it is this music."""
        return self.trust >= DOUBTFUL

    @property
    def pitch(self) -> str:
        """Say how the recording's pitch differs from the score's; empty if it does not."""
        hertz = 440 * 2 ** ((100 * self.semitones + self.cents) / 1200)
        if not self.semitones:
            return f"the recording is tuned to A = {hertz:.0f} Hz" if abs(self.cents) >= OUT_OF_TUNE else ""
        n = abs(self.semitones)
        where = f"{n} semitone{'s' if n > 1 else ''} {'higher' if self.semitones > 0 else 'lower'} than the score"
        return f"the recording sounds {where}: transposed, or tuned to A = {hertz:.0f} Hz"


def _nats(confidence: Floats) -> float:
    p = np.clip(confidence, 1e-6, 1 - 1e-6)
    return float(np.log(p / (1 - p)).sum())


def align(score: Score | Reference, recording: Recording, config: AlignConfig | None = None) -> Alignment:
    """Align a score, or a reference of the recording's frames, with the recording.

    The sound itself is read block by block; the second pass holds 5 MB an hour for each different pitch of the score.
    EngineError if the recording is silent or no onset of the score is found in it.
    """
    config = config or AlignConfig()
    sound = measure_profile(recording)
    if sound.peak < SILENCE:
        remedy = "check the file"
        raise EngineError(recording.name, expected=f"music of {score.name}", got="silence", remedy=remedy)
    result = _best(score, recording, sound if config.tune else replace(sound, cents=0.0), config)
    if not np.isfinite(result.audio_s).any():
        remedy = "check that it is a recording of this piece"
        raise EngineError(recording.name, expected=f"music of {score.name}", got="none", remedy=remedy)
    return result


def _best(score: Score | Reference, recording: Recording, sound: SoundProfile, config: AlignConfig) -> Alignment:
    """Align at the transposition that fits best; no time is finite if no onset is found."""
    if isinstance(score, Reference):
        return _straight(score, score, recording, replace(sound, cents=0.0), config)
    costs = shift_costs(score, recording, config.follow, sound)
    likeliest = transposed(score, _shifts(costs, config)[0])
    config = replace(config, follow=_as_clear_as(likeliest, recording, sound, config.follow))
    found = {k: _as_tuned(transposed(score, k), recording, sound, config) for k in _shifts(costs, config)}
    shift = max(found, key=lambda k: found[k].nats if k == 0 else found[k].nats / CLEARLY - OF_ANOTHER_PITCH)
    best = _in_its_order(transposed(score, shift), recording, sound, found[shift], config)
    return replace(best, semitones=shift, cents=sound.cents, contrast=shift_contrast(costs))


def _as_clear_as(score: Score, recording: Recording, sound: SoundProfile, follow: FollowConfig) -> FollowConfig:
    """Return settings for music that is covered by other sound as much as this is."""
    plain = replace(follow, input_features=None)
    return less_exacting(follow, _reference(score, recording, plain, sound), recording, sound)


def _shifts(costs: Floats, config: AlignConfig) -> list[int]:
    return likely_shifts(costs) if config.tune else [0]


def _in_its_order(
    score: Score, recording: Recording, sound: SoundProfile, straight: Alignment, config: AlignConfig
) -> Alignment:
    """Return the alignment straight through, or with jumps if that is better."""
    some = np.isfinite(straight.audio_s).sum() >= FEW
    return _with_jumps(score, recording, sound, straight, config) if config.jumps is not None and some else straight


def _as_tuned(score: Score, recording: Recording, sound: SoundProfile, config: AlignConfig) -> Alignment:
    return _straight(score, _reference(score, recording, config.follow, sound), recording, sound, config)


def _straight(
    score: Score | Reference, reference: Reference, recording: Recording, sound: SoundProfile, config: AlignConfig
) -> Alignment:
    """Align from the beginning to the end."""
    if config.follow.method == "match":
        first = warped_path(reference, recording, config.follow, sound)
    else:
        first = viterbi(reference, recording, config.follow, finish=config.finish, sound=sound)
    result = _alignment(reference, first)
    if config.notes is None or isinstance(score, Reference):
        return result
    return _by_notes(score, recording, sound, result, config)


def _with_jumps(
    score: Score, recording: Recording, sound: SoundProfile, straight: Alignment, config: AlignConfig
) -> Alignment:
    """Align the score as it was played, if that fits better than as it is written."""
    plain = replace(config.follow, input_features=None)
    assert config.jumps is not None
    found_parts = played_parts(score, _reference(score, recording, plain, sound), recording, plain, sound, config.jumps)
    parts = [part for part in found_parts if part.stop - part.first >= SHORTEST]
    ranges = [(part.first, part.stop) for part in parts]
    if not parts or ranges == [(0, len(straight.quarter))]:
        return straight
    if sum(part.end_s - part.begin_s for part in parts) < COVERED * np.ptp(
        straight.audio_s[np.isfinite(straight.audio_s)]
    ):
        return straight
    played = as_played(score, parts)
    found = _as_tuned(played.score, recording, sound, config)
    kept = _surely_played(played, found)
    if _nats(found.confidence[kept]) - straight.nats < GAIN * max(played.n_jumps, 1):
        return straight
    onset = played.onset[kept]
    never = np.setdiff1d(np.arange(len(straight.quarter)), onset)
    after = np.array([np.flatnonzero(onset < i)[-1] + 1 if (onset < i).any() else 0 for i in never], int)
    return Alignment(
        quarter=np.insert(straight.quarter[onset], after, straight.quarter[never]),
        score_s=np.insert(straight.score_s[onset], after, straight.score_s[never]),
        audio_s=np.insert(found.audio_s[kept], after, np.nan),
        confidence=np.insert(found.confidence[kept], after, 0.0),
        prominence=found.prominence,
    )


def _surely_played(played: PlayedScore, found: Alignment) -> npt.NDArray[np.bool_]:
    """Return which rows stay: at a jump, onsets without evidence, or at the attack of another one, were not played.

    Nor were parts of which most onsets have none.
    """
    kept = np.ones(len(played.onset), np.bool_)
    sure = found.confidence > 0.5
    for part in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(played.onset) != 1) + 1):
        kept[part] = sure[part].mean() > 0.5
    for last in np.flatnonzero(np.diff(played.onset) != 1).tolist():
        for edge in (range(last, max(last - EDGE, 0), -1), range(last + 1, min(last + 1 + EDGE, len(kept)))):
            for row in takewhile(lambda row: not sure[row], edge):
                kept[row] = False
        if found.audio_s[last + 1] - found.audio_s[last] < SAME_ATTACK_S:
            kept[last if found.confidence[last] <= found.confidence[last + 1] else last + 1] = False
    return kept


def _reference(score: Score | Reference, recording: Recording, follow: FollowConfig, sound: SoundProfile) -> Reference:
    """Build templates in the bands in which the recording will be analysed: those of its own tuning."""
    if isinstance(score, Reference):
        return score
    frames = follow_frames(recording.format)
    tuned = replace(frames, audio=in_tune(frames.audio, sound.cents))
    spectral = reference_from_score(score, tuned, follow.features)
    if follow.input_features is None:
        return spectral
    events = replace(spectral, delay=onset_delay(frames))
    return with_sound_templates(events, render_score(score, recording.format, follow.input_features), follow)


def _alignment(reference: Reference, path: ViterbiPath) -> Alignment:
    """Return the first pass; onsets that it skipped lie between their neighbours by the score's own rhythm."""
    found = np.zeros(len(reference.score_s))
    if not len(path.event):
        never = np.full(len(found), np.nan)
        return Alignment(quarter=reference.quarter, score_s=reference.score_s, audio_s=never, confidence=found)
    audio_s = np.interp(reference.score_s, reference.score_s[path.event], path.audio_s)
    audio_s[: path.event[0]] = np.nan
    audio_s[path.event[-1] + 1 :] = np.nan
    found[path.event] = 1.0
    return Alignment(quarter=reference.quarter, score_s=reference.score_s, audio_s=audio_s, confidence=found)


def _by_notes(
    score: Score, recording: Recording, sound: SoundProfile, first: Alignment, config: AlignConfig
) -> Alignment:
    """Run the second and third passes over what the first one reached."""
    found = np.isfinite(first.audio_s)
    if config.notes is None or found.sum() < FEW:
        return first
    activity = note_activity(score, recording, config.follow, sound, first.audio_s)
    about_s, further_s = _to_the_end(first, recording.seconds)
    played = np.isfinite(about_s)
    part = score_part(score, played)
    path = note_path(part, activity, about_s[played], config.notes, further_s[played])
    onset_s = path.onset_s if config.refine is None else refine(part, activity, path.onset_s, config.refine)
    onset_s[_end(path.evidence) :] = np.nan
    audio_s, confidence = first.audio_s.copy(), np.zeros(len(played))
    audio_s[played] = onset_s
    confidence[played] = np.where(np.isfinite(onset_s), 1 / (1 + np.exp(-path.evidence)), 0.0)
    return replace(first, audio_s=audio_s, confidence=confidence, prominence=prominence(score, activity, audio_s))


def _to_the_end(first: Alignment, end_s: float) -> tuple[Floats, Floats]:
    """Estimate when each onset comes, and by how many seconds that may be wrong.

    What follows the last onset of the first pass continues at the last tempo if the recording goes on.
    """
    about_s, further_s = first.audio_s.copy(), np.zeros(len(first.audio_s))
    last = int(np.flatnonzero(np.isfinite(about_s))[-1])
    played = slice(int(np.flatnonzero(np.isfinite(about_s))[0]), last + 1)
    period = local_period(first.score_s[played], about_s[played])[-1]
    ahead_s = period * (first.score_s[last + 1 :] - first.score_s[last])
    rest = np.flatnonzero(about_s[last] + ahead_s < end_s - 0.1)
    about_s[last + 1 + rest] = about_s[last] + ahead_s[rest]
    further_s[last + 1 + rest] = ahead_s[rest]
    return about_s, further_s


def _end(evidence: npt.NDArray[np.floating]) -> int:
    """Return how many onsets were played: fewer than all if the evidence for the remaining ones is against them."""
    total = np.concatenate([[0.0], np.cumsum(evidence)])
    best = int(np.argmax(total))
    return best if total[-1] - total[best] < ABSENT else len(evidence)


def write_alignment(path: str | Path, alignment: Alignment) -> None:
    """Write CSV with header quarter,score_s,audio_s: a row an onset, in order; audio_s is empty if never played."""
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(("quarter", "score_s", "audio_s"))
        for row in zip(alignment.quarter, alignment.score_s, alignment.audio_s, strict=True):
            writer.writerow([f"{x:.6f}" if np.isfinite(x) else "" for x in row])
