"""Fit the weights of the confidence on hard takes (`collaparte data hard`), whose truth is known.

The takes are followed live; every moment gives the evidence that the tracker has, and whether its position was right.
Logistic regression makes one weight a piece of evidence of them. How well calibrated the result is shows on pieces that
the weights were not fitted on: each part of the pieces is left out once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from tqdm import tqdm

from engine.audio.files import AudioReader
from engine.core.errors import AudioFileError
from engine.core.events import Position
from engine.following.confidence import N_EVIDENCE
from engine.following.config import FollowConfig, follow_frames
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.batch.piece_folders import EvaluationPiece
from offline.datasets.hard_set import HardRow
from offline.evaluation.hard import HardOutcome, hard_table, judge_take, takes_of
from offline.evaluation.onsets import PositionTrack, track_of
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input
from offline.training.confidence.config import ConfidenceTraining

__all__ = ["ConfidenceFit", "EvidenceOfTake", "evidence_of", "fit_weights", "train_confidence"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
HALF = "tuning"


class EvidenceOfTake(NamedTuple):
    """What came of a take, and the evidence at each of its moments (moment, N_EVIDENCE)."""

    outcome: HardOutcome
    evidence: Floats


class ConfidenceFit(NamedTuple):
    """Weights (N_EVIDENCE) and intercept of the log odds."""

    weights: Floats
    intercept: float

    def confidence(self, evidence: Floats) -> Floats:
        """Return the probabilities (moment) that the position is right."""
        return np.asarray(expit(self.intercept + evidence @ self.weights))


def train_confidence(config: ConfidenceTraining) -> str:
    """Fit the weights; return the table of `evaluate hard` on pieces left out, and the lines for the engine."""
    rows = [(folder, row) for folder in config.data for row in takes_of(folder, (HALF,))[0]]
    if len(pieces := {row.piece for _, row in rows}) < 2:
        got, expected = f"{len(pieces)}", f"takes of at least two pieces of the half {HALF}"
        raise AudioFileError(", ".join(map(str, config.data)), expected=expected, got=got)
    follow = follow_by(config.features)
    takes = [evidence_of(folder / row.take, row, follow) for folder, row in tqdm(rows, unit="take", leave=False)]
    fit = _fit(takes, config.ridge)
    left_out = hard_table(list(_left_out(takes, config)))
    used = hard_table([take.outcome for take in takes])
    weights = ", ".join(f"{weight:.4g}" for weight in fit.weights)
    return "\n".join([
        "on pieces left out:", *left_out,
        f"with the weights in use: {used[-1]}",
        f"WEIGHTS = ({weights})", f"INTERCEPT = {fit.intercept:.4g}",
    ])  # fmt: skip


def evidence_of(folder: Path, row: HardRow, follow: FollowConfig) -> EvidenceOfTake:
    """Follow one take frame by frame and return the evidence at every moment that is judged."""
    rows, at_s = list[Floats](), list[float]()

    def method(piece: EvaluationPiece) -> PositionTrack:
        track = _followed(piece, follow, rows)
        at_s.extend(track.at_s.tolist())
        return track

    outcome = judge_take(folder, row, method)
    index = np.searchsorted(at_s, outcome.at_s, side="right") - 1
    return EvidenceOfTake(outcome, np.array([np.zeros(N_EVIDENCE), *rows])[index + 1])


def _followed(piece: EvaluationPiece, follow: FollowConfig, rows: list[Floats]) -> PositionTrack:
    """Follow a piece live, a frame at a time; append the evidence of each position to `rows`."""
    with AudioReader(piece.performance) as reader:
        audio, form = reader.read(), reader.format
    pipeline = Pipeline(form, PipelineConfig(score=read_score_input(piece.score, form, follow), follow=follow))
    assert pipeline.follower is not None
    hop, positions = follow_frames(form).hop, list[Position]()
    audio = np.concatenate([audio, np.zeros((pipeline.follower.latency, form.n_channels), np.float32)])
    for start in range(0, len(audio), hop):
        for event in pipeline.process(audio[start : start + hop]).events:
            if isinstance(event, Position):
                positions.append(event)
                rows.append(pipeline.follower.trust_evidence.copy())
    return track_of(positions, form.sample_rate)


def _fit(takes: Sequence[EvidenceOfTake], ridge: float) -> ConfidenceFit:
    evidence = np.concatenate([take.evidence for take in takes])
    return fit_weights(evidence, np.concatenate([take.outcome.near for take in takes]), ridge)


def fit_weights(evidence: Floats, right: Flags, ridge: float) -> ConfidenceFit:
    """Return the logistic regression of `right` (moment) on the evidence (moment, N), by least mean log loss.

    ridge: added to it for each squared weight of evidence scaled to a spread of one
    """
    middle, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    scaled, sign = (evidence - middle) / spread, np.where(right, 1.0, -1.0)

    def loss(x: Floats) -> tuple[float, Floats]:
        margin = sign * (x[0] + scaled @ x[1:])
        pull = -sign * expit(-margin) / len(sign)
        slope = np.concatenate([[pull.sum()], pull @ scaled + 2 * ridge * x[1:]])
        return float(np.logaddexp(0, -margin).mean() + ridge * (x[1:] ** 2).sum()), slope

    x = minimize(loss, np.zeros(evidence.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = x[1:] / spread
    return ConfidenceFit(weights, float(x[0] - middle @ weights))


def _left_out(takes: Sequence[EvidenceOfTake], config: ConfidenceTraining) -> Iterator[HardOutcome]:
    """Yield what came of each take, its confidence by weights fitted without its piece, in the order of the takes."""
    pieces = sorted({take.outcome.row.piece for take in takes})
    fold = {piece: i % config.folds for i, piece in enumerate(pieces)}
    n_folds = min(config.folds, len(pieces))
    others = [[take for take in takes if fold[take.outcome.row.piece] != i] for i in range(n_folds)]
    fits = [_fit(rest, config.ridge) for rest in others]
    for take in takes:
        fit = fits[fold[take.outcome.row.piece]]
        yield replace(take.outcome, confidence=fit.confidence(take.evidence))
