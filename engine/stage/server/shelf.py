"""The scores that may be chosen, by ids that the server makes: a client never names a path."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ScoreError, printable
from engine.score.file_bytes import MAX_SCORE_BYTES
from engine.score.midi_song import is_midi
from engine.score.readers import SUFFIXES
from engine.score.score import Score
from engine.stage.engraving.sheet import Sheet, read_sheet
from engine.stage.server.messages import BeatCounter

__all__ = ["ShelfScore", "StageShelf", "StagedScore"]

MAX_TITLE = 120  # letters
N_READ = 4  # scores that stay in memory
N_UPLOADS = 64
DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfScore:
    """A score that may be chosen.

    title: as shown
    """

    id: str
    title: str
    path: Path

    @property
    def kind(self) -> str:
        """Return how it is shown: pages of notes, or a piano roll."""
        return "roll" if is_midi(self.path) else "pages"

    def row(self) -> dict[str, str]:
        """Return what clients see of it."""
        return {"id": self.id, "title": self.title, "file": printable(self.path.name), "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedScore:
    """A score as it is shown."""

    shelved: ShelfScore
    sheet: Sheet

    @property
    def bars(self) -> list[tuple[float, int]]:
        """Return the (quarter, number) of each bar."""
        whole = self.sheet.whole
        return list(zip(whole.bar_quarter.tolist(), whole.bar_number.tolist(), strict=True))

    @property
    def beats(self) -> BeatCounter:
        """Return what counts its beats."""
        return BeatCounter(self.sheet.whole.bar_quarter, _bar_beats(self.sheet.whole))

    def facts(self) -> dict[str, Any]:
        """Return what the page needs besides the engraving."""
        title = self.sheet.title or self.shelved.title
        return {"id": self.shelved.id, **self.sheet.json(), "title": title, "meters": _meters(self.sheet.whole)}


def _bar_beats(score: Score) -> np.ndarray:
    """Return the length of the beats of each bar, a quarter where nothing tells."""
    return score.bar_beat if len(score.bar_beat) else np.ones(len(score.bar_quarter))


def _meters(score: Score) -> list[list[float]]:
    """Return [quarter, beats, quarters a beat] of each bar whose metre differs from that of the bar before."""
    ends = np.append(score.bar_quarter[1:], score.end_quarter)
    found: list[list[float]] = []
    rows = zip(score.bar_quarter.tolist(), ends.tolist(), _bar_beats(score).tolist(), strict=True)
    for begin, end, beat in rows:
        metre = [max(round((end - begin) / beat), 1), beat]
        if not found or found[-1][1:] != metre:
            found.append([round(begin, DIGITS), *metre])
    return found


class StageShelf:
    """Hold the scores; read them when they are asked for. Safe in any thread.

    uploads: a folder for scores that clients send, empty
    parts: names or ids of the parts that are followed; by default as for `read_score`
    repeats_after_jump: take repeats again after a D.C. or D.S.
    """

    def __init__(
        self, paths: Iterable[Path], uploads: Path, parts: Sequence[str] = (), *, repeats_after_jump: bool = False
    ) -> None:
        self._scores: dict[str, ShelfScore] = {}
        self._uploads, self._parts, self._repeats_after_jump = uploads, tuple(parts), repeats_after_jump
        self._read: OrderedDict[str, StagedScore] = OrderedDict()
        self._lock = threading.Lock()
        self._n_uploads = 0
        for path in paths:
            self._put(f"s{len(self._scores)}", path.stem, path)

    def _put(self, name: str, title: str, path: Path) -> ShelfScore:
        score = ShelfScore(id=name, title=printable(title)[:MAX_TITLE], path=path)
        self._scores = {**self._scores, name: score}
        return score

    @property
    def ids(self) -> list[str]:
        """Return the ids in order."""
        return list(self._scores)

    def rows(self) -> list[dict[str, str]]:
        """Return what clients see of all of them."""
        return [score.row() for score in self._scores.values()]

    def __contains__(self, name: object) -> bool:
        return name in self._scores

    def __getitem__(self, name: str) -> ShelfScore:
        if name not in self._scores:
            raise ScoreError("score", expected="one of the scores", got="no such id", remedy="choose from the list")
        return self._scores[name]

    def id_of(self, path: Path) -> str | None:
        """Return the id of a file on the shelf."""
        return next((name for name, score in self._scores.items() if score.path == path), None)

    def read(self, name: str) -> StagedScore:
        """Return a score with all its parts. EngineError if bad."""
        shelved = self[name]
        with self._lock:
            if name not in self._read:
                sheet = read_sheet(shelved.path, self._parts, repeats_after_jump=self._repeats_after_jump)
                self._read[name] = StagedScore(shelved=shelved, sheet=sheet)
            self._read.move_to_end(name)
            while len(self._read) > N_READ:
                self._read.popitem(last=False)
            return self._read[name]

    def add_upload(self, filename: str, data: bytes) -> ShelfScore:
        """Take a score that a client sends: it is read, as any other, before it is one of them. EngineError if bad.

        filename: as the client calls it; only its suffix and its letters as a title are used
        """
        suffix = Path(filename.replace("\\", "/")).suffix.lower()
        title = filename.replace("\\", "/").rpartition("/")[2].removesuffix(suffix) or "score"
        if suffix not in SUFFIXES:
            raise ScoreError(
                "upload", expected="one of " + ", ".join(SUFFIXES), got=printable(suffix)[:20] or "no suffix"
            )
        if not 0 < len(data) <= MAX_SCORE_BYTES:
            raise ScoreError("upload", expected=f"1 to {MAX_SCORE_BYTES} bytes", got=f"{len(data)} bytes")
        with self._lock:
            if self._n_uploads == N_UPLOADS:
                raise ScoreError("upload", expected=f"at most {N_UPLOADS} scores", got="one more", remedy="start again")
            number, self._n_uploads = self._n_uploads, self._n_uploads + 1
        path = self._uploads / f"{number}{suffix}"
        path.write_bytes(data)
        try:
            read_sheet(path, repeats_after_jump=self._repeats_after_jump)
        except ScoreError as error:
            path.unlink()
            raise ScoreError(printable(title), expected=error.expected, got=error.got, remedy=error.remedy) from error
        return self._put(f"u{number}", title, path)
