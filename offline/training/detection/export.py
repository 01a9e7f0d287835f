"""Export a trained sound event network: tune its thresholds, measure it, write file and card."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.detection.event_decoder import DecisionConfig, Decisions
from engine.detection.frame_clock import STEP_FRAMES
from models.detection.graph import crnn_graph, crnn_metadata
from models.detection.network import Crnn
from offline.datasets.scenes import SceneSet, open_scene_set
from offline.detection.clip_decisions import Probabilities
from offline.evaluation.detection.early_decisions import with_early_reports
from offline.evaluation.detection.sound_events_tuning import (
    QuietScenes,
    TunedDecisions,
    class_metrics,
    decision_metrics,
    tune_decisions,
    with_best_lags,
    with_raised_limits,
)
from offline.evaluation.detection.telling import soonest_decisions
from offline.training.common.card import card_fields, write_card
from offline.training.common.export import Exportable, export_figures, export_halved
from offline.training.detection.config import DetectionExport
from offline.training.detection.init_weights import load_crnn, restore_crnn
from offline.training.detection.train import scene_probabilities

__all__ = ["FAST_DECISIONS", "LIVE_DECISIONS", "WHOLE_DECISIONS", "export_detection", "write_crnn"]

FAST_DECISIONS = tuple(
    DecisionConfig(median=median, alignment="causal", release=release, hold=hold)
    for median, release, hold in product((1, 3), (0.5, 0.7), (3, 5))
)
# The log-odds are tuned for each class.
ACCUMULATING = tuple(replace(each, accumulated_log_odds=1.0) for each in FAST_DECISIONS if each.median == 1)
LIVE_DECISIONS = (*FAST_DECISIONS, *ACCUMULATING)
WHOLE_DECISIONS = tuple(
    DecisionConfig(median=median, release=release) for median, release in product((3, 5, 7, 9), (0.5, 0.7))
)
TOO = "; the validation sources were learnt from too, after the thresholds had been tuned on them"
CHECKED_STEPS = 14
BLOCKS = (1, 2, 7)  # steps a call


def export_detection(config: DetectionExport) -> Path:
    """Write NAME.onnx and NAME.toml, with figures of the test set: by the paper's decisions and by tuned ones."""
    model, found = restore_crnn(config.checkpoint)
    test = open_scene_set(config.test)
    steps = scene_probabilities(model, test)
    live, whole = _tuned_decisions(model, config)
    if config.early is not None:
        live = replace(live, events=_early(model, config, live.events, config.early))
    decisions = Decisions(live=live.events, whole=whole.events, tags=whole.tags)
    checks = write_crnn(model, config.output, config.licence, config.training, decisions)
    checks |= export_figures(found, config.output)
    measured = _measure(test, steps, live, whole)
    fields = card_fields(config, found, model.config.as_dict(), checks)
    fields["split"] = config.split + (TOO if config.decisions_of else "")
    fields["metrics"] = {**measured, "remark": config.metrics or None}
    write_card(config.output, fields)
    return config.output


def write_crnn(model: Crnn, path: Path, licence: str, training: str, decisions: Decisions) -> dict[str, float]:
    """Write the network file, its weights in 16 bits, and return the largest error of a probability."""
    metadata = crnn_metadata(model, licence=licence, training=training, decisions=decisions)
    graph = crnn_graph(model)
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(CHECKED_STEPS * STEP_FRAMES, model.config.n_mels, generator=random)
    stream = {"mel": model.mean + noise / model.scale}
    stream |= {each.name: torch.randn(CHECKED_STEPS, each.n_in, generator=random) for each in model.config.embeddings}
    blocks = [n * STEP_FRAMES for n in (BLOCKS if model.config.causal else (CHECKED_STEPS,))]
    made = Exportable(graph=graph, metadata=metadata, stream=stream, blocks=blocks, unit=1.0)
    return export_halved(made, path)


def _measure(test: SceneSet, steps: Probabilities, live: TunedDecisions, whole: TunedDecisions) -> dict[str, Any]:
    """Measure the paper's decisions, the tuned ones for live use and for recordings, and each class."""
    return {
        "published": _rounded(decision_metrics(test, steps)),
        "whole": _rounded(decision_metrics(test, steps, whole)),
        "live": _rounded(decision_metrics(test, steps, live)),
        "classes": {label: _rounded(of) for label, of in class_metrics(test, steps, whole.events).items()},
    }


def _tuned_decisions(model: Crnn, config: DetectionExport) -> tuple[TunedDecisions, TunedDecisions]:
    """Tune decisions for live use and for recordings; or take those of an earlier network, with the lags of this."""
    if config.decisions_of is None:
        return _tune(model, config)
    live, whole = _tune(load_crnn(config.decisions_of), config)
    return _take_over(model, config, live, whole)


def _early(model: Crnn, config: DetectionExport, live: DecisionConfig, allowed_per_hour: float) -> DecisionConfig:
    """Return the live decision with thresholds that report early, and the lags that then are best."""
    validation = open_scene_set(config.validation)
    quiet, steps = _quiet_scenes(model, config, allowed_per_hour), scene_probabilities(model, validation)
    early = with_early_reports(live, quiet, model.config.classes, allowed_per_hour, steps)
    return with_best_lags(validation, steps, early)


def _tune(model: Crnn, config: DetectionExport) -> tuple[TunedDecisions, TunedDecisions]:
    """Tune decisions on the validation set, which the network must not have learnt from."""
    validation = open_scene_set(config.validation)
    steps = scene_probabilities(model, validation)
    quiet = _quiet_scenes(model, config, config.false_alarms) if config.quiet else None
    if config.soon and quiet is not None:
        whole = tune_decisions(validation, steps, WHOLE_DECISIONS)
        return replace(whole, events=soonest_decisions(validation, steps, ACCUMULATING, quiet)), whole
    return tune_decisions(validation, steps, LIVE_DECISIONS, quiet), tune_decisions(validation, steps, WHOLE_DECISIONS)


def _take_over(
    model: Crnn, config: DetectionExport, live: TunedDecisions, whole: TunedDecisions
) -> tuple[TunedDecisions, TunedDecisions]:
    """Adapt decisions of an earlier network: lags are measured anew, as they are the same for learnt sources too."""
    validation = open_scene_set(config.validation)
    steps = scene_probabilities(model, validation)
    if config.tighten is not None:
        quiet = _quiet_scenes(model, config, config.tighten)
        live = replace(live, events=with_raised_limits(live.events, quiet, model.config.classes))
    live, whole = (replace(each, events=with_best_lags(validation, steps, each.events)) for each in (live, whole))
    return live, whole


def _quiet_scenes(model: Crnn, config: DetectionExport, allowed_per_hour: float) -> QuietScenes:
    """Compute what the network outputs where no class sounds."""
    steps = [scene_probabilities(model, open_scene_set(folder)) for folder in config.quiet]
    return QuietScenes(np.concatenate(steps), allowed_per_hour)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}
