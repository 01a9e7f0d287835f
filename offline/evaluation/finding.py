"""Judge finding: somebody plays from anywhere; is the piece and the bar right, and how soon."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.events import PieceFound
from engine.core.format import AudioFormat
from engine.score.readers import read_score
from engine.score.score import SAME_ONSET, Score
from engine.stage.finding.piece_follower import PieceFollower, PieceFollowerConfig
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from offline.batch.piece_folders import find_pieces
from offline.datasets.random_starts import START_RATE, render_start
from offline.evaluation.onsets import read_truth

__all__ = [
    "FIND_COLUMNS",
    "FindTake",
    "FoundRow",
    "find_table",
    "judge_starts",
    "real_starts",
    "rendered_starts",
    "summary_of",
    "with_recordings",
]

Floats = npt.NDArray[np.float64]
Audio = npt.NDArray[np.float32]

WITHIN_S = 5.0  # from the first note, in which piece and bar are to be right
HEARD_S = 7.0  # that is played of each start
BEFORE_S = 0.7  # silence before a start that is cut out of a recording
FADE_S = 0.02
SLACK = 0.5  # quarters by which a place at a bar line may lie in the bar beside it
BLOCK = 1024  # samples


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """What came of a start.

    found: name of the first piece that was sure, empty for none within the time
    after_s: from the first note
    piece, bar: whether they were right when it was first sure
    piece_at_end, bar_at_end: whether they were right at the end of the time, sure or not
    cpu: processor time, share of real time
    """

    take: FindTake
    found: str
    after_s: float
    piece: bool
    bar: bool
    piece_at_end: bool
    bar_at_end: bool
    cpu: float


def with_recordings(index: PieceIndex, folder: Path) -> PieceIndex:
    """Return an index that also has the scores of the recorded pieces below a folder, named like these."""
    more = [(f"recorded {piece.name}", piece.name, read_score(piece.score)) for piece in find_pieces(folder).pieces]
    return PieceIndex.of([(each.id, each.name, each.score) for each in index.pieces] + more)


def rendered_starts(index: PieceIndex, n: int, *, seed: int, soundfonts: Sequence[Path]) -> Iterator[FindTake]:
    """Play random pieces of the index, each as likely, from random onsets."""
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        piece = index.pieces[int(rng.integers(len(index.pieces)))]
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


def judge_starts(index: PieceIndex, takes: Iterable[FindTake]) -> Iterator[FoundRow]:
    """Let a finder hear one start after another."""
    nodes: dict[int, PieceFollower] = {}
    for take in takes:
        if take.rate not in nodes:
            audio = AudioFormat(sample_rate=take.rate, n_channels=1)
            nodes[take.rate] = PieceFollower(audio, PieceFollowerConfig(index=index, follow=None))
        nodes[take.rate].reset()
        yield _find_start(nodes[take.rate], index, take)


def _find_start(node: PieceFollower, index: PieceIndex, take: FindTake) -> FoundRow:
    """Let a finder, new or reset, hear a start."""
    begun = time.process_time()
    events = [
        event
        for start in range(0, len(take.audio), BLOCK)
        for event in node.process(take.audio[start : start + BLOCK, None])
        if isinstance(event, PieceFound) and event.emitted_at / take.rate - take.audio_s[0] <= WITHIN_S
    ]
    cpu = (time.process_time() - begun) / (len(take.audio) / take.rate)
    sure = next((event for event in events if event.sure), None)
    return FoundRow(
        take=take,
        found="" if sure is None else sure.name,
        after_s=float("nan") if sure is None else sure.emitted_at / take.rate - float(take.audio_s[0]),
        piece=_right_piece(index, take, sure),
        bar=_right_bar(index, take, sure),
        piece_at_end=_right_piece(index, take, events[-1] if events else None),
        bar_at_end=_right_bar(index, take, events[-1] if events else None),
        cpu=cpu,
    )


def _right_piece(index: PieceIndex, take: FindTake, event: PieceFound | None) -> bool:
    return event is not None and index[event.id].edition == take.piece.edition


def _right_bar(index: PieceIndex, take: FindTake, event: PieceFound | None) -> bool:
    """Return whether the bar's printed place is right, at the instant that the event speaks of."""
    if event is None or not _right_piece(index, take, event):
        return False
    quarter = float(np.interp(event.at / take.rate, take.audio_s, take.quarter))
    here = {_place(take.piece.score, quarter + off) for off in (-SLACK, 0.0, SLACK)}
    return _place(index[event.id].score, event.quarter) in here


def _place(score: Score, quarter: float) -> int:
    at = int(np.searchsorted(score.bar_quarter, quarter + SAME_ONSET, side="right")) - 1
    return int(score.bar_place[max(at, 0)])


def summary_of(rows: Sequence[FoundRow]) -> str:
    """Return one line: the shares that were right and wrong, how soon, and at what cost."""
    n = len(rows)
    right, wrong = sum(row.bar for row in rows), sum(bool(row.found) and not row.piece for row in rows)
    others = sum(row.piece and not row.bar for row in rows)
    at_end = sum(row.bar_at_end for row in rows)
    known = sum(row.piece_at_end for row in rows)
    times = [row.after_s for row in rows if row.found]
    after_s, cpu = np.median(times) if times else float("nan"), np.mean([row.cpu for row in rows])
    return (
        f"{n} starts, piece and bar right {_percent(right, n)}, wrong bar {_percent(others, n)}, "
        f"wrong piece {_percent(wrong, n)}, not sure {_percent(n - right - wrong - others, n)}; "
        f"after {after_s:.1f} s in the median; most likely after {WITHIN_S:g} s: piece {_percent(known, n)}, "
        f"bar {_percent(at_end, n)}; {100 * cpu:.1f} % of a core"
    )


def _percent(n: int, n_all: int) -> str:
    return f"{100 * n / n_all:.0f} %"


FIND_COLUMNS = (
    "kind",
    "piece",
    "sound",
    "quarter",
    "found",
    "after_s",
    "piece_right",
    "bar_right",
    "bar_at_end",
    "cpu",
)


def find_table(rows: Sequence[FoundRow]) -> list[tuple[str, ...]]:
    """Return the rows of a table with `FIND_COLUMNS`."""
    return [
        (
            row.take.kind,
            row.take.piece.name,
            row.take.sound,
            f"{row.take.quarter[0]:.3f}",
            row.found,
            f"{row.after_s:.2f}",
            str(int(row.piece)),
            str(int(row.bar)),
            str(int(row.bar_at_end)),
            f"{row.cpu:.3f}",
        )
        for row in rows
    ]
