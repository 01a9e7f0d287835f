"""The analysis of a study as text and as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from offline.evaluation.study.ratings import StudyRatings
from offline.evaluation.study.statistics import Estimate, Resampling, agreement, both_ways_p, holm

__all__ = ["StudyDifference", "StudyScore", "analyse_study", "report_study", "write_study_csv"]

EVERYBODY, COMPOSERS = "all", "composers"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDifference:
    """By how much one system is rated above another; p: larger of that by raters and by pieces; holm: corrected."""

    one: str
    other: str
    difference: Estimate
    p: float
    holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyScore:
    """What a group of listeners says on one scale.

    group: "all" or "composers"
    n_raters, n_ratings: how many; known pieces are left out
    means: of each system, the best first
    agreement: Krippendorff's alpha
    """

    scale: str
    group: str
    n_raters: int
    n_ratings: int
    means: dict[str, Estimate]
    differences: tuple[StudyDifference, ...]
    agreement: Estimate


def analyse_study(ratings: StudyRatings, *, confidence: float = 0.95, seed: int = 0) -> list[StudyScore]:
    """Analyse every scale, of all who were asked, and of composers where there are some among others."""
    scores = []
    some = ratings.composers.any() and not ratings.composers.all()
    for scale in ratings.scales:
        values = np.where(ratings.known, np.nan, ratings.values[scale.name])
        groups = {COMPOSERS if scale.composers else EVERYBODY: np.ones(len(ratings.raters), bool)}
        if some and not scale.composers:
            groups[COMPOSERS] = ratings.composers
        for group, who in groups.items():
            rows = values[who]
            rows = rows[~np.isnan(rows).all(axis=1)]
            if len(rows):
                scores.append(_score(scale.name, group, rows, ratings.systems, confidence, seed))
    return scores


def _score(
    scale: str, group: str, rows: np.ndarray, systems: Sequence[str], confidence: float, seed: int
) -> StudyScore:
    names = sorted({s for s, column in zip(systems, rows.T, strict=True) if not np.isnan(column).all()})
    numbers = np.array([names.index(s) if s in names else -1 for s in systems])
    drawn = Resampling(rows, numbers, seed=seed)
    means = {name: drawn.mean(i, confidence) for i, name in enumerate(names)}
    names_down = sorted(names, key=lambda name: -means[name].value)
    pairs = list(combinations(names_down, 2))
    p = [both_ways_p(rows, *(numbers == names.index(name) for name in pair), seed=seed) for pair in pairs]
    differences = tuple(
        StudyDifference(
            one=one,
            other=other,
            difference=drawn.difference(names.index(one), names.index(other), confidence),
            p=raw,
            holm=corrected,
        )
        for (one, other), raw, corrected in zip(pairs, p, holm(p), strict=True)
    )
    return StudyScore(
        scale=scale,
        group=group,
        n_raters=len(rows),
        n_ratings=int((~np.isnan(rows)).sum()),
        means={name: means[name] for name in names_down},
        differences=differences,
        agreement=agreement(rows, confidence=confidence, seed=seed),
    )


def report_study(scores: Sequence[StudyScore], confidence: float) -> str:
    """Return the analysis as text."""
    return "\n\n".join("\n".join(_lines(score, confidence)) for score in scores)


def _lines(score: StudyScore, confidence: float) -> Iterator[str]:
    who = f"{score.n_raters} {'listeners' if score.group == EVERYBODY else 'composers'}"
    yield f"{score.scale} ({who}, {score.n_ratings} ratings; intervals of {confidence:.0%})"
    for name, mean in score.means.items():
        yield f"  {name:28}{_text(mean)}"
    for row in score.differences:
        name = f"{row.one} - {row.other}"
        yield f"  {name:28}{_text(row.difference)}   p {_number(row.p, 4)}, Holm {_number(row.holm, 4)}"
    yield f"  {'agreement (alpha)':28}{_text(score.agreement)}"


def _text(estimate: Estimate) -> str:
    return f"{_number(estimate.value):>7}  {_number(estimate.low):>6} to {_number(estimate.high):>6}"


def _number(value: float, digits: int = 2) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def write_study_csv(path: Path, scores: Sequence[StudyScore]) -> None:
    """Write a row for every mean, difference and agreement."""
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("scale", "group", "raters", "ratings", "what", "system", "other", "value", "low", "high", "p", "holm")
        )
        for score in scores:
            head = (score.scale, score.group, score.n_raters, score.n_ratings)
            for name, mean in score.means.items():
                writer.writerow((*head, "mean", name, "", *_ends(mean), "", ""))
            for row in score.differences:
                ends = _ends(row.difference)
                writer.writerow((*head, "difference", row.one, row.other, *ends, f"{row.p:.5f}", f"{row.holm:.5f}"))
            writer.writerow((*head, "agreement", "", "", *_ends(score.agreement), "", ""))


def _ends(estimate: Estimate) -> tuple[str, str, str]:
    return f"{estimate.value:.4f}", f"{estimate.low:.4f}", f"{estimate.high:.4f}"
