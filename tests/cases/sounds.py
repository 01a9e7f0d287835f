"""Cases of sound event detection: the causal node and the node that hears windows again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engine.core.events import Sound
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.detection.crnn import SoundConfig, SoundProbabilities
from engine.detection.detector import SoundDetector
from engine.detection.embedding import Embedding
from engine.detection.event_decoder import DecisionConfig
from engine.detection.frame_clock import MEL_BANDS, STEP_FRAMES
from engine.detection.window_network import WindowProbabilities
from engine.dsp.logmel import LogMel, LogMelConfig
from engine.dsp.stft import Stft
from engine.inference.network import Network
from models.detection.config import EmbeddingInput
from tests.cases.decisions import CAREFUL
from tests.contract import Case
from tests.networks.detection import small_crnn_file
from tests.networks.embedding import embedding
from tests.networks.windows import window_network_file

QUICK = DecisionConfig(median=1)
HEARD = EmbeddingInput(name="bands", n_in=6)
STEREO = AudioFormat(sample_rate=22050, n_channels=2)
FRAMES = FrameFormat(audio=STEREO, n_fft=2048, hop=366)


def noise(rate: int, n_channels: int) -> np.ndarray:
    """Three seconds of noise that swells and stops."""
    time_s = np.arange(3 * rate)[:, None] / rate
    swell = 0.3 * np.abs(np.sin(7 * time_s)) ** 3
    return (swell * np.random.default_rng(1).standard_normal((3 * rate, n_channels))).astype(np.float32)


def by_sample(output: list[Sound], signal: np.ndarray, latency: int) -> float:
    """No event comes later than declared, and the latest comes just so late (`at` is cut to the start of the input)."""
    waits = [event.emitted_at - event.at for event in output if event.at > 0 and isinstance(event, Sound)]
    return 0.0 if waits and latency - 3 <= max(waits) <= latency else math.inf


def by_row(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    """Row k is there once `latency` samples since step k began came, and the rows are the network's on the whole."""
    node = probabilities()
    expected = whole_file(node, signal)
    rows = n = 0
    for k in range(12):
        end = max(0, node.timing.instant(k) + latency)
        rows += len(node.process(signal[n:end]))
        n = max(n, end)
        if rows < k + 1:
            return math.inf
    return float(np.abs(output - expected[: len(output)]).max())


def whole_file(node: SoundProbabilities, signal: np.ndarray) -> np.ndarray:
    """The probabilities of the whole signal in one run of the file, lined up with its steps."""
    mel = Chain(Stft(FRAMES), LogMel(FRAMES, LogMelConfig(n_mels=MEL_BANDS))).process(signal)
    network = Network(node.config.model, "crnn")
    return network.run({"mel": mel[: len(mel) // STEP_FRAMES * STEP_FRAMES]})["probability"][1:]


def probabilities() -> SoundProbabilities:
    return SoundProbabilities(SoundConfig(model=small_crnn_file(causal=True, look_ahead=1), block=2), STEREO)


def by_vector(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    """Vector j is there `latency` samples after its window's end, and there are as many as the node says."""
    node, rows, n = Embedding(embedding(), STEREO), 0, 0
    for j in range(20):
        end = node.end(j) + latency
        rows += len(node.process(signal[n:end]))
        if rows < j + 1 or rows != node.n_ready(end):
            return math.inf
        n = end
    return 0.0 if len(output) == node.n_ready(len(signal)) else math.inf


def detector(decision: DecisionConfig, audio: AudioFormat, settings: dict[str, Any]) -> Callable[[], SoundDetector]:
    causal, fused = settings.pop("causal", True), settings.pop("fused", False)
    asked = {"embeddings": (HEARD,)} if fused else {}
    model = small_crnn_file(causal=True, look_ahead=1, **asked) if causal else small_crnn_file(**asked)
    given = {"bands": embedding()} if fused else {}
    config = SoundConfig(model=model, decision=decision, embeddings=given, **settings)
    return lambda: SoundDetector(config, audio)


def by_window(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    """Row k is there once `latency` samples since step k began came, for the slowest of them no sample sooner."""
    node, rows, n, spare = windows(), 0, 0, latency
    for k in range(20):
        end = node.timing.instant(k) + latency
        rows += len(node.process(signal[n : max(end, n)]))
        n = max(end, n)
        spare = min(spare, end - node.timing.emitted(k))
        if rows < k + 1:
            return math.inf
    return 0.0 if spare == 0 else math.inf


def windows() -> WindowProbabilities:
    return WindowProbabilities(SoundConfig(model=window_network_file(12)), STEREO)


CASES = [
    Case("window probabilities", windows, noise(22050, 2), by_window),
    Case("sound probabilities", probabilities, noise(22050, 2)[: 22050 * 2], by_row),
    Case("embedding", lambda: Embedding(embedding(), STEREO), noise(22050, 2), by_vector),
    *(
        Case(
            f"sounds {name}",
            detector(decision, AudioFormat(sample_rate=rate, n_channels=n), settings),
            noise(rate, n),
            by_sample,
        )
        for name, decision, rate, n, settings in [
            ("causal", QUICK, 22050, 1, {}),
            ("careful, in blocks, stereo", CAREFUL, 22050, 2, {"block": 3}),
            ("resampled", QUICK, 48000, 2, {"guesses": 1}),
            ("by windows", QUICK, 22050, 1, {"causal": False, "window": 20, "ahead": 4, "block": 3}),
            (
                "deferred, fused",
                QUICK,
                22050,
                1,
                {"causal": False, "window": 20, "block": 3, "background_blocks": 2, "fused": True},
            ),
            ("fused", QUICK, 44100, 1, {"fused": True}),
        ]
    ),
    *(
        Case(
            f"sounds of another's network, {name}",
            partial(SoundDetector, SoundConfig(model=window_network_file(n_mels), decision=QUICK, guesses=2), audio),
            noise(audio.sample_rate, audio.n_channels),
            by_sample,
        )
        for name, n_mels, audio in (
            ("log-mel, resampled", 12, AudioFormat(sample_rate=44100, n_channels=2)),
            ("samples", 0, AudioFormat(sample_rate=8000, n_channels=1)),
        )
    ),
]
