"""The case of the decisions on probabilities."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from engine.detection.event_decoder import DecisionConfig, EventDecoder, SoundChange
from tests.contract import Case

PROBABILITIES = np.random.default_rng(0).random((400, 2)).astype(np.float32)
CAREFUL = DecisionConfig(median=5, release=0.8, shortest=2, hold=3)
GATHERING = DecisionConfig(median=3, threshold=0.9, accumulated_log_odds=2.0, reach=4)
EARLY = DecisionConfig(
    median=3, threshold=0.9, release=0.6, hold=2, early={"a": 0.5, "b": 0.7}, confirm=4, least={"b": 3}
)


def by_step(output: list[SoundChange], signal: np.ndarray, latency: int) -> float:
    """There are changes, and the one that waited longest waited exactly so long."""
    waits = {change.known - change.step for change in output}
    return 0.0 if output and max(waits) == latency else math.inf


CASES = [
    Case("decider", lambda: EventDecoder(("a", "b"), CAREFUL), PROBABILITIES, by_step, sizes=(0, 1, 2, 7, 100)),
    *(
        Case(
            f"decider, {name}",
            partial(EventDecoder, ("a", "b"), config),
            PROBABILITIES,
            by_step,
            sizes=(0, 1, 2, 7, 100),
        )
        for name, config in (("gathering", GATHERING), ("early", EARLY))
    ),
]
