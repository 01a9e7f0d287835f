"""Evaluate the accompaniment of recorded soloists over a folder of duos with their truth."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.files import AudioReader
from engine.core.errors import EngineError
from engine.core.whole_file import whole_text
from engine.following.config import FollowConfig
from offline.accompaniment.accompany import AccompanyJob, accompany_file
from offline.accompaniment.imitated_stage import leak_response
from offline.accompaniment.leak_config import LeakConfig
from offline.batch.piece_folders import EvaluationPiece, PieceCounts, find_pieces
from offline.evaluation.accompaniment import (
    WITHIN_MS,
    AccompanimentAccuracy,
    evaluate_accompaniment,
    mean_accompaniment,
    read_duo_truth,
)
from offline.evaluation.accompaniment_baselines import FollowerLog, carried_on, score_tempo
from offline.evaluation.accompaniment_plot import draw_accompaniment
from offline.evaluation.onsets import in_columns

__all__ = ["DuoSettings", "evaluate_duos"]

Results = dict[str, dict[str, AccompanimentAccuracy]]  # of each method, for each piece

OURS = "accompaniment"
SOLO = "solo"  # name of the recording
SCORE_TEMPO, CARRIED_ON, HUMAN = "at the score's tempo", "position carried on", "human's own"
HEADER = (
    "piece",
    *(f"{ms} ms" for ms in WITHIN_MS),
    "median ms",
    "p90 ms",
    "behind ms",
    "missing %",
    "extra",
    "with solo %",
    "recovery s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuoSettings:
    """How duos are accompanied.

    follow, schedule, stage: as in `AccompanyConfig` and `AccompanyJob`
    leak: what of the accompaniment comes back; then each duo is played twice, first without it, to know how loud it is
    """

    follow: FollowConfig
    schedule: SchedulerConfig
    stage: StageConfig = field(default_factory=StageConfig)
    leak: LeakConfig = field(default_factory=LeakConfig)


def evaluate_duos(
    folder: Path,
    settings: DuoSettings,
    *,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> PieceCounts:
    """Accompany every duo of the folder, and print a table against what a human played.

    Beside the mean stand those of simpler accompaniments, and how well the human was with the solo.

    A duo is a piece whose recording, solo.*, is of the soloist alone, and whose truth has a column `part` besides.

    csv: file for the table, written anew after every duo
    plots: folder for a picture of each duo
    Duos that fail are said, and have no row.
    """
    n_failed, found = 0, find_pieces(folder, SOLO)
    results: Results = {}
    for duo in tqdm(found.pieces, unit="piece", leave=False):
        try:
            for method, accuracy in _evaluated(duo, settings, plots).items():
                results.setdefault(method, {})[duo.name] = accuracy
        except EngineError as error:
            say(f"collaparte: {error.about(duo.name)}")
            n_failed += 1
            continue
        if csv is not None:
            _write(csv, results)
    if results:
        say("percent of the accompaniment's onsets within N ms of a human's own; missing ones are not")
        say(in_columns([HEADER, *(_row(name, result) for name, result in _table(results))]))
    return found.counts(n_failed)


def _table(results: Results) -> list[tuple[str, AccompanimentAccuracy]]:
    """Return the rows: each piece, their mean, and beside it the means of what it is compared with."""
    pieces = results[OURS]
    rows = [*pieces.items(), *([("mean", mean_accompaniment(pieces))] if len(pieces) > 1 else [])]
    others = (SCORE_TEMPO, CARRIED_ON, HUMAN)
    return [*rows, *((method, mean_accompaniment(results[method])) for method in others)]


def _evaluated(duo: EvaluationPiece, settings: DuoSettings, plots: Path | None) -> dict[str, AccompanimentAccuracy]:
    """Return the accuracy of the accompaniment, and of what it is compared with."""
    truth, both, logs = read_duo_truth(duo.truth), read_accompaniment(duo.score), []

    def watch(reader: AudioReader) -> FollowerLog:
        logs.append(FollowerLog(reader.format.sample_rate))
        return logs[-1]

    accompany = AccompanyConfig(accompaniment=both, schedule=settings.schedule, stage=settings.stage)
    job = AccompanyJob(input=duo.performance, accompany=accompany, follow=settings.follow, watch=watch)
    if settings.leak.leak is not None:
        job = _leaking(job, settings.leak)
    rows = {OURS: accompany_file(job).played}
    rows[SCORE_TEMPO] = score_tempo(logs[-1], both.solo, both.onset_quarter)
    rows[CARRIED_ON] = carried_on(logs[-1], both.onset_quarter)
    rows[HUMAN] = [(quarter, at_s) for quarter, at_s in truth.accompaniment.tolist()]
    if plots is not None:
        beside = {method: np.array(rows[method]) for method in (SCORE_TEMPO, CARRIED_ON)}
        draw_accompaniment(plots / f"{duo.name}.png", truth.solo, truth.accompaniment, np.array(rows[OURS]), beside)
    return {method: evaluate_accompaniment(truth, played) for method, played in rows.items()}


def _leaking(job: AccompanyJob, leak: LeakConfig) -> AccompanyJob:
    """Return the job with an echo as loud as asked, which is taken out again unless that is turned off."""
    sounds: list[npt.NDArray[np.float32]] = []
    accompany = replace(job.accompany, sound=SynthesiserConfig())
    accompany_file(replace(job, accompany=accompany, hear=lambda stems: sounds.append(stems.mean(axis=2))))
    solo, own = np.concatenate(sounds).T[:2]
    with AudioReader(job.input) as reader:
        echo = leak_response(leak, reader.format.sample_rate, solo, own)
    cancel = "off" if accompany.stage.cancel == "off" else "on"
    return replace(job, accompany=replace(accompany, stage=replace(accompany.stage, cancel=cancel)), echo=echo)


def _row(name: str, result: AccompanimentAccuracy) -> tuple[str, ...]:
    recovery = " ".join(f"{s:.1f}" for s in result.recovery_s)
    return (
        name,
        *(f"{x:.1f}" for x in result.within),
        f"{1000 * result.median_s:.0f}",
        f"{1000 * result.p90_s:.0f}",
        f"{1000 * result.behind_s:.0f}",
        f"{result.missing:.1f}",
        f"{result.extra:.1f}",
        f"{result.with_solo:.1f}",
        recovery or "-",
    )


def _write(path: Path, results: Results) -> None:
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(name, result) for name, result in _table(results))
