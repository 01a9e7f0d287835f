"""A score as the stage shows it: what the page needs to know before anything is engraved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.score.file_bytes import read_score_bytes
from engine.score.midi_song import is_midi
from engine.score.parts import ScoreDraft, chosen_parts, finished_score
from engine.score.readers import read_draft
from engine.score.score import Score

__all__ = ["Sheet", "read_sheet"]

PAGES, ROLL = "pages", "roll"
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A score to be shown.

    data: the bytes of the file
    kind: "pages" where it can be engraved, "roll" where only its notes are known
    score: of the parts that are followed; whole: of all parts, the same object where all are followed
    parts: (name, notes, whether it is followed), in the order of the file
    notes: (quarter, duration, pitch, index of the part) of all parts, sorted; for a piano roll
    """

    title: str
    kind: str
    data: bytes
    score: Score
    whole: Score
    parts: tuple[tuple[str, int, bool], ...]
    notes: tuple[tuple[float, float, int, int], ...]

    def json(self) -> dict[str, Any]:
        """Return what the page in the browser needs, as plain values."""
        whole = self.whole
        bars = zip(whole.bar_quarter.tolist(), whole.bar_number.tolist(), whole.bar_place.tolist(), strict=True)
        return {
            "title": self.title,
            "kind": self.kind,
            "parts": [{"name": name, "n_notes": n, "solo": followed} for name, n, followed in self.parts],
            "bars": [[round(quarter, DIGITS), number, place] for quarter, number, place in bars],
            "end_quarter": round(whole.end_quarter, DIGITS),
            "onsets": _rounded(whole.onset_quarter),
            "tempo": [list(row) for row in zip(*_tempo(self.score), strict=True)],
            "roll": [[*np.round(row[:2], DIGITS).tolist(), *row[2:]] for row in self.notes]
            if self.kind == ROLL
            else None,
        }


def _tempo(score: Score) -> tuple[list[float], list[float]]:
    """Return the corners of the tempo map up to the end of the score, and one there."""
    end = score.end_quarter
    quarters = np.append(score.tempo_quarter[score.tempo_quarter < end], end)
    return _rounded(quarters), _rounded(score.seconds(quarters))


def _rounded(values: Any) -> list[float]:
    return np.round(values, DIGITS).tolist()


def read_sheet(path: str | Path, parts: Sequence[str] = (), *, repeats_after_jump: bool = False) -> Sheet:
    """Read a score file for the stage; raise ScoreError as `read_score` does.

    parts: names, abbreviations or ids of the parts to follow; as for `read_score`
    """
    where = Path(path)
    draft = read_draft(where, repeats_after_jump)
    score = finished_score(draft, parts)
    chosen = {id(part) for part in chosen_parts(draft, parts)}
    everything = all(id(part) in chosen for part in draft.parts if part.notes)
    data = read_score_bytes(where)
    return Sheet(
        title=draft.title or draft.name,
        kind=ROLL if is_midi(where) else PAGES,
        data=data,
        score=score,
        whole=score if everything else finished_score(draft, [part.id for part in draft.parts]),
        parts=tuple((part.name or part.id, len(part.notes), id(part) in chosen) for part in draft.parts),
        notes=_notes(draft),
    )


def _notes(draft: ScoreDraft) -> tuple[tuple[float, float, int, int], ...]:
    start = draft.start
    rows = [
        (onset - start, duration, pitch, index)
        for index, part in enumerate(draft.parts)
        for onset, duration, pitch, *_ in part.notes
    ]
    return tuple(sorted(rows))
