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
from engine.accompaniment.parts import Accompaniment, read_accompaniment
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.tempo_curve import expected_score
from engine.audio.files import AudioReader
from engine.core.errors import AudioFileError, EngineError
from engine.core.whole_file import whole_text
from engine.following.config import FollowConfig
from offline.accompaniment.accompany import AccompanyJob, accompany_file
from offline.accompaniment.imitated_stage import leak_response
from offline.accompaniment.leak_config import LeakConfig
from offline.accompaniment.rehearsals import read_rehearsed, rehearse
from offline.alignment.alignment import AlignConfig
from offline.batch.piece_folders import EvaluationPiece, FoundPieces, PieceCounts, find_pieces
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

OURS, UNREHEARSED = "accompaniment", "without a rehearsal"
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
    rehearsals: folder with a folder of takes for each duo, recordings or tempo curves; duos without are left out
    align: how takes are aligned
    """

    follow: FollowConfig
    schedule: SchedulerConfig
    stage: StageConfig = field(default_factory=StageConfig)
    leak: LeakConfig = field(default_factory=LeakConfig)
    rehearsals: Path | None = None
    align: AlignConfig = field(default_factory=AlignConfig)


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
    n_failed, found = 0, _found(folder, settings.rehearsals)
    results: Results = {}
    for duo in tqdm(found.pieces, unit="piece", leave=False):
        try:
            for method, accuracy in _evaluated(duo, settings, plots, say).items():
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


def _found(folder: Path, rehearsals: Path | None) -> FoundPieces:
    """Return the duos; with rehearsals, those that have takes. AudioFileError where there is none."""
    found = find_pieces(folder, SOLO)
    if rehearsals is None:
        return found
    lacking = {duo.name: f"no takes in {rehearsals / duo.name}" for duo in found.pieces if not _takes(duo, rehearsals)}
    pieces = [duo for duo in found.pieces if duo.name not in lacking]
    if not pieces:
        expected, got = f"a folder of takes for each of {len(lacking)} duos, of its name", "none"
        raise AudioFileError(str(rehearsals), expected=expected, got=got)
    return FoundPieces(pieces, {**found.lacking, **lacking})


def _takes(duo: EvaluationPiece, rehearsals: Path) -> list[Path]:
    return sorted(path for path in (rehearsals / duo.name).glob("*") if path.is_file())


def _rehearsed(
    duo: EvaluationPiece, both: Accompaniment, settings: DuoSettings, say: Callable[[str], None]
) -> Accompaniment:
    """Return the accompaniment with the tempo that is expected after the takes."""
    assert settings.rehearsals is not None
    score, takes = read_rehearsed(duo.score, both.solo), _takes(duo, settings.rehearsals)
    return replace(both, expected=expected_score(both.solo, rehearse(score, takes, settings.align, say=say)))


def _table(results: Results) -> list[tuple[str, AccompanimentAccuracy]]:
    """Return the rows: each piece, their mean, and beside it the means of what it is compared with."""
    pieces = results[OURS]
    rows = [*pieces.items(), *([("mean", mean_accompaniment(pieces))] if len(pieces) > 1 else [])]
    others = [method for method in (UNREHEARSED, SCORE_TEMPO, CARRIED_ON, HUMAN) if method in results]
    return [*rows, *((method, mean_accompaniment(results[method])) for method in others)]


def _evaluated(
    duo: EvaluationPiece, settings: DuoSettings, plots: Path | None, say: Callable[[str], None]
) -> dict[str, AccompanimentAccuracy]:
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
    if settings.rehearsals is not None:
        rehearsed = replace(job.accompany, accompaniment=_rehearsed(duo, both, settings, say))
        rows[UNREHEARSED] = rows[OURS]
        rows[OURS] = accompany_file(replace(job, accompany=rehearsed, watch=None)).played
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
