"""Evaluate the accompaniment of recorded soloists over a folder of duos with their truth."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.parts import read_accompaniment
from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError
from engine.following.config import FollowConfig
from offline.accompaniment.accompany import AccompanyJob, accompany_file
from offline.evaluation.accompaniment import (
    WITHIN_MS,
    AccompanimentAccuracy,
    evaluate_accompaniment,
    mean_accompaniment,
    read_duo_truth,
)
from offline.evaluation.accompaniment_plot import draw_accompaniment
from offline.following.score_input import SCORE_SUFFIXES

__all__ = ["Duo", "evaluate_duos", "find_duos"]

HEADER = (
    "piece",
    *(f"{ms} ms" for ms in WITHIN_MS),
    "median ms",
    "p90 ms",
    "missing %",
    "extra",
    "with solo %",
    "recovery s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duo:
    """One piece for soloist and accompaniment.

    name: of its folder
    score: of both
    solo: recording of the soloist alone
    truth: truth.csv with columns quarter,audio_s,part
    """

    name: str
    score: Path
    solo: Path
    truth: Path


def find_duos(folder: Path) -> list[Duo]:
    """Find every folder that holds a score, a solo and its truth: the folder itself, or folders in it."""
    duos = [duo for place in (folder, *sorted(folder.glob("*/"))) if (duo := _duo(place)) is not None]
    if not duos:
        expected = "folders with score.*, solo.* and truth.csv"
        raise AudioFileError(str(folder), expected=expected, got="none", remedy="name a folder of duos, or one duo")
    return duos


def _duo(place: Path) -> Duo | None:
    scores = [path for path in sorted(place.glob("score.*")) if path.suffix.lower() in SCORE_SUFFIXES]
    solos = [path for path in sorted(place.glob("solo.*")) if is_audio(path)]
    truth = place / "truth.csv"
    if not (scores and solos and truth.is_file()):
        return None
    return Duo(name=place.resolve().name, score=scores[0], solo=solos[0], truth=truth)


def evaluate_duos(
    folder: Path,
    follow: FollowConfig,
    schedule: SchedulerConfig,
    *,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, AccompanimentAccuracy]:
    """Accompany every duo of the folder, print a table against what a human played, and return it.

    csv: file for the table
    plots: folder for a picture of each duo
    """
    results: dict[str, AccompanimentAccuracy] = {}
    for duo in tqdm(find_duos(folder), unit="piece", leave=False):
        accompany = AccompanyConfig(accompaniment=read_accompaniment(duo.score), schedule=schedule)
        played = accompany_file(AccompanyJob(input=duo.solo, accompany=accompany, follow=follow))
        truth = read_duo_truth(duo.truth)
        results[duo.name] = evaluate_accompaniment(truth, played)
        if plots is not None:
            draw_accompaniment(plots / f"{duo.name}.png", truth.solo, truth.accompaniment, np.array(played))
    table = results | ({"mean": mean_accompaniment(results)} if len(results) > 1 else {})
    say("percent of the accompaniment's onsets within N ms of a human's own; missing ones are not")
    say(_format(table))
    if csv is not None:
        _write(csv, table)
    return table


def _row(name: str, result: AccompanimentAccuracy) -> tuple[str, ...]:
    recovery = " ".join(f"{s:.1f}" for s in result.recovery_s)
    return (
        name,
        *(f"{x:.1f}" for x in result.within),
        f"{1000 * result.median_s:.0f}",
        f"{1000 * result.p90_s:.0f}",
        f"{result.missing:.1f}",
        f"{result.extra:.1f}",
        f"{result.with_solo:.1f}",
        recovery or "-",
    )


def _format(table: Mapping[str, AccompanimentAccuracy]) -> str:
    rows = [HEADER, *(_row(name, result) for name, result in table.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def _write(path: Path, table: Mapping[str, AccompanimentAccuracy]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(name, result) for name, result in table.items())
