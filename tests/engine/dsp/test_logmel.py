"""Log-mel against librosa, and where a tone lands."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from engine.core.errors import ConfigError, ShapeError
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.dsp.logmel import LogMel, LogMelConfig, hz_to_mel, mel_to_hz, mel_weights
from engine.dsp.stft import Stft
from tests.tolerances import FLOAT32

FRAMES = FrameFormat(audio=AudioFormat(sample_rate=22050, n_channels=1), n_fft=2048, hop=366)


@pytest.mark.parametrize(("low", "high", "n_mels"), [(0, 0, 128), (40, 8000, 64), (300, 11025, 80)])
def test_the_table_is_librosas(low: float, high: float, n_mels: int) -> None:
    ours = mel_weights(FRAMES, LogMelConfig(n_mels=n_mels, low_hz=low, high_hz=high))
    theirs = librosa.filters.mel(sr=22050, n_fft=2048, n_mels=n_mels, fmin=low, fmax=high or 11025)
    assert np.abs(ours - theirs).max() <= FLOAT32 * theirs.std()


def test_log_mel_is_librosas() -> None:
    audio = np.random.default_rng(0).standard_normal(22050).astype(np.float32)
    ours = Chain(Stft(FRAMES), LogMel(FRAMES, LogMelConfig())).process(audio[:, None])
    padded = np.concatenate([np.zeros(FRAMES.latency, np.float32), audio])
    mel = librosa.feature.melspectrogram(
        y=padded.astype(np.float64), sr=22050, n_fft=2048, hop_length=366, center=False, power=1.0, n_mels=128
    )
    theirs = np.log(1e-5 + mel.T)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= FLOAT32 * theirs.std()


def test_a_tone_lands_in_its_band() -> None:
    time_s = np.arange(22050) / 22050
    features = Chain(Stft(FRAMES), LogMel(FRAMES, LogMelConfig())).process(
        np.sin(2 * np.pi * 3000 * time_s).astype(np.float32)[:, None]
    )
    centres = mel_to_hz(np.linspace(0, hz_to_mel(11025), 130))[1:-1]
    assert features[30].argmax() == np.abs(centres - 3000).argmin()


def test_silence_is_the_floor() -> None:
    features = LogMel(FRAMES, LogMelConfig()).process(np.zeros((2, 1, 1025), np.complex64))
    assert np.allclose(features, np.log(1e-5))


def test_bad_settings_and_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="high_hz: expected above low_hz 500"):
        mel_weights(FRAMES, LogMelConfig(low_hz=500, high_hz=400))
    with pytest.raises(ConfigError, match="up to 11025"):
        mel_weights(FRAMES, LogMelConfig(high_hz=16000))
    with pytest.raises(ShapeError, match="1025 bins"):
        LogMel(FRAMES, LogMelConfig()).process(np.zeros((2, 1, 513), np.complex64))
