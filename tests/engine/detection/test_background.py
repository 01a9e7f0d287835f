"""Answers come a fixed number of turns later; a worker that is late repeats itself and takes the newest next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.core.events import Late
from engine.core.processor import join
from engine.detection.background import BackgroundNode, NetworkInputs
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from tests.cases.sounds import QUICK, STEREO, noise
from tests.networks.detection import small_crnn_file

WINDOW_NETWORK = dict(model=small_crnn_file(), decision=QUICK, window=20, ahead=4, block=3)


def asked(n: int) -> dict[str, np.ndarray]:
    return {"x": np.full(2, n, np.float32)}


def doubled(question: NetworkInputs) -> np.ndarray:
    return 2 * question["x"]


@pytest.mark.parametrize("threaded", [False, True])
def test_answers_come_so_many_turns_later(threaded: bool) -> None:
    with ThreadPoolExecutor(1) as pool:
        node = BackgroundNode(doubled, (2,), 3, pool if threaded else None)
        got = []
        for n in range(10):
            answer, late = node.turn(asked(n))
            assert not late
            got.append(answer[0])
            if node._running is not None:
                node._running.result()  # a worker that is in time
        assert got == [0, 0, 0, 0, 2, 4, 6, 8, 10, 12]


def test_a_late_worker_repeats_and_takes_the_newest_next() -> None:
    go, seen = threading.Event(), []

    def slow(question: NetworkInputs) -> np.ndarray:
        seen.append(int(question["x"][0]))
        assert go.wait(60)
        return doubled(question)

    with ThreadPoolExecutor(1) as pool:
        node = BackgroundNode(slow, (2,), 1, pool)
        said = [node.turn(asked(n)) for n in range(1, 5)]
        assert [(a[0], late) for a, late in said] == [(0, False), (0, True), (0, True), (0, True)]
        go.set()
        assert node._running is not None
        node._running.result()
        node.turn(asked(5))
        node._running.result()
        assert seen == [1, 5]  # those between were never asked
        answer, late = node.turn(asked(6))
        assert answer[0] == 10
        assert not late


def test_the_worker_changes_nothing_but_the_thread() -> None:
    """A detector whose worker is in time says what it says without one, so much later as it is deferred."""
    audio = noise(22050, 2)
    plain = SoundDetector(SoundConfig(**WINDOW_NETWORK), STEREO).process(audio)
    at_once = SoundDetector(SoundConfig(**WINDOW_NETWORK, background_blocks=2), STEREO)
    expected = at_once.process(audio)
    assert [(e.at, e.label) for e in expected] == [(e.at, e.label) for e in plain][: len(expected)]
    assert {e.emitted_at - p.emitted_at for e, p in zip(expected, plain, strict=False)} == {2 * 3 * 4 * 366}
    with ThreadPoolExecutor(1) as pool:
        node = SoundDetector(SoundConfig(**WINDOW_NETWORK, background_blocks=2), STEREO, worker=pool)
        outputs = []
        for start in range(0, len(audio), 512):
            outputs.append(list(node.process(audio[start : start + 512])))
            background = node.probabilities._background
            assert background is not None
            if background._running is not None:
                background._running.result()
        assert join(outputs) == expected


def test_lateness_is_told() -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait, 60)
        node = SoundDetector(SoundConfig(**WINDOW_NETWORK, background_blocks=1), STEREO, worker=pool)
        events = node.process(noise(22050, 2))
        go.set()
    late = [e for e in events if isinstance(e, Late)]
    assert sum(e.samples for e in late) == pytest.approx(2.9 * 22050, rel=0.1)


def test_a_network_with_a_state_cannot_be_deferred() -> None:
    with pytest.raises(ConfigError, match="carries its state"):
        SoundDetector(SoundConfig(model=small_crnn_file(causal=True, look_ahead=1), background_blocks=1), STEREO)
