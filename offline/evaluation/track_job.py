"""The job that measures following or alignment of a piece: one row a protocol."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, choice, plain
from engine.following.config import FollowConfig
from engine.score.score_config import ScoreConfig
from offline.alignment.alignment import AlignConfig
from offline.batch.files.found import FoundItems
from offline.batch.jobs.length import seconds_of
from offline.batch.piece_folders import EvaluationPiece, find_pieces, folders_left_out
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.evaluation.alignment import align_piece
from offline.evaluation.following import follow_piece
from offline.evaluation.onsets import THRESHOLDS_MS, Accuracy, evaluate_track, read_truth

__all__ = ["ACCURACY_TABLE", "TRACK_METHODS", "TrackJob", "piece_items"]

ACCURACY_TABLE = "accuracy"
TRACK_METHODS = ("follow", "align")
NUMBERS = (*(f"within_{ms:g}_ms" for ms in THRESHOLDS_MS), "mean_s", "median_s", "p95_s", "lost", "onsets")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackJob(Settings):
    """Measure each piece against its truth."""

    method: str = choice(TRACK_METHODS[0], TRACK_METHODS, "what is measured")
    follow: FollowConfig = plain(FollowConfig, "how pieces are followed")
    align: AlignConfig = plain(AlignConfig, "how pieces are aligned")
    reading: ScoreConfig = plain(ScoreConfig, "how scores are read")

    kind: ClassVar[str] = "evaluate"
    ending: ClassVar[str] = ""
    tables: ClassVar[Mapping[str, TableSpec]] = {
        ACCURACY_TABLE: TableSpec(("piece", "protocol", *NUMBERS), NUMBERS),
    }

    def begin(self) -> Work:
        """Templates belong to each piece: nothing is loaded before."""
        return self._measure

    def _measure(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del part
        seconds = seconds_of(files.audio, pulse)
        truth = Path(item.path).with_name("truth.csv")
        piece = EvaluationPiece(name=item.name, score=files.score, performance=files.audio, truth=truth)
        follows = self.method == "follow"
        method = follow_piece(self.follow, self.reading) if follows else align_piece(self.align, self.reading)
        found = evaluate_track(method(piece), *read_truth(truth))
        rows = [[protocol, *_numbers(accuracy)] for protocol, accuracy in found.items()]
        return Outcome(audio_s=seconds, tables={ACCURACY_TABLE: rows})


def _numbers(accuracy: Accuracy) -> list[float | None]:
    values = (*accuracy.within, accuracy.mean_s, accuracy.median_s, accuracy.p95_s, accuracy.lost, float(accuracy.n))
    return [None if math.isnan(value) else round(value, 3) for value in values]


def piece_items(folder: Path) -> FoundItems:
    """Return the pieces of a folder; AudioFileError if there is none."""
    found = find_pieces(folder)
    return FoundItems([_item(piece) for piece in found.pieces], omissions=folders_left_out(found.lacking))


def _item(piece: EvaluationPiece) -> BatchItem:
    paths = [os.path.abspath(path) for path in (piece.performance, piece.score, piece.truth)]
    status = [os.stat(path) for path in paths]
    versions = " ".join(str(each.st_mtime_ns) for each in status)
    return BatchItem(piece.name, paths[0], paths[1], sum(each.st_size for each in status), versions)
