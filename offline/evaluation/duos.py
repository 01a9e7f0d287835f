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
from engine.core.errors import AudioFileError, EngineError
from engine.core.whole_file import whole_text
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
from offline.evaluation.onsets import in_columns
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
) -> int:
    """Accompany every duo of the folder, and print a table against what a human played.

    csv: file for the table, written anew after every duo
    plots: folder for a picture of each duo
    Returns how many duos failed: they are said, and have no row.
    """
    n_failed = 0
    results: dict[str, AccompanimentAccuracy] = {}
    for duo in tqdm(find_duos(folder), unit="piece", leave=False):
        try:
            results[duo.name] = _evaluated(duo, follow, schedule, plots)
        except EngineError as error:
            say(f"collaparte: {error.about(duo.name)}")
            n_failed += 1
            continue
        if csv is not None:
            _write(csv, results)
    if results:
        table = results | ({"mean": mean_accompaniment(results)} if len(results) > 1 else {})
        say("percent of the accompaniment's onsets within N ms of a human's own; missing ones are not")
        say(in_columns([HEADER, *(_row(name, result) for name, result in table.items())]))
        if csv is not None:
            _write(csv, table)
    return n_failed


def _evaluated(duo: Duo, follow: FollowConfig, schedule: SchedulerConfig, plots: Path | None) -> AccompanimentAccuracy:
    truth = read_duo_truth(duo.truth)
    accompany = AccompanyConfig(accompaniment=read_accompaniment(duo.score), schedule=schedule)
    played = accompany_file(AccompanyJob(input=duo.solo, accompany=accompany, follow=follow)).played
    if plots is not None:
        draw_accompaniment(plots / f"{duo.name}.png", truth.solo, truth.accompaniment, np.array(played))
    return evaluate_accompaniment(truth, played)


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


def _write(path: Path, table: Mapping[str, AccompanimentAccuracy]) -> None:
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(name, result) for name, result in table.items())
