"""Features against librosa, and what they say of known sounds."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from engine.core.config import ConfigError
from engine.core.errors import ShapeError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.features import Chroma, FeatureConfig, SpectralFeatures
from engine.dsp.filterbank import band_centres, band_weights, chroma_weights
from engine.dsp.stft import Stft
from tests.tolerances import FLOAT32


def frames(rate: int = 44100, n_fft: int = 2048, hop: int = 512, n_channels: int = 1) -> FrameFormat:
    return FrameFormat(audio=AudioFormat(sample_rate=rate, n_channels=n_channels), n_fft=n_fft, hop=hop)


def spectra(audio: np.ndarray, form: FrameFormat) -> np.ndarray:
    return Stft(form).process(audio.astype(np.float32).reshape(len(audio), -1)).copy()


@pytest.mark.parametrize(("rate", "n_fft"), [(44100, 2048), (44100, 4096), (22050, 1024), (8000, 512), (96000, 8192)])
def test_the_chroma_map_is_librosas(rate: int, n_fft: int) -> None:
    theirs = librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=0)
    assert np.abs(chroma_weights(frames(rate, n_fft)) - theirs).max() <= FLOAT32 * theirs.std()


def test_chroma_is_librosas() -> None:
    form = frames()
    t = np.arange(44100) / 44100
    sound = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 277.18, 329.63, 660))
    given = spectra(sound + 0.01 * np.random.default_rng(0).standard_normal(len(t)), form)
    theirs = librosa.feature.chroma_stft(
        S=np.abs(given[:, 0].T.astype(np.complex128)) ** 2, sr=44100, n_fft=2048, tuning=0
    )
    assert np.abs(Chroma(form).process(given).T - theirs).max() <= FLOAT32 * theirs.std()


def test_a_tone_is_loudest_in_its_pitch_class() -> None:
    form = frames()
    for pitch in range(60, 72):
        t = np.arange(8192) / 44100
        chroma = Chroma(form).process(spectra(np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t), form))
        assert chroma[-1].argmax() == pitch % 12


def test_bands_cover_the_range_without_holes() -> None:
    for form in (frames(), frames(8000, 512, 128), frames(96000, 4096, 1024)):
        centres = band_centres(form, low_hz=55, high_hz=6000, bands_per_octave=12)
        weights = band_weights(form, centres, 12)
        hz = np.arange(form.n_bins) * form.audio.sample_rate / form.n_fft
        inside = (hz >= centres[0]) & (hz <= centres[-1])
        assert (weights[:, inside].sum(axis=0) > 0.5).all()
        assert (weights.max(axis=1) > 0.2).all()


def onset_strength(features: np.ndarray) -> np.ndarray:
    return np.linalg.norm(features[:, features.shape[1] // 2 :], axis=1)


@pytest.mark.parametrize("kind", ["bands", "chroma"])
def test_an_onset_is_felt_once_where_it_is(kind: str) -> None:
    form = frames()
    t = np.arange(2 * 44100) / 44100
    sound = 0.3 * np.sin(2 * np.pi * 440 * t) + np.where(t >= 1.0, 0.3 * np.sin(2 * np.pi * 660 * (t - 1)), 0)
    strength = onset_strength(SpectralFeatures(form, FeatureConfig(kind=kind)).process(spectra(sound, form)))
    strength[:10] = 0  # the first tone's own onset
    felt = form.centre(int(strength.argmax())) / 44100
    assert felt == pytest.approx(1.0, abs=2 * form.hop / 44100)
    away = np.abs(np.arange(len(strength)) - strength.argmax()) > 4
    assert strength[away].max() < 0.1 * strength.max()


def test_level_does_not_matter() -> None:
    form = frames()
    sound = np.random.default_rng(3).standard_normal(44100)
    loud, quiet = (
        SpectralFeatures(form, FeatureConfig()).process(spectra(g * sound, form)).copy() for g in (0.5, 0.01)
    )
    whole = FeatureConfig().lag + form.n_fft // form.hop  # before, what may be the noise of a room is no onset
    assert np.abs(loud - quiet)[whole:].max() <= 1e-4 * loud.max()


@pytest.mark.parametrize(("level_db", "felt"), [(-100.0, False), (-80.0, False), (-60.0, False), (-20.0, True)])
def test_the_noise_of_a_room_does_not_begin_with_the_recording(level_db: float, felt: bool) -> None:
    form, noise = frames(), np.random.default_rng(4).standard_normal(44100)
    strength = onset_strength(
        SpectralFeatures(form, FeatureConfig()).process(spectra(10 ** (level_db / 20) * noise, form))
    )
    later = strength[20:].max()  # what noise rises by anyway
    assert (strength[:20].max() > 2 * later) == felt


def test_a_tone_at_the_very_beginning_is_an_onset() -> None:
    form, t = frames(), np.arange(44100) / 44100
    sound = 0.1 * np.sin(2 * np.pi * 440 * t)
    strength = onset_strength(SpectralFeatures(form, FeatureConfig()).process(spectra(sound, form)))
    assert strength[:10].max() > 1 > strength[10:].max()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="1025 bins"):
        SpectralFeatures(frames(), FeatureConfig()).process(np.zeros((1, 1, 100), np.complex64))
    with pytest.raises(ConfigError, match="one of bands, chroma"):
        FeatureConfig(kind="mel")
