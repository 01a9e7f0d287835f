"""How near cues act to what was played: a cue on the first note of every bar, over each recording of ../shared/data.

python -m benchmarks.cues [PIECE ...]

The follower and the caller of the cues run over each file as they run live; a cue's error is the instant for which it
is decided less that of the note in the annotation. Music is steady whose beats, as annotated, vary little: by their
standard deviation over their mean, however the follower fares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.quality import SHARED
from benchmarks.rows import Row
from engine.audio.files import AudioReader
from engine.core.events import Cue, Event
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.readers import read_score
from engine.score.score import Score
from engine.stage.cues.caller import CueSettings
from engine.stage.cues.cue_list import PlannedCue
from offline.batch.piece_folders import EvaluationPiece, find_pieces
from offline.evaluation.onsets import read_truth
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.following.score_input import followed_score

SAME_QUARTER = 1e-3
STEADY = 0.1  # most that the beats of steady music vary, share of their mean
ASKED_MS = 25.0  # median on steady music
NEAR_MS = 50.0


def rows(names: Sequence[str] = ()) -> Iterator[Row]:
    """A row a piece; names: what theirs begin with, by default all."""
    if not (SHARED / "alignment").is_dir():
        print("  no cues: no ../shared/data/alignment")
        return
    steady: list[float] = []
    free: list[float] = []
    for piece in find_pieces(SHARED / "alignment").pieces:
        if piece.name.startswith(tuple(names) or ("",)):
            row, median = cue_row(piece)
            (steady if varying(*read_truth(piece.truth)) <= STEADY else free).append(median)
            yield row
    for what, medians in (("steady", steady), ("free", free)):
        reached = sum(median <= ASKED_MS for median in medians)
        yield Row(
            what=f"cues: recordings of {what} music whose median is at most {ASKED_MS:g} ms",
            ours=f"{reached} of {len(medians)}",
            peer="",
            ratio="",
            agreement=f"median of their medians {np.median(medians):.0f} ms" if medians else "",
        )


def varying(quarter: np.ndarray, audio_s: np.ndarray) -> float:
    """Return the coefficient of variation of the intervals between successive beats, quarters, that have a note.

    quarter, audio_s: (onset) place in the score, and when it is played
    """
    places, first = np.unique(quarter, return_index=True)
    beats = np.arange(np.ceil(places[0]), places[-1] + SAME_QUARTER)
    near = np.clip(np.searchsorted(places, beats - SAME_QUARTER), 0, len(places) - 1)
    there = np.abs(places[near] - beats) < SAME_QUARTER
    follows = np.diff(np.flatnonzero(there)) == 1
    beat_s = np.diff(audio_s[first][near[there]])[follows]
    return float(np.std(beat_s) / np.mean(beat_s)) if len(beat_s) else np.inf


def cue_row(piece: EvaluationPiece) -> tuple[Row, float]:
    """Return how far cues are from the notes that they stand at, and the median, ms."""
    score = read_score(piece.score)
    truth = read_truth(piece.truth)
    places, played_s = _first_notes(score, *truth)
    called, rate = _called(piece, score, places)
    fired = {event.quarter: event.at / rate for event in called if event.fired}
    ahead = 100 * np.mean([event.emitted_at < event.at for event in called if event.fired] or [0])
    errors = 1000 * np.array(
        [fired[q] - at_s for q, at_s in zip(places.tolist(), played_s.tolist(), strict=True) if q in fired]
    )
    if not len(errors):
        return Row(what=f"cues, {piece.name}", ours="none acted", peer="", ratio="", agreement=""), np.inf
    away = np.abs(errors)
    whole, near = np.median(errors), 100 * np.mean(away <= NEAR_MS)
    row = Row(
        what=f"cues, {piece.name}: one on each of {len(places)} bars, distance from its note, median / 95 %",
        ours=f"{np.median(away):.0f} / {np.percentile(away, 95):.0f} ms",
        peer="",
        ratio="",
        agreement=f"{len(errors)} acted, {ahead:.0f} % foretold; {whole:+.0f} ms on the whole; {near:.0f} % within "
        f"{NEAR_MS:g} ms; the beats vary by {100 * varying(*truth):.1f} %",
    )
    return row, float(np.median(away))


def _first_notes(score: Score, quarter: np.ndarray, audio_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of bars at which notes begin that were played, and when."""
    near = np.clip(np.searchsorted(quarter, score.bar_quarter), 0, len(quarter) - 1)
    there = np.abs(quarter[near] - score.bar_quarter) < SAME_QUARTER
    places, first = np.unique(quarter[near[there]], return_index=True)
    return places, audio_s[near[there]][first]


def _called(piece: EvaluationPiece, score: Score, places: np.ndarray) -> tuple[list[Cue], int]:
    follow, found = follow_by(FEATURES[0]), list[Event]()
    cues = tuple(PlannedCue(i, f"bar {i}", quarter, 1) for i, quarter in enumerate(places.tolist()))
    with AudioReader(piece.performance) as reader:
        followed = followed_score(score, reader.format, follow)
        attendants = (CueSettings(score=score, cues=cues),)
        config = PipelineConfig(score=followed, follow=follow, attendants=attendants)
        stream_file(reader, Pipeline(reader.format, config), on_event=found.append)
        return [event for event in found if isinstance(event, Cue)], reader.format.sample_rate


if __name__ == "__main__":
    for each in rows(sys.argv[1:]):
        print(f"{each.what}: {each.ours} | {each.agreement}", flush=True)
