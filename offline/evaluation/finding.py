"""Judge finding: somebody plays from anywhere; is the piece and the bar right, and how soon."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.events import PieceFound
from engine.core.format import AudioFormat
from engine.score.readers import read_score
from engine.score.score import SAME_ONSET, Score
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.finder import PieceFinder
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from engine.stage.finding.places import Places, places_of
from offline.batch.piece_folders import find_pieces
from offline.datasets.random_starts import START_RATE, render_start
from offline.evaluation.onsets import read_truth
from offline.evaluation.same_passages import same_passage, twins

__all__ = [
    "FIND_COLUMNS",
    "FindTake",
    "FoundRow",
    "Told",
    "find_table",
    "judge_starts",
    "real_starts",
    "rendered_starts",
    "summary_of",
    "with_recordings",
]

Floats = npt.NDArray[np.float64]
Audio = npt.NDArray[np.float32]

WITHIN_S = (2.0, 3.0, 5.0, 8.0)  # from the first note, after which is looked
ASKED_S = 5.0  # of these, that in which piece and bar are to be right
HEARD_S = 8.5  # that is played of each start
BEFORE_S = 0.7  # silence before a start that is cut out of a recording
FADE_S = 0.02
SLACK = 0.5  # quarters by which a place at a bar line may lie in the bar beside it
BLOCK = 1024  # samples
OFTEN_S = 0.25  # interval of the guesses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FindTake:
    """A start to be judged.

    piece: what is played
    audio: mono (sample)
    quarter, audio_s: (onset) where each onset is in the score, and when it sounds
    sound: what played
    kind: rendered or recorded
    """

    piece: IndexedPiece
    audio: Audio
    rate: int
    quarter: Floats
    audio_s: Floats
    sound: str
    kind: str


class Told(NamedTuple):
    """A piece told: samples after the first note, whether it is right, whether the bar is, too, and the event."""

    after_s: float
    piece: bool
    bar: bool
    event: PieceFound


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """What came of a start.

    guesses: likeliest pieces, in the order told
    sure: the first that was sure, if any was
    cpu: processor time, share of real time
    twin: whether nobody could tell in the time asked: all of it stands, note by note, in another bar or piece as well
    """

    take: FindTake
    guesses: tuple[Told, ...]
    sure: Told | None
    cpu: float
    twin: bool = False

    def by(self, seconds: float) -> Told | None:
        """Return what was sure within so many seconds."""
        return self.sure if self.sure is not None and self.sure.after_s <= seconds else None

    def guess(self, seconds: float) -> Told | None:
        """Return the last guess within so many seconds."""
        return next((told for told in reversed(self.guesses) if told.after_s <= seconds), None)


def with_recordings(index: PieceIndex, folder: Path) -> PieceIndex:
    """Return an index that also has the scores of the recorded pieces below a folder, named like these."""
    more = [(f"recorded {piece.name}", piece.name, read_score(piece.score)) for piece in find_pieces(folder).pieces]
    return PieceIndex.of([(each.id, each.name, each.score) for each in index.pieces] + more)


def rendered_starts(
    pieces: Sequence[IndexedPiece], n: int, *, seed: int, soundfonts: Sequence[Path]
) -> Iterator[FindTake]:
    """Play random ones of the pieces, each as likely, from random onsets."""
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        piece = pieces[int(rng.integers(len(pieces)))]
        start = render_start(piece.score, rng, soundfonts, HEARD_S)
        yield FindTake(
            piece=piece,
            audio=start.audio,
            rate=START_RATE,
            quarter=start.quarter,
            audio_s=start.audio_s,
            sound=start.sound,
            kind="rendered",
        )


def real_starts(index: PieceIndex, folder: Path, n: int, *, seed: int) -> Iterator[FindTake]:
    """Cut random starts out of the recordings of pieces whose scores are in the index, see `with_recordings`."""
    for number, recorded in enumerate(find_pieces(folder).pieces):
        rng = np.random.default_rng([seed, number])
        piece = next(each for each in index.pieces if each.id == f"recorded {recorded.name}")
        quarter, audio_s = read_truth(recorded.truth)
        with AudioReader(recorded.performance) as reader:
            rate = reader.format.sample_rate
            whole = np.concatenate([block.copy() for block in reader.blocks(BLOCK)]).mean(axis=1)
        last = max(int(np.searchsorted(audio_s, audio_s[-1] - HEARD_S)), 1)
        for first in sorted(rng.choice(last, size=min(n, last), replace=False).tolist()):
            begin_s = float(audio_s[first]) - FADE_S
            yield FindTake(
                piece=piece,
                audio=_cut(whole, rate, begin_s),
                rate=rate,
                quarter=quarter[first:],
                audio_s=audio_s[first:] - begin_s + BEFORE_S,
                sound="recorded",
                kind="recorded",
            )


def _cut(whole: Audio, rate: int, begin_s: float) -> Audio:
    """Return silence, and then what is played from here on, faded in."""
    cut = whole[max(int(begin_s * rate), 0) : int((begin_s + HEARD_S) * rate)].astype(np.float32)
    fade = int(FADE_S * rate)
    cut[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    return np.concatenate([np.zeros(int(BEFORE_S * rate), np.float32), cut])


def judge_starts(
    index: PieceIndex, takes: Iterable[FindTake], salience: Path, *, left_out: bool = False
) -> Iterator[FoundRow]:
    """Let a finder hear one start after another.

    salience: ONNX file of the network
    left_out: take the piece that is played out of the folder; then whatever is sure is wrong
    """
    finders: dict[int, PieceFinder] = {}
    places = places_of([piece.score for piece in index.pieces])
    for take in takes:
        if take.rate not in finders:
            audio = AudioFormat(sample_rate=take.rate, n_channels=1)
            finders[take.rate] = PieceFinder(audio, index, salience, FinderConfig(repeat=OFTEN_S))
        finder = finders[take.rate]
        finder.reset()
        finder.refuse([take.piece.id] if left_out else [])
        yield replace(_find_start(finder, index, take), twin=_has_twin(places, index, take))


def _has_twin(places: Places, index: PieceIndex, take: FindTake) -> bool:
    """Return whether what is played in the time asked is elsewhere as well, in any piece that is another edition."""
    number, score = index.pieces.index(take.piece), take.piece.score
    until = float(np.interp(take.audio_s[0] + ASKED_S, take.audio_s, take.quarter))
    begin, end = np.searchsorted(score.onset_quarter, [take.quarter[0] - SAME_ONSET, until + SAME_ONSET])
    others = places.piece[twins(places, int(places.first[number] + begin), int(max(end - begin, 1)))]
    own = {i for i, piece in enumerate(index.pieces) if piece.edition == take.piece.edition and i != number}
    return not own.issuperset(others.tolist()) if len(others) else False


def _find_start(finder: PieceFinder, index: PieceIndex, take: FindTake) -> FoundRow:
    """Let a finder, new or reset, hear a start."""
    begun = time.process_time()
    blocks = (take.audio[start : start + BLOCK, None] for start in range(0, len(take.audio), BLOCK))
    events = [event for block in blocks for event in finder.process(block) if isinstance(event, PieceFound)]
    cpu = (time.process_time() - begun) / (len(take.audio) / take.rate)
    told = tuple(_judged(index, take, event) for event in events if event.rank == 0)
    return FoundRow(take=take, guesses=told, sure=next((each for each in told if each.event.sure), None), cpu=cpu)


def _judged(index: PieceIndex, take: FindTake, event: PieceFound) -> Told:
    """Judge piece and bar at the instant that the event speaks of; music that is the same so far is right as well."""
    after_s = event.emitted_at / take.rate - float(take.audio_s[0])
    found, score = index[event.id], take.piece.score
    quarter = float(np.interp(event.at / take.rate, take.audio_s, take.quarter))
    if same_passage(score, float(take.quarter[0]), quarter, found.score, event.quarter):
        return Told(after_s, True, True, event)
    piece = found.edition == take.piece.edition
    here = {_place(score, quarter + off) for off in (-SLACK, 0.0, SLACK)}
    return Told(after_s, piece, piece and _place(found.score, event.quarter) in here, event)


def _place(score: Score, quarter: float) -> int:
    at = int(np.searchsorted(score.bar_quarter, quarter + SAME_ONSET, side="right")) - 1
    return int(score.bar_place[max(at, 0)])


def summary_of(rows: Sequence[FoundRow]) -> list[str]:
    """Return lines: the shares that were right and wrong, how soon, and at what cost."""
    times = [row.sure.after_s for row in rows if row.sure is not None]
    after_s, cpu = np.median(times) if times else float("nan"), np.mean([row.cpu for row in rows])
    lines = [
        f"{len(rows)} starts, {_share(row.twin for row in rows)} of them elsewhere as well for {ASKED_S:g} s (right "
        f"there, too); sure after {after_s:.1f} s in the median; {100 * cpu:.1f} % of a core"
    ]
    for seconds in WITHIN_S:
        sure, guess = [row.by(seconds) for row in rows], [row.guess(seconds) for row in rows]
        wrong = _share(each is not None and not each.piece for each in sure)
        other = _share(each is not None and each.piece and not each.bar for each in sure)
        lines.append(
            f"{seconds:g} s: sure, piece right {_share(_piece(each) for each in sure)}, bar too "
            f"{_share(_bar(each) for each in sure)}, wrong bar {other}, wrong piece {wrong}; likeliest: piece "
            f"{_share(_piece(each) for each in guess)}, bar {_share(_bar(each) for each in guess)}"
        )
    return lines


def _piece(told: Told | None) -> bool:
    return told is not None and told.piece


def _bar(told: Told | None) -> bool:
    return told is not None and told.bar


def _share(each: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(each)):.0f} %"


FIND_COLUMNS = ("kind", "piece", "sound", "quarter", "found", "after_s", "piece_right", "bar_right", "cpu")


def find_table(rows: Sequence[FoundRow]) -> list[tuple[str, ...]]:
    """Return the rows of a table with `FIND_COLUMNS`; right is what was sure."""
    return [
        (
            row.take.kind,
            row.take.piece.name,
            row.take.sound,
            f"{row.take.quarter[0]:.3f}",
            "" if row.sure is None else row.sure.event.name,
            "" if row.sure is None else f"{row.sure.after_s:.2f}",
            str(int(_piece(row.sure))),
            str(int(_bar(row.sure))),
            f"{row.cpu:.3f}",
        )
        for row in rows
    ]
