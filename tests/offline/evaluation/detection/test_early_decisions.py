"""A sound is told early where a network is soon half sure, and that is given up where it invents too many."""

from __future__ import annotations

import numpy as np
import pytest

from engine.detection.event_decoder import DecisionConfig, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP
from offline.evaluation.detection.early_decisions import retracted_per_hour, retracted_share, with_early_reports
from offline.evaluation.detection.sound_events_tuning import QuietScenes

CLASSES = ("dog",)
BASE = DecisionConfig(median=1, alignment="causal", threshold=0.9, release=0.5)


def told(config: DecisionConfig, values: list[float]) -> list[tuple[int, bool, bool]]:
    found = EventDecoder(CLASSES, config).process(np.array(values, np.float32)[:, None])
    return [(change.known, change.active, change.retracted) for change in found]


def test_the_lowest_threshold_within_what_may_be_taken_back() -> None:
    """Ten blips of 0.45 and one of 0.75, three steps long, in 40 scenes: 135 and 14 an hour."""
    quiet = np.zeros((40, 100, 1), np.float32)
    quiet[::4, 20:23], quiet[1, 50:53] = 0.45, 0.75
    hours = QuietScenes(quiet, 0.0)
    an_hour = 3600 / (40 * 100 * STEP / SOUND_RATE)
    bold, careful, strict = (with_early_reports(BASE, hours, CLASSES, n * an_hour) for n in (11, 1, 0))
    assert [config.early for config in (bold, careful, strict)] == [{"dog": 0.2}, {"dog": 0.5}, {"dog": 0.8}]
    assert retracted_per_hour(bold, hours, CLASSES) == pytest.approx([11 * an_hour])
    bark = [0.0, 0.45, 0.6, 0.85, 0.96, 0.96, 0.05]
    assert [told(config, bark)[0] for config in (bold, careful, strict, BASE)] == [
        (step, True, False) for step in (1, 2, 3, 4)
    ]
    assert {told(config, bark)[-1] for config in (bold, careful, strict, BASE)} == {(6, False, False)}


def test_what_is_often_taken_back_where_the_class_sounds_is_too_early() -> None:
    """Of 0.45, nine of twelve reports are retracted; of 0.75, none of three."""
    quiet = QuietScenes(np.zeros((4, 100, 1), np.float32), 0.0)
    heard = np.zeros((12, 100, 1), np.float32)
    heard[:, 20:23] = 0.45
    heard[:3, 22:40], heard[:3, 23:40] = 0.75, 0.95
    bold, careful = (with_early_reports(BASE, quiet, CLASSES, 0.0, of) for of in (None, heard))
    assert [config.early for config in (bold, careful)] == [{"dog": 0.2}, {"dog": 0.5}]
    assert retracted_share(bold, heard, CLASSES) == pytest.approx([9 / 12])
    assert retracted_share(careful, heard, CLASSES) == pytest.approx([0.0])
