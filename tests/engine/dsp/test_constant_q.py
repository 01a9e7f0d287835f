"""The constant-Q transform against librosa, at several rates, and its instants."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from engine.core.errors import ConfigError, ShapeError
from engine.core.format import AudioFormat
from engine.dsp.constant_q import C2_HZ, Cqt, CqtConfig, frequencies, lengths_s, make_plan
from engine.dsp.harmonic import HARMONICS, Hcqt, HcqtConfig, harmonic_bins
from tests.tolerances import CONSTANT_Q, FLOAT32


def mono(rate: int) -> AudioFormat:
    return AudioFormat(sample_rate=rate, n_channels=1)


def music(rate: int, seconds: float = 4.0) -> np.ndarray:
    """Tones that come and go, and noise."""
    rng = np.random.default_rng(0)
    time_s = np.arange(int(seconds * rate)) / rate
    out = 0.02 * rng.standard_normal(len(time_s))
    for hz in np.geomspace(70, 3900, 20):
        out += 0.1 * np.sin(2 * np.pi * hz * time_s + hz) * (np.sin(time_s * rng.uniform(1, 6)) > 0)
    return out.astype(np.float32)


def centred(config: CqtConfig, audio: np.ndarray, rate: int) -> np.ndarray:
    """Frames centred at sample 0, hop, 2 * hop ... as librosa has them."""
    cqt = Cqt(config, mono(rate))
    silence = -cqt.latency % cqt.hop
    out = cqt.process(np.concatenate([np.zeros(silence), audio, np.zeros(cqt.latency)]).astype(np.float32)[:, None])
    return out[(cqt.latency + silence) // cqt.hop - 1 :][: len(audio) // cqt.hop + 1]


@pytest.mark.parametrize(("bins", "gamma"), [(12, 0.0), (24, 0.0), (24, 8.0), (36, 3.0)])
def test_windows_are_as_long_as_librosas(bins: int, gamma: float) -> None:
    config = CqtConfig(bins_per_octave=bins, gamma=gamma)
    theirs, _ = librosa.filters.wavelet_lengths(freqs=frequencies(config), sr=1.0, gamma=gamma)
    assert np.abs(lengths_s(config) / theirs - 1).max() <= FLOAT32
    assert frequencies(config)[0] == pytest.approx(librosa.note_to_hz("C2"))


@pytest.mark.parametrize(
    "config",
    [CqtConfig(), CqtConfig(gamma=4.0), CqtConfig(bins_per_octave=36, n_octaves=4), CqtConfig(low_hz=110.0)],
    ids=["the paper's", "variable Q", "36 bins an octave", "from A2"],
)
def test_magnitudes_are_librosas(config: CqtConfig) -> None:
    """Away from both ends; librosa's kernels have whole numbers of samples at each octave's own rate, ours do not."""
    rate, audio = 22050, music(22050)
    theirs = librosa.vqt(
        audio, sr=rate, hop_length=512, fmin=config.low_hz, n_bins=config.n_bins, gamma=config.gamma,
        bins_per_octave=config.bins_per_octave, scale=False, sparsity=0, tuning=0,
    )  # fmt: skip
    expected = np.abs(theirs).T / (lengths_s(config) * rate)
    ours = centred(config, audio, rate)
    inside = slice(30, len(ours) - 30)
    error = np.linalg.norm(ours[inside] - expected[inside]) / np.linalg.norm(expected[inside])
    assert error <= CONSTANT_Q


def test_every_rate_gives_the_same() -> None:
    """A chord at five rates, decimated by 1 to 8: the same magnitudes, a tone's amplitude halved at its bin."""
    found = []
    for rate in (11025, 16000, 22050, 44100, 96000):
        time_s = np.arange(2 * rate) / rate
        tones = sum(np.sin(2 * np.pi * hz * time_s) for hz in (C2_HZ * 2, 440.0, 1500.0))
        cqt = Cqt(CqtConfig(), mono(rate))
        found.append(cqt.process((0.2 * tones).astype(np.float32)[:, None])[50].copy())
    assert make_plan(CqtConfig(), mono(96000)).decimation == 8
    assert max(np.abs(row - found[0]).max() for row in found) <= CONSTANT_Q * found[0].max()
    assert found[0][24] == pytest.approx(0.1, rel=CONSTANT_Q)


def test_bins_that_a_rate_cannot_hold_are_silent() -> None:
    noise = np.random.default_rng(0).standard_normal((8000, 1)).astype(np.float32)
    out = Cqt(CqtConfig(n_octaves=7), mono(8000)).process(noise)
    hz = frequencies(CqtConfig(n_octaves=7))
    assert np.all(out[:, hz > 4000] == 0)
    assert np.all(out[20:, hz < 3500] > 0)


@pytest.mark.parametrize("rate", [22050, 44100])
def test_a_click_is_heard_when_it_is(rate: int) -> None:
    """The frame whose centre is nearest a click has most of it in every bin, whatever the window's length."""
    config = CqtConfig(hop_s=0.005, n_octaves=5)
    cqt = Cqt(config, mono(rate))
    audio = np.zeros((2 * rate, 1), np.float32)
    frame = 150
    audio[cqt.centre(frame)] = 1.0
    assert np.all(np.abs(cqt.process(audio).argmax(axis=0) - frame) <= 0)


def test_look_ahead_bounds_the_latency_and_leaves_the_treble_alone() -> None:
    audio = mono(22050)
    patient, hasty = Cqt(CqtConfig(), audio), Cqt(CqtConfig(look_ahead_s=0.04), audio)
    assert patient.latency >= 0.26 * 22050
    assert hasty.latency <= 0.05 * 22050
    sound = music(22050)[:, None]
    shift = (patient.latency - hasty.latency) / patient.hop
    sound_later = np.roll(sound, round((shift - round(shift)) * patient.hop), axis=0)  # centres meet again
    a, b = patient.process(sound).copy(), hasty.process(sound_later)
    short = lengths_s(CqtConfig()) < 0.078
    n = round(shift)
    assert np.abs(a[60:140, short] - b[60 - n : 140 - n, short]).max() <= CONSTANT_Q * a.max()


def test_harmonics_lie_side_by_side() -> None:
    """A tone is harmonic h of the pitch h times lower."""
    config = HcqtConfig(look_ahead_s=0.2)
    node = Hcqt(config, mono(44100))
    time_s = np.arange(44100) / 44100
    out = node.process(np.sin(2 * np.pi * 880 * time_s).astype(np.float32)[:, None])[30].reshape(6, -1)
    pitch = round(24 * np.log2(880 / config.low_hz))
    for row, harmonic in zip(out, HARMONICS, strict=True):
        assert row.argmax() == pitch - round(24 * np.log2(harmonic))


def test_harmonics_outside_the_transform_are_silent() -> None:
    bins = harmonic_bins(HcqtConfig(n_octaves=2, above=0, bins_per_octave=12))
    assert bins.shape == (6, 24)
    assert np.all(bins[0, :12] == 24)
    assert np.array_equal(bins[1], np.arange(24))
    assert np.all(bins[5] == 24)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="low_hz: expected kernels of at most"):
        Cqt(CqtConfig(low_hz=8.0, bins_per_octave=96, n_octaves=10), mono(96000))
    with pytest.raises(ConfigError, match="gamma"):
        CqtConfig(gamma=-1.0)
    with pytest.raises(ShapeError, match="Cqt"):
        Cqt(CqtConfig(), mono(22050)).process(np.zeros((10, 2), np.float32))
