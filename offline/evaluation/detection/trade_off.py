"""Trade what is told against what is invented: the same decisions, all of them stricter or laxer at once."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.detection.event_decoder import DecisionConfig

__all__ = ["moved_limits"]


def moved_limits(config: DecisionConfig, nats: float) -> DecisionConfig:
    """Return the decision with every limit moved; above 0 it is stricter.

    Thresholds, those that report early and those of single classes, move by `nats` in log-odds. Accumulated log-odds
    move by the same for each of the `reach` steps in which they may gather, and at least to a tenth of what they were.
    """

    def moved(probability: float) -> float:
        if not 0 < probability < 1:
            return probability  # never, or always
        return 1 / (1 + math.exp(-math.log(probability / (1 - probability)) - nats))

    def gathered(needed: float) -> float:
        return max(needed + nats * config.reach, needed / 10)

    own = {label: moved(level) for label, level in (config.thresholds or {}).items()}
    early = {label: moved(level) for label, level in (config.early or {}).items()}
    needs = {label: gathered(needed) if needed else 0.0 for label, needed in (config.log_odds_by_label or {}).items()}
    return replace(
        config,
        threshold=moved(config.threshold),
        thresholds=own if config.thresholds is not None else None,
        early=early if config.early is not None else None,
        accumulated_log_odds=gathered(config.accumulated_log_odds) if config.accumulated_log_odds else 0.0,
        log_odds_by_label=needs if config.log_odds_by_label is not None else None,
    )
