"""Windows, transforms and what they keep out."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal

from engine.core.errors import ConfigError, ShapeError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.stft import Istft, Stft
from engine.dsp.window import WINDOWS, overlap_sum, synthesis_window, window
from tests.tolerances import FLOAT32

RNG = np.random.default_rng(3)
SCIPY_NAMES = {"rectangular": "boxcar", "sine": "cosine"}


def frames(n_channels: int = 2, n_fft: int = 1024, hop: int = 256) -> FrameFormat:
    return FrameFormat(audio=AudioFormat(sample_rate=44100, n_channels=n_channels), n_fft=n_fft, hop=hop)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "rectangular"])
@pytest.mark.parametrize("n_fft", [16, 400, 1023])
def test_windows_are_scipys(name: str, n_fft: int) -> None:
    expected = scipy.signal.get_window(SCIPY_NAMES.get(name, name), n_fft, fftbins=True)
    np.testing.assert_allclose(window(name, n_fft), expected, atol=FLOAT32)


def test_sine_is_the_root_of_hann() -> None:
    np.testing.assert_allclose(window("sine", 512) ** 2, window("hann", 512), atol=FLOAT32)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (512, 100), (400, 150), (513, 64)])
def test_analysis_times_synthesis_adds_up_to_one(name: str, n_fft: int, hop: int) -> None:
    product = window(name, n_fft).astype(float) * synthesis_window(name, n_fft, hop)
    np.testing.assert_allclose(overlap_sum(product, hop), 1, atol=FLOAT32)


def test_a_hop_with_gaps_is_refused_and_one_that_works_is_named() -> None:
    with pytest.raises(ConfigError, match="try 512") as caught:
        Stft(frames(hop=1024))
    works = int(caught.value.remedy.split()[-1])
    Istft(frames(hop=works))
    with pytest.raises(ConfigError, match="overlap without gaps"):
        synthesis_window("hann", 1024, 900)


def test_an_unknown_window_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="hann, hamming"):
        Stft(frames(), window="kaiser")


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_spectra_are_librosas(n_channels: int) -> None:
    form = frames(n_channels)
    audio = RNG.standard_normal((20_000, n_channels)).astype(np.float32)
    padded = np.pad(audio.T.astype(float), ((0, 0), (form.latency, 0)))
    expected = librosa.stft(padded, n_fft=1024, hop_length=256, center=False).transpose(2, 0, 1)
    given = Stft(form).process(audio)
    assert np.abs(given - expected).max() <= FLOAT32 * expected.std()


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (1024, 300), (777, 111), (64, 1)])
def test_audio_comes_back(name: str, n_fft: int, hop: int) -> None:
    form = frames(2, n_fft, hop)
    audio = RNG.standard_normal((3000, 2)).astype(np.float32)
    back = Istft(form, window=name).process(Stft(form, window=name).process(audio))
    late = form.latency
    assert np.all(np.abs(back[:late]) <= FLOAT32)
    assert np.abs(back[late:] - audio[: len(back) - late]).max() <= FLOAT32 * audio.std()


def test_targets_are_transformed_each_by_itself() -> None:
    form = frames()
    spectra = (RNG.standard_normal((9, 3, 2, 513)) + 1j * RNG.standard_normal((9, 3, 2, 513))).astype(np.complex64)
    stems = Istft(form, n_targets=3).process(spectra)
    assert stems.shape == (9 * 256, 3, 2)
    for j in range(3):
        alone = Istft(form).process(spectra[:, j])
        assert np.abs(stems[:, j] - alone).max() <= FLOAT32 * alone.std()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -(2.0**20 + 1)])
def test_what_is_no_sound_is_silence(bad: float) -> None:
    audio = RNG.standard_normal((4000, 2)).astype(np.float32)
    silenced = audio.copy()
    silenced[1000:1003, 1] = 0
    audio[1000:1003, 1] = bad
    np.testing.assert_array_equal(Stft(frames()).process(audio), Stft(frames()).process(silenced))


def test_any_layout_and_type_of_block_is_taken() -> None:
    audio = RNG.standard_normal((2, 4000))
    expected = Stft(frames()).process(np.ascontiguousarray(audio.T, np.float32)).copy()
    np.testing.assert_array_equal(Stft(frames()).process(audio.T), expected)
    fixed = np.ascontiguousarray(audio.T, np.float32)
    fixed.flags.writeable = False
    np.testing.assert_array_equal(Stft(frames()).process(fixed), expected)


def test_another_number_of_channels_is_one_clear_line() -> None:
    with pytest.raises(ShapeError, match=r"Stft: expected \(time, 2\), got \(100, 3\)"):
        Stft(frames()).process(np.zeros((100, 3), np.float32))
    with pytest.raises(ShapeError, match=r"Istft: expected \(time, 2, 513\)"):
        Istft(frames()).process(np.zeros((4, 2, 512), np.complex64))
