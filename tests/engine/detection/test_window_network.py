"""Networks of others: their front end beside formulas written anew, their card, their classes, what does not fit."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import onnxruntime
import pytest

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.core.errors import ModelError
from engine.core.events import Sound
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector, detection_latency
from engine.detection.event_decoder import DecisionConfig
from engine.detection.front_end import MelFrames, front_end_weights
from engine.detection.window_network import WindowProbabilities
from offline.detection.tagging import Tagger
from tests.networks.windows import NAMES, front_end, window_network_file

MONO = AudioFormat(sample_rate=8000, n_channels=1)
NOISE = (0.2 * np.random.default_rng(2).standard_normal((4000, 1))).astype(np.float32)
PLAIN = DecisionConfig(median=1)


@pytest.mark.parametrize(
    ("more", "norm"), [({}, None), ({"scale": "slaney", "norm": "area", "power": 2, "log": "decibel"}, "slaney")]
)
def test_frames_are_those_of_librosa(more: dict[str, object], norm: str | None) -> None:
    front = front_end(low_hz=60.0, high_hz=3800.0, **more)
    bank = librosa.filters.mel(
        sr=8000, n_fft=256, n_mels=12, fmin=60, fmax=3800, htk=not more, norm=norm, dtype=np.float64
    )
    padded = np.pad(NOISE[:, 0].astype(np.float64), (80, 0))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 160)[::80][: len(NOISE) // 80]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(160) / 160)
    magnitude = np.abs(np.fft.rfft(frames * hann, 256)) ** (2 if more else 1)
    if more:
        assert np.abs(front_end_weights(front) - bank).max() < 1e-6
        expected = 10 * np.log10(np.maximum(magnitude @ bank.T + 0.01, 1e-10))
    else:  # triangles over mels, as TensorFlow draws them, not over hertz
        mel = 1127 * np.log1p(np.arange(129) * 8000 / 256 / 700)
        edges = np.linspace(*(1127 * np.log1p(np.array([60, 3800]) / 700)), 14)
        bank = np.stack([np.interp(mel, edges[k : k + 3], [0, 1, 0]) for k in range(12)])
        expected = np.log(magnitude @ bank.T + 0.01)
    found = MelFrames(front, MONO).process(NOISE)
    assert found.shape == expected.shape == (50, 12)
    assert np.abs(found - expected).max() < 2e-4 * np.abs(expected).max()


@pytest.mark.parametrize("n_mels", [12, 0])
@pytest.mark.parametrize("described", [True, False])
def test_rows_are_the_networks_on_each_window(n_mels: int, described: bool) -> None:
    """The card beside the file, with the classes in a CSV, says the same as metadata."""
    path = window_network_file(n_mels, described=described)
    node = WindowProbabilities(SoundConfig(model=path), MONO)
    assert node.classes == NAMES
    rows = np.concatenate([node.process(NOISE[at : at + 333]).copy() for at in range(0, 4000, 333)])
    session = onnxruntime.InferenceSession(path)
    front = node.front
    padded = np.pad(NOISE[:, 0], (front.window, 0))
    if n_mels:
        frames = np.concatenate(
            [np.tile(MelFrames(front, MONO).silence(), (10, 1)), MelFrames(front, MONO).process(NOISE)]
        )
    for k, row in enumerate(rows):
        if n_mels:
            window = frames[10 + 5 * (k + 1) - 10 : 10 + 5 * (k + 1)]
        else:
            window = padded[front.window + 400 * (k + 1) - front.window : front.window + 400 * (k + 1)]
        logits = session.run(None, {"x": window[None]})[0][0].astype(np.float64)
        assert row == pytest.approx(1 / (1 + np.exp(-np.clip(logits, -80, 80))), abs=1e-5)
    assert len(rows) == 10


def test_events_come_within_the_declared_latency_and_tags_of_files_too(tmp_path: Path) -> None:
    config = SoundConfig(model=window_network_file(), decision=PLAIN)
    swell = NOISE * np.abs(np.sin(np.arange(4000) / 400))[:, None].astype(np.float32)
    node = SoundDetector(config, MONO)
    assert node.latency == detection_latency(config, MONO)
    sounds = [event for event in node.process(swell) if isinstance(event, Sound)]
    assert sounds
    assert all(event.emitted_at - event.at <= node.latency or event.at == 0 for event in sounds)
    assert Tagger(config).classes == NAMES


def test_what_does_not_fit_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = window_network_file(described=False)
    for name, text, said in (
        ("none", "", "kind"),
        ("classes", 'classes = ["a", "a", "b"]\n', "different class names"),
        ("front", 'classes = ["a", "b", "c"]\n[front_end]\nsample_rate = 8000\n', "front_end"),
        ("few", given.with_suffix(".toml").read_text().replace('"map.csv"', '["a", "b"]'), "2 scores"),
        ("shape", given.with_suffix(".toml").read_text().replace("frames = 10", "frames = 11"), "one input of"),
    ):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(given.read_bytes())
        if text:
            path.with_suffix(".toml").write_text(text)
            (tmp_path / "map.csv").write_text(given.with_name("map.csv").read_text())
        with pytest.raises(ModelError, match=said):
            SoundDetector(SoundConfig(model=path), MONO)
    assert main(["tag", str(tmp_path / "no.wav"), "--model", str(tmp_path / "none.onnx")]) == USER_ERROR
    assert len(capsys.readouterr().err.strip().splitlines()) <= 2
