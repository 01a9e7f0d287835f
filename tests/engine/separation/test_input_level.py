"""The level of a network's input: found again whatever the line gives, silence not counted, steps up followed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.core.errors import ModelError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.stft import Stft
from engine.separation.config import MaskNetworkConfig
from engine.separation.input_level import MOST, InputLevel
from engine.separation.mask_network import StreamingSeparator
from tests.networks.separation import small_file
from tests.tolerances import FLOAT32

FRAMES = FrameFormat(audio=AudioFormat(sample_rate=8000, n_channels=2), n_fft=256, hop=64)
TARGET = 0.05
NOISY = 0.05  # of a mean over a second of noise, relative


def noise(seconds: float, rms: float, seed: int = 0) -> np.ndarray:
    shape = (int(seconds * 8000), 2)
    return rms * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def spectra_of(sound: np.ndarray) -> np.ndarray:
    return Stft(FRAMES, window="hann").process(sound).copy()


def factors(sound: np.ndarray, level: InputLevel | None = None) -> np.ndarray:
    """The factor at every frame."""
    level = level or InputLevel(FRAMES, "hann", TARGET)
    out = []
    for spectrum in Stft(FRAMES, window="hann").process(sound):
        magnitude = np.abs(spectrum)
        before = magnitude[0, 5]
        level.apply(magnitude)
        out.append(magnitude[0, 5] / before if before else 1.0)
    return np.array(out)


@pytest.mark.parametrize("rms", [0.001, 0.05, 0.4])
def test_noise_is_brought_to_the_target(rms: float) -> None:
    assert factors(noise(2, rms))[-1] == pytest.approx(TARGET / rms, rel=NOISY)


def test_a_quiet_line_and_a_hot_one_end_alike() -> None:
    sound = noise(1, 0.1)
    assert factors(sound * np.float32(0.125))[2:] == pytest.approx(8 * factors(sound)[2:], rel=1000 * FLOAT32)


def test_silence_is_not_counted_and_faint_sound_not_raised_without_end() -> None:
    level = InputLevel(FRAMES, "hann", TARGET)
    before = factors(noise(2, 0.1), level)[-1]
    factors(np.zeros((80_000, 2), np.float32), level)
    assert factors(noise(0.5, 0.1, seed=1), level)[-1] == pytest.approx(before, rel=NOISY)
    assert factors(np.full((800, 2), 1e-5, np.float32)).max() == 1  # nothing has sounded yet
    assert factors(noise(1, 4e-5))[-1] == MOST


def test_a_step_up_is_followed_within_a_second() -> None:
    level = InputLevel(FRAMES, "hann", TARGET)
    factors(noise(20, 0.001), level)
    after = factors(noise(1.5, 0.1, seed=1), level)
    assert after[-1] < 3 * TARGET / 0.1  # 20 dB too much for a second would be an hour's mean of 30 s


@pytest.mark.parametrize(("level", "ratio"), [(TARGET, 1), (0.0, 8)])
def test_the_network_hears_a_quiet_line_as_loud_as_a_hot_one(level: float, ratio: float) -> None:
    heard = []
    for gain in (0.2, 0.025):
        node = StreamingSeparator(MaskNetworkConfig(model=small_file(level=level)), n_channels=2)
        cleaned, magnitude = np.zeros((2, 129), np.complex64), np.zeros((2, 129), np.float32)
        for spectrum in spectra_of(noise(1, gain)):
            node.prepare(spectrum, cleaned, magnitude)
            assert np.array_equal(cleaned, spectrum)  # what the masks are laid on stays as it came
        heard.append(magnitude)
    assert heard[0] == pytest.approx(ratio * heard[1], rel=100 * FLOAT32)


def test_reset_forgets_the_level() -> None:
    node = StreamingSeparator(MaskNetworkConfig(model=small_file(level=TARGET)), n_channels=2)
    spectra = spectra_of(noise(1, 0.1))
    first = node.process(spectra * np.float32(0.01)).copy()
    node.process(spectra)
    node.reset()
    assert np.array_equal(node.process(spectra * np.float32(0.01)), first)


@pytest.mark.parametrize("level", ["loud", 2, -1, True])
def test_an_unfit_level_is_one_line(level: object, tmp_path: Path) -> None:

    model = onnx.load(str(small_file()))
    next(entry for entry in model.metadata_props if entry.key == "level").value = json.dumps(level)
    onnx.save(model, str(tmp_path / "odd.onnx"))
    with pytest.raises(ModelError, match="a level from 0 to 1"):
        StreamingSeparator(MaskNetworkConfig(model=tmp_path / "odd.onnx"), n_channels=2)
