"""From a finished run to the file that the engine runs: thresholds tuned, figures measured, card written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ConfigError
from engine.detection.event_decoder import DecisionConfig, Decisions
from models.detection.graph import export_crnn
from models.detection.network import Crnn
from offline.datasets.scenes import open_scene_set
from offline.evaluation.sound_events_tuning import Quiet, Tuned, by_class, decision_metrics, lagging, stricter, tune
from offline.training.common.card import write_card
from offline.training.detection.task import probabilities
from offline.training.detection.train import load_crnn

__all__ = ["Release", "add_options", "main", "release"]

LIVE = tuple(
    DecisionConfig(median=median, alignment="causal", release=release, hold=hold)
    for median, release, hold in product((1, 3), (0.5, 0.7), (3, 5))
)
GATHERING = tuple(replace(one, accumulated_log_odds=1.0) for one in LIVE if one.median == 1)  # tuned for each class
WHOLE = tuple(DecisionConfig(median=median, release=release) for median, release in product((3, 5, 7, 9), (0.5, 0.7)))
SPLIT = "by source: offline/synthesis/sound_events_split.csv"
LEARNT_TOO = "; the validation sources were learnt from too, once the decisions had been tuned on them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """checkpoint: of the run; validation, test: sets of other sources; output: NAME.onnx; quiet: sets in which no
    class sounds, and inventions, how many events an hour of a class may be told there; before: a checkpoint from
    before the validation sources were learnt from too, whose decisions are taken, with this one's lags; tighten: how
    many events an hour of a class this one may tell in the quiet sets, whose limits are raised for it; the rest is for
    its card.
    """

    checkpoint: Path
    validation: Path
    test: Path
    output: Path
    data: str
    licence: str
    command: str
    quiet: tuple[Path, ...] = ()
    inventions: float = 1.0
    before: Path | None = None
    tighten: float | None = None

    def __post_init__(self) -> None:
        if self.tighten is not None and not (self.before and self.quiet):
            raise ConfigError("--tighten", expected="--before and --quiet", got="it alone")


def release(job: Release) -> dict[str, Any]:
    """Write NAME.onnx and NAME.toml; returns the test set's figures, and those of each class.

    With the paper's decisions, and with those that were tuned for recordings and for live use.
    """
    model, test = load_crnn(job.checkpoint), open_scene_set(job.test)
    steps = probabilities(model, test)
    live, whole = _decided(load_crnn(job.before), job) if job.before else _decided(model, job)
    if job.before:
        live, whole = _taken_over(model, job, live, whole)
    measured = {
        "published": _rounded(decision_metrics(test, steps)),
        "whole": _rounded(decision_metrics(test, steps, whole)),
        "live": _rounded(decision_metrics(test, steps, live)),
        "classes": {label: _rounded(of) for label, of in by_class(test, steps, whole.events).items()},
    }
    decisions = Decisions(live=live.events, whole=whole.events, tags=whole.tags)
    export_crnn(model, job.output, licence=job.licence, training=job.command, decisions=decisions)
    card = {
        "data": job.data,
        "licence": job.licence,
        "split": SPLIT + (LEARNT_TOO if job.before else ""),
        "command": job.command,
        "metrics": measured,
    }
    write_card(job.output, card)
    return measured


def _decided(model: Crnn, job: Release) -> tuple[Tuned, Tuned]:
    """What is tuned on the validation set, which the network must not have learnt from: live, and for recordings."""
    validation = open_scene_set(job.validation)
    heard = probabilities(model, validation)
    quiet = _quiet(model, job, job.inventions) if job.quiet else None
    return tune(validation, heard, (*LIVE, *GATHERING), quiet), tune(validation, heard, WHOLE)


def _taken_over(model: Crnn, job: Release, live: Tuned, whole: Tuned) -> tuple[Tuned, Tuned]:
    """Decisions of an earlier network for this one: a lag is the same for sources that it learnt from and others."""
    validation = open_scene_set(job.validation)
    heard, classes = probabilities(model, validation), model.config.classes
    if job.tighten is not None:
        live = replace(live, events=stricter(live.events, _quiet(model, job, job.tighten), classes))
    live, whole = (replace(of, events=lagging(validation, heard, of.events)) for of in (live, whole))
    return live, whole


def _quiet(model: Crnn, job: Release, most_an_hour: float) -> Quiet:
    steps = [probabilities(model, open_scene_set(folder)) for folder in job.quiet]
    return Quiet(np.concatenate(steps), most_an_hour)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a release."""
    add = parser.add_argument
    add("checkpoint", type=Path)
    add("output", type=Path, help="NAME.onnx")
    add("--validation", type=Path, required=True, help="set of scenes that thresholds are tuned on")
    add("--test", type=Path, required=True, help="set of scenes that the figures are of")
    add("--data", required=True, help="what it was trained on, for the card")
    add("--licence", required=True, help="of the weights")
    add("--command", required=True, help="that trained it")
    add("--quiet", type=Path, nargs="+", default=(), help="sets without any event: live thresholds invent little there")
    add("--inventions", type=float, default=1.0, metavar="N", help="events an hour of a class that may be told there")
    add("--before", type=Path, metavar="CHECKPOINT", help="one that never heard the validation set's sources, to tune")
    add("--tighten", type=float, metavar="N", help="events an hour of a class that the one after may tell there")


def main(arguments: Sequence[str] | None = None) -> None:
    """Release by options and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    print(json.dumps(release(Release(**vars(parser.parse_args(arguments)))), indent=1))


if __name__ == "__main__":
    main()
