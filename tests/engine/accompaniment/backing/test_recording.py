"""A recording in memory: 16 bits exactly, quiet passages finer, at any rate and number of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.accompaniment.backing.recording import BackingRecording, load_backing
from engine.core.errors import AudioFileError
from engine.core.format import AudioFormat
from tests.tolerances import RESAMPLED

RATE = 44100
MONO = AudioFormat(sample_rate=RATE, n_channels=1)


def whole(recording: BackingRecording, n: int, start: int = 0) -> np.ndarray:
    out = np.zeros((n, recording.audio.n_channels), np.float32)
    recording.read(start, out)
    return out


def test_sixteen_bits_are_kept() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, (50_000, 1)).astype(np.float32) / 32768
    recording = BackingRecording(MONO, np.array_split(samples, 7))
    assert len(recording) == 50_000
    assert np.array_equal(whole(recording, 50_000), samples)
    assert np.array_equal(whole(recording, 100, 30_000), samples[30_000:30_100])


def test_quiet_and_loud_passages_are_kept_to_their_own_scale() -> None:
    random = np.random.default_rng(1)
    for level in (1e-4, 0.01, 30.0):
        samples = (level * random.uniform(-1, 1, (9000, 1))).astype(np.float32)
        error = np.abs(whole(BackingRecording(MONO, [samples]), 9000) - samples).max()
        assert error <= 2 * max(level, 2.0**-15) / 32768


def test_silence_beyond_the_ends() -> None:
    recording = BackingRecording(MONO, [np.full((10, 1), 0.5, np.float32)])
    assert whole(recording, 14, -2)[:, 0].tolist() == [0, 0] + 10 * [0.5] + [0, 0]
    assert not whole(BackingRecording(MONO, []), 5).any()


def test_no_number_is_silence() -> None:
    samples = np.array([[np.nan], [np.inf], [0.25]], np.float32)
    assert whole(BackingRecording(MONO, [samples]), 3)[:, 0].tolist() == [0, 0, 0.25]


@pytest.mark.parametrize(("given", "asked"), [(2, 1), (1, 2), (2, 2), (4, 2), (1, 3)])
def test_channels(given: int, asked: int, tmp_path: Path) -> None:
    samples = np.random.default_rng(2).integers(-3000, 3000, (500, given)) / 32768
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="PCM_16")
    heard = whole(load_backing(tmp_path / "a.wav", AudioFormat(sample_rate=RATE, n_channels=asked)), 500)
    expected = samples if given == asked else np.repeat(samples.mean(1, keepdims=True), asked, 1)
    expected[:, 2:] = 0 if given != asked else expected[:, 2:]
    assert np.abs(heard - expected).max() < 1e-5


def test_another_rate(tmp_path: Path) -> None:
    t = np.arange(48_000) / 48_000
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 500 * t), 48_000, subtype="FLOAT")
    recording = load_backing(tmp_path / "a.wav", MONO)
    assert len(recording) == RATE
    expected = 0.5 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    assert np.abs(whole(recording, RATE)[500:-500, 0] - expected[500:-500]).max() < RESAMPLED


def test_no_recording(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"gone\.flac"):
        load_backing(tmp_path / "gone.flac", MONO)
