"""Probabilities to events: medians, hysteresis and durations on answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import medfilt

from engine.core.errors import ConfigError, ShapeError
from engine.detection.event_decoder import DecisionConfig, EventDecoder, SoundChange

ONE = ("dog",)


def changes(values: list[float], **options: object) -> list[tuple[int, int, bool]]:
    """(step, known, active) of one class."""
    config = DecisionConfig(**{"median": 1, **options})  # type: ignore[arg-type]
    found = EventDecoder(ONE, config).process(np.array(values, np.float32)[:, None])
    return [(c.step, c.known, c.active) for c in found]


def test_a_threshold_alone_answers_at_once() -> None:
    assert changes([0.1, 0.5, 0.9, 0.4]) == [(1, 1, True), (3, 3, False)]


def test_hysteresis_holds_on_above_the_release() -> None:
    values = [0.6, 0.4, 0.3, 0.24, 0.6]
    assert changes(values, release=0.5) == [(0, 0, True), (3, 3, False), (4, 4, True)]


def test_a_sound_must_last_and_quiet_too() -> None:
    values = [0.9, 0.0, 0.9, 0.9, 0.0, 0.9, 0.0, 0.0]
    assert changes(values, shortest=2, hold=2) == [(2, 3, True), (6, 7, False)]


def test_a_centred_median_waits_and_a_causal_one_lags() -> None:
    values = [0.0, 0.9, 0.9, 0.9, 0.0, 0.0, 0.0]
    assert changes(values, median=3) == [(1, 2, True), (4, 5, False)]
    assert changes(values, median=3, alignment="causal") == [(2, 2, True), (5, 5, False)]


def test_the_report_carries_the_largest_median() -> None:
    found = EventDecoder(ONE, DecisionConfig(median=1, shortest=3)).process(np.array([[0.6], [0.8], [0.7]], np.float32))
    assert found == [SoundChange(0, 2, 0, True, pytest.approx(0.8))]


def test_evidence_gathers_below_the_threshold() -> None:
    """0.8 speaks with ln 4 = 1.386: three steps make 4, two of which a step of 0.2 takes back."""
    gathers: dict[str, object] = {"threshold": 0.9, "accumulated_log_odds": 4.0, "release": 0.5}
    assert changes([0.1, 0.8, 0.8, 0.8, 0.1], **gathers) == [(1, 3, True), (4, 4, False)]
    assert changes([0.8, 0.8, 0.2, 0.8, 0.8], **gathers) == [(0, 4, True)]
    assert changes([0.8, 0.2, 0.8, 0.2, 0.8], **gathers) == []


def test_what_is_told_by_its_threshold_began_with_its_evidence() -> None:
    values = [0.1, 0.6, 0.6, 0.95]
    assert changes(values, threshold=0.9) == [(3, 3, True)]
    assert changes(values, threshold=0.9, accumulated_log_odds=100.0) == [(1, 3, True)]


def test_a_beginning_is_looked_for_within_reach() -> None:
    gathers: dict[str, object] = {"threshold": 0.9, "accumulated_log_odds": 8.0, "release": 0.5}
    assert changes([0.8] * 8, **gathers) == [(0, 5, True)]
    assert changes([0.8] * 8, **gathers, reach=3) == [(3, 5, True)]
    assert DecisionConfig(median=1, accumulated_log_odds=1.0, reach=3).wait == 2
    assert DecisionConfig(median=1, log_odds_by_label={"dog": 1.0}, reach=3, onset_lag=2).wait == 4


def test_evidence_of_single_classes_and_none_beside_a_threshold_for_all() -> None:
    config = DecisionConfig(median=1, threshold=0.9, log_odds_by_label={"cat": 2.0})
    found = EventDecoder(("cat", "dog"), config).process(np.full((2, 2), 0.8, np.float32))
    assert [(c.step, c.known, c.label) for c in found] == [(0, 1, 0)]
    assert EventDecoder(("cat", "dog"), config.by_threshold(0.85)).process(np.full((9, 2), 0.8, np.float32)) == []
    with pytest.raises(ConfigError, match="log_odds_by_label: expected labels among dog, got cat"):
        EventDecoder(ONE, config)
    with pytest.raises(ConfigError, match="log-odds of cat"):
        DecisionConfig(log_odds_by_label={"cat": -1})


def test_a_threshold_may_change_while_it_runs() -> None:
    """The same steps, cut anywhere, as long as the threshold changes at the same one; evidence then says nothing."""
    rows = np.full((40, 2), 0.4, np.float32)
    config = DecisionConfig(threshold=0.5, accumulated_log_odds=5.0, median=1)
    outputs = []
    for size in (20, 7, 1):
        decoder, out = EventDecoder(("a", "b"), config), []
        for start in range(0, 20, size):
            out += decoder.process(rows[start : min(start + size, 20)])
        decoder.set_threshold("a", 0.3)
        decoder.set_threshold("nobody", 0.1)
        for start in range(20, 40, size):
            out += decoder.process(rows[start : start + size])
        outputs.append([(change.step, change.label, change.active) for change in out])
    assert outputs == [[(20, 0, True)]] * 3


def test_thresholds_of_single_classes() -> None:
    config = DecisionConfig(median=1, thresholds={"cat": 0.2})
    found = EventDecoder(("cat", "dog"), config).process(np.full((1, 2), 0.3, np.float32))
    assert [c.label for c in found] == [0]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 7]), st.lists(st.integers(0, 9), min_size=1).filter(any))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_it_is_the_published_filter_whatever_the_cut(seed: int, median: int, sizes: list[int]) -> None:
    probability = np.random.default_rng(seed).random((60, 2)).astype(np.float32)
    decider, found, at, turn = EventDecoder(("a", "b"), DecisionConfig(median=median)), [], 0, 0
    half = median // 2
    padded = np.concatenate([probability, np.zeros((half, 2), np.float32)])
    while at < len(padded):
        found += decider.process(padded[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    active = np.zeros((60, 2), int)
    for change in found:
        active[max(change.step, 0) :, change.label] = change.active
        assert change.known - change.step <= decider.latency
    decided = np.stack([medfilt((probability[:, c] >= 0.5).astype(float), median) for c in range(2)], 1)
    assert (active == decided).all()


def test_reset_forgets() -> None:
    decider = EventDecoder(ONE, DecisionConfig(median=3))
    values = np.random.default_rng(1).random((40, 1)).astype(np.float32)
    first = decider.process(values)
    decider.reset()
    assert decider.process(values) == first


def test_no_number_is_no_sound() -> None:
    assert changes([float("nan"), -1.0, float("inf"), 0.0]) == [(2, 2, True), (3, 3, False)]


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"median: expected an odd number.*try 5"):
        DecisionConfig(median=4)
    with pytest.raises(ConfigError, match="labels among dog, got cat"):
        EventDecoder(ONE, DecisionConfig(thresholds={"cat": 0.1}))
    with pytest.raises(ConfigError, match="threshold of dog"):
        DecisionConfig(thresholds={"dog": 1.5})
    with pytest.raises(ShapeError, match="1 classes"):
        EventDecoder(ONE, DecisionConfig()).process(np.zeros((3, 2), np.float32))


def test_a_known_lag_is_taken_off() -> None:
    steps = np.zeros((30, 1), np.float32)
    steps[10:20] = 1
    plain, early = (EventDecoder(("a",), DecisionConfig(median=1, onset_lag=n, offset_lag=n // 2)) for n in (0, 4))
    assert [(c.step, c.active) for c in plain.process(steps)] == [(10, True), (20, False)]
    assert [(c.step, c.known, c.active) for c in early.process(steps)] == [(6, 10, True), (18, 20, False)]
    assert early.latency == 4


def told(values: list[float], **options: object) -> list[tuple[int, int, bool, bool]]:
    """(step, known, active, retracted) of one class told from 0.3 on and confirmed at 0.8."""
    usual = {"median": 1, "threshold": 0.8, "early": {"dog": 0.3}, "confirm": 3}
    config = DecisionConfig(**{**usual, **options})  # type: ignore[arg-type]
    found = EventDecoder(ONE, config).process(np.array(values, np.float32)[:, None])
    return [(c.step, c.known, c.active, c.retracted) for c in found]


def test_what_is_told_early_stands_once_its_threshold_is_reached() -> None:
    once = [(1, 1, True, False), (4, 4, False, False)]
    assert told([0.1, 0.4, 0.5, 0.9, 0.4, 0.2]) == once, "and ends as it would have without, not to be told again"
    assert told([0.9, 0.1]) == [(0, 0, True, False), (1, 1, False, False)]
    assert told([0.2, 0.2]) == []


def test_it_is_taken_back_when_its_evidence_goes_or_time_runs_out() -> None:
    assert told([0.4, 0.4, 0.1]) == [(0, 0, True, False), (2, 2, False, True)]
    late = told([0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert late == [(0, 0, True, False), (3, 3, False, True)], "and it is not told again while its evidence stays"
    assert told([0.4, 0.4, 0.4, 0.4, 0.9])[-1] == (4, 4, True, False), "but by its threshold"
    assert told([0.4, 0.4, 0.4, 0.4, 0.1, 0.4])[-1] == (5, 5, True, False), "or once its evidence had gone"


def test_a_sum_of_log_odds_confirms_too() -> None:
    """0.7 speaks with 0.847: the third step makes 2.5."""
    assert told([0.7, 0.7, 0.7, 0.1], accumulated_log_odds=2.5)[-1] == (3, 3, False, False)


def test_a_sound_shorter_than_its_least_duration_was_none() -> None:
    assert told([0.9, 0.9, 0.0], least={"dog": 3})[-1] == (2, 2, False, True)
    assert told([0.9, 0.9, 0.9, 0.0], least={"dog": 3})[-1] == (3, 3, False, False)


def test_a_threshold_set_by_hand_tells_nothing_early() -> None:
    decider = EventDecoder(ONE, DecisionConfig(median=1, threshold=0.8, early={"dog": 0.3}))
    decider.set_threshold("dog", 0.5)
    assert decider.process(np.array([[0.4], [0.45]], np.float32)) == []
    assert DecisionConfig(early={"dog": 0.1}, least={"dog": 2}).by_threshold(0.6) == DecisionConfig(threshold=0.6)
    with pytest.raises(ConfigError, match="early threshold of dog"):
        DecisionConfig(early={"dog": 2.0})
    with pytest.raises(ConfigError, match="cat"):
        EventDecoder(ONE, DecisionConfig(early={"cat": 0.2}))
