"""Live following of hard takes, beside pymatchmaker on the same takes, a row a situation.

    python -m benchmarks --only hard

Needs the takes of `collaparte data hard`, in the folder that COLLAPARTE_HARD names; without them this page stays empty.
What the peer followed is kept beside them as peer.jsonl, because it takes long.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.alignment import PEER_PYTHON, PEER_SETTING
from benchmarks.rows import Row
from offline.datasets.hard_set import HardRow, read_manifest
from offline.evaluation.following import follow_piece
from offline.evaluation.hard import HardOutcome, HardSummary, judge_take, summarise
from offline.evaluation.onsets import PositionTrack
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by

FOLDER_SETTING = "COLLAPARTE_HARD"
HALF, METHOD = "judging", "arzt"
KEPT = "peer.jsonl"
Tracks = dict[str, PositionTrack]


def rows() -> Iterator[Row]:
    """Every situation, and all together."""
    folder = Path(os.environ.get(FOLDER_SETTING, ""))
    if FOLDER_SETTING not in os.environ:
        return
    takes = [row for row in read_manifest(folder) if row.half == HALF]
    tracks = _peer_tracks(folder, takes)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        ours = list(pool.map(_judge, [folder] * len(takes), takes))
    peer = [judge_take(folder / row.take, row, lambda piece: tracks[piece.name]) for row in takes] if tracks else []
    for situation in dict.fromkeys(row.situation for row in takes):
        yield _row(situation, *(_of(situation, outcomes) for outcomes in (ours, peer)))
    yield _row("all", ours, peer)


def _judge(folder: Path, row: HardRow) -> HardOutcome:
    return judge_take(folder / row.take, row, follow_piece(follow_by(FEATURES[0])))


def _of(situation: str, outcomes: list[HardOutcome]) -> list[HardOutcome]:
    return [o for o in outcomes if o.row.situation == situation]


def _peer_tracks(folder: Path, takes: list[HardRow]) -> Tracks:
    """The positions of the peer in each take, from the file that keeps them or by following; none without the peer."""
    kept = folder / KEPT
    python = Path(os.environ.get(PEER_SETTING, PEER_PYTHON))
    if not kept.exists() and python.exists():
        paths = [str(folder / row.take / name) for row in takes for name in ("score.musicxml", "performance.flac")]
        script = Path(__file__).with_name("matchmaker_peer.py")
        with kept.open("w", encoding="utf-8") as file:
            subprocess.run([str(python), str(script), METHOD, *paths], stdout=file, check=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    return {row.take: _track(json.loads(line)) for row, line in zip(takes, lines, strict=False)}


def _track(found: dict[str, list[float]]) -> PositionTrack:
    return PositionTrack(np.array(found.get("audio_s", [])), np.array(found.get("beat", [])))


def _row(name: str, ours: list[HardOutcome], peer: list[HardOutcome]) -> Row:
    mine = summarise(name, ours)
    its = summarise(name, peer) if peer else None
    minutes = 60 * sum(o.hours for o in ours)
    leaps = "" if np.isnan(mine.leaps) else f"false leaps {mine.leaps:.0f} an hour; "
    return Row(
        what=f"{name}, {minutes:.1f} min: percent within half a quarter / within 200 ms, seconds to recover",
        ours=_figures(mine),
        peer=f"{_figures(its)}, pymatchmaker {METHOD}" if its else "",
        ratio=f"{mine.right - its.right:+.0f}" if its and np.isfinite(mine.right) else "",
        agreement=f"{leaps}confidence {_shown(mine.sure)} where right, "
        f"{_shown(mine.lost)} where wrong, calibration error {_shown(mine.error)}",
    )


def _figures(summary: HardSummary) -> str:
    if np.isnan(summary.right):
        return "never right"
    seconds = summary.recover_s
    recovered = "" if np.isnan(seconds) else ", never" if np.isinf(seconds) else f", {seconds:.1f} s"
    return f"{summary.right:.0f} / {summary.timely:.0f}{recovered}"


def _shown(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
