"""From a folder of sounds to a file that the live node runs: mix, train, tune, measure, export."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.format import AudioFormat
from engine.inference.crnn import SoundConfig
from engine.inference.sounds import SoundDetector
from engine.inference.steps import SOUND_RATE
from offline.data import make_scenes
from offline.data.sounds import list_sounds
from offline.evaluate.crnn import _shrunk
from offline.train import crnn_job, crnn_release


def make_sounds(folder: Path) -> None:
    """Six sources each of a low and of a high class, and of noise to lie beneath."""
    rng = np.random.default_rng(0)
    time_s = np.arange(SOUND_RATE) / SOUND_RATE
    for label, hz in (("_background", 0), ("hum", 150), ("whistle", 2500)):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            tone = np.sin(2 * np.pi * hz * (1 + i / 20) * time_s) if hz else rng.standard_normal(SOUND_RATE)
            soundfile.write(folder / label / f"{i}.wav", 0.3 * tone, SOUND_RATE, subtype="FLOAT")


def test_a_user_s_sounds_become_a_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_sounds(tmp_path / "sounds")
    assert len(list_sounds(tmp_path / "sounds")) == 18
    for which in ("train", "validation", "test"):
        options = ["--which", which, "-n", "6", "--no-alarms"]
        make_scenes.main([str(tmp_path / "sounds"), str(tmp_path / which), *options])
    run = ["--sets", str(tmp_path / "train"), "--validation", str(tmp_path / "validation"), "--minutes", "0"]
    small = ["--filters", *["4", "4", "8", "8", "8", "8", "8"], "--causal", "--look-ahead", "1", "--batch", "4"]
    crnn_job.main([str(tmp_path / "run"), *run, *small, "--device", "cpu"])
    sets = ["--validation", str(tmp_path / "validation"), "--test", str(tmp_path / "test")]
    said = ["--data", "tones", "--licence", "CC0-1.0", "--command", "this test"]
    capsys.readouterr()
    crnn_release.main([str(tmp_path / "run" / "checkpoint.pt"), str(tmp_path / "mine.onnx"), *sets, *said])
    measured = json.loads(capsys.readouterr().out)
    assert set(measured["classes"]) == {"hum", "whistle"}
    card = tomllib.loads((tmp_path / "mine.toml").read_text())
    assert card["sha256"] == hashlib.sha256((tmp_path / "mine.onnx").read_bytes()).hexdigest()
    assert card["metrics"]["whole"] == measured["whole"]
    config = SoundConfig(model=tmp_path / "mine.onnx", decision=None)
    assert SoundDetector(config, AudioFormat(sample_rate=48000, n_channels=2)).classes == ("hum", "whistle")


def test_a_class_leans_on_all() -> None:
    """One class is best at the last threshold by a hair; all others say the first, by far."""
    values = np.array([[0.6, 0.8, 0.8], [0.3, 0.3, 0.3], [0.62, 0.2, 0.2]])
    assert values.argmax(0).tolist() == [2, 0, 0]
    assert _shrunk(values).argmax(0).tolist() == [0, 0, 0]
