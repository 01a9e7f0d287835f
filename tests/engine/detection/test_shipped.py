"""The sound event networks that ship: their cards are true of the files, one runs live, the other over files."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from models.detection.reimport import crnn_from_onnx
from offline.datasets.soundscapes import DURATIONS_S
from offline.detection.presets import SHIPPED, SHIPPED_FOR_FILES, detect_config
from offline.detection.tagging import Tagger
from offline.run import collect_frames

pytestmark = pytest.mark.skipif(not SHIPPED.is_file(), reason="no sound event network ships yet")


@pytest.mark.parametrize("path", [SHIPPED, SHIPPED_FOR_FILES], ids=["live", "files"])
def test_the_card_is_of_this_file(path: Path) -> None:
    card = tomllib.loads(path.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "CC BY-SA 4.0" in card["licence"]
    assert set(card["metrics"]) == {"published", "whole", "live", "classes"}


def test_it_streams() -> None:
    audio = AudioFormat(sample_rate=48000, n_channels=2)
    node = SoundDetector(detect_config(None), audio)
    assert set(DURATIONS_S) < set(node.classes)
    assert len(node.classes) == 10
    assert node.latency < 1.5 * audio.sample_rate  # of a beginning that is told once its evidence has gathered
    noise = 0.01 * np.random.default_rng(0).standard_normal((2 * 48000, 2)).astype(np.float32)
    assert isinstance(collect_frames(node, noise), list)


def test_it_can_be_gone_on_from() -> None:
    assert crnn_from_onnx(SHIPPED).config.causal
    assert not crnn_from_onnx(SHIPPED_FOR_FILES).config.causal


def test_the_one_for_files_tags_silence_and_noise_of_any_length(tmp_path: Path) -> None:
    tagger = Tagger(SoundConfig(model=SHIPPED_FOR_FILES))
    for seconds in (0.1, 12):
        soundfile.write(tmp_path / "silence.wav", np.zeros(int(seconds * 44100)), 44100)
        found = tagger.tag(tmp_path / "silence.wav")
        assert not found.events
        assert np.isfinite(found.steps).all()


def test_silence_is_silent() -> None:
    """After a second, nothing begins in ten of digital silence."""
    node = SoundDetector(SoundConfig(model=SHIPPED), AudioFormat(sample_rate=22050, n_channels=1))
    events = collect_frames(node, np.zeros((11 * 22050, 1), np.float32))
    assert not [e for e in events if e.at > 22050]
