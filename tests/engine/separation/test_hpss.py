"""Streaming and whole-file separation: against each other, the median-filter baseline and a slow twin."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.stft import Istft, Stft
from engine.separation.balance import SILENCE, balance_of
from engine.separation.config import TUNED, HpssConfig
from engine.separation.hpss import Hpss, HpssSpectra
from engine.separation.kam import LOADING
from offline.run import run
from offline.separation import backfitting
from tests.tolerances import FLOAT32

RATE = 44100
Array = npt.NDArray


def sound(n_channels: int, n: int = 2 * RATE) -> Array:
    """A chord and a noise burst every quarter second, panned apart."""
    rng = np.random.default_rng(5)
    t = np.arange(n)
    chord = sum(np.sin(2 * np.pi * f * t / RATE) for f in (220, 277.2, 329.6))
    bursts = rng.standard_normal(n) * (t % (RATE // 4) < 400) * 3
    pans = np.linspace(0.9, 0.2, n_channels), np.linspace(0.3, 0.8, n_channels)
    noise = 0.01 * rng.standard_normal((n, n_channels))
    return (chord[:, None] * pans[0] + bursts[:, None] * pans[1] + noise).astype(np.float32)


def hpss(config: HpssConfig, n_channels: int) -> Hpss:
    return Hpss(AudioFormat(sample_rate=RATE, n_channels=n_channels), config)


def baseline(audio: Array, span: int) -> Array:
    """FitzGerald 2010 in numpy and scipy, double precision: medians of each channel's powers, Wiener masks."""
    frames = HpssConfig().frames(AudioFormat(sample_rate=RATE, n_channels=audio.shape[1]))
    spectra = Stft(frames).process(np.concatenate([audio, np.zeros((frames.n_fft, audio.shape[1]), np.float32)]))
    powers = np.abs(spectra.astype(complex)) ** 2
    harmonic = scipy.ndimage.median_filter(powers, size=(span, 1, 1), mode="constant")
    percussive = scipy.ndimage.median_filter(powers, size=(1, 1, span), mode="reflect")
    mask = (harmonic + 1e-30) / (harmonic + percussive + 2e-30)
    targets = np.stack([mask * spectra, (1 - mask) * spectra], axis=1)
    return Istft(frames, n_targets=2).process(targets.astype(np.complex64))[frames.latency :][: len(audio)]


@pytest.mark.parametrize("n_channels", [1, 2])
def test_centred_it_is_the_median_filter_baseline(n_channels: int) -> None:
    audio = sound(n_channels)
    stems = run(hpss(HpssConfig(spatial=False), n_channels), audio)
    assert np.abs(stems - baseline(audio, 17)).max() <= FLOAT32 * audio.std()


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("config", [HpssConfig(spatial=False), replace(TUNED, spatial=False)])
def test_streaming_equals_the_whole_file(n_channels: int, config: HpssConfig) -> None:
    audio = sound(n_channels)
    live, whole = run(hpss(config, n_channels), audio), backfitting.separate_whole(audio, RATE, config)
    assert np.abs(live - whole).max() <= FLOAT32 * audio.std()


CONFIGS = [
    HpssConfig(),
    TUNED,
    HpssConfig(look_ahead=0, spatial=False),
    HpssConfig(iterations=3, exponent=0.5),
    HpssConfig(residual=True, margin=1.5),
    HpssConfig(residual=True, iterations=2, look_ahead=1, hop=700),
]


@pytest.mark.parametrize("n_channels", [1, 2, 4])
@pytest.mark.parametrize("config", CONFIGS)
def test_the_targets_add_up_to_the_input(n_channels: int, config: HpssConfig) -> None:
    audio = sound(n_channels, RATE)
    for stems in (run(hpss(config, n_channels), audio), backfitting.separate_whole(audio, RATE, config)):
        assert stems.shape == (RATE, len(config.targets), n_channels)
        assert np.abs(stems.sum(axis=1) - audio).max() <= FLOAT32 * audio.std()


def test_tones_are_harmonic_and_clicks_percussive() -> None:
    t = np.arange(2 * RATE)
    tone = np.sin(2 * np.pi * 440 * t / RATE).astype(np.float32)[:, None]
    click = np.zeros_like(tone)
    click[RATE] = 1
    inner = slice(RATE // 2, 3 * RATE // 2)
    power = np.sum(run(hpss(HpssConfig(), 1), tone)[inner] ** 2, axis=(0, 2))
    assert power[0] > 1000 * power[1]
    power = np.sum(run(hpss(HpssConfig(), 1), click)[inner] ** 2, axis=(0, 2))
    assert power[1] > 1000 * power[0]


def test_a_wider_margin_leaves_more_to_the_residual() -> None:
    audio = sound(2, RATE)
    left = [np.sum(run(hpss(HpssConfig(residual=True, margin=m), 2), audio)[:, 2] ** 2) for m in (1, 1.5, 3)]
    assert left[0] <= FLOAT32 * np.sum(audio**2)
    assert left[0] < left[1] < left[2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("config", [HpssConfig(), TUNED, replace(TUNED, look_ahead=0, iterations=2)])
def test_bad_samples_leave_no_trace(bad: float, config: HpssConfig) -> None:
    audio = sound(2)
    first, last = RATE // 2, RATE // 2 + 5000
    spoilt = audio.copy()
    spoilt[first:last] = bad
    stems = run(hpss(config, 2), spoilt)
    assert np.isfinite(stems).all()
    clean = np.concatenate([np.arange(first), np.arange(last, len(audio))])
    error = np.abs(stems.sum(axis=1) - audio)
    assert error[clean].max() <= FLOAT32 * audio.std()
    usual = run(hpss(config, 2), audio)
    later = last + round(0.2 * RATE)  # the medians' memory of the gap fades out
    assert np.abs(stems - usual)[later:].std() <= 0.1 * audio.std()


def twin_weights(harmonic: Array, percussive: Array, config: HpssConfig, frames: FrameFormat) -> Array:
    """The weight of the percussive estimate (frame, bin) from the first medians (frame, bin), band by band."""
    balance = balance_of(frames, config)
    bands = list(itertools.pairwise(balance.edges))
    middles = [(first + last - 1) / 2 for first, last in bands]
    running, out = np.zeros((2, len(bands))), np.ones_like(harmonic)
    for t in range(len(out) if balance.weighs else 0):
        now = [[source[t, first:last].sum() for first, last in bands] for source in (harmonic, percussive)]
        running += balance.step * (np.array(now) - running)
        ratio = (running[1] + SILENCE) / (running[0] + SILENCE)
        out[t] = np.interp(np.arange(frames.n_bins), middles, balance.typical * ratio**config.balance)
    return out


def slow_twin(spectra: Array, config: HpssConfig, frames: FrameFormat) -> Array:
    """Algorithm 1 as printed, in double precision, with the project's loading of the covariances and its balance."""
    x = spectra.astype(complex).transpose(0, 2, 1)
    n_channels = x.shape[2]
    eye = np.eye(n_channels)
    kernels = ((config.frames_harmonic, 1), "constant"), ((1, config.span_percussive), "reflect")
    sources, weights = [x / 2, x / 2], None
    for _ in range(config.passes):
        powers, covariances = [], []
        for source, (size, mode) in zip(sources, kernels, strict=True):
            traces = np.sum(np.abs(source) ** 2, axis=2)
            unit = source / np.sqrt(traces)[..., None]
            mean = n_channels * np.einsum("tfi,tfj->fij", unit, unit.conj()) / len(x)
            covariances.append((1 - LOADING) * mean + LOADING * eye)
            inverse = np.linalg.inv(covariances[-1])
            z = np.einsum("tfi,fij,tfj->tf", source.conj(), inverse, source).real / n_channels
            medians = scipy.ndimage.median_filter(z, size=size, mode=mode)
            powers.append(medians**config.exponent)
        if weights is None:
            weights = twin_weights(*powers, config, frames)
        gain = (powers[0] / (powers[0] + weights * powers[1]))[..., None, None]
        mixture = gain * covariances[0] + (1 - gain) * covariances[1]
        harmonic = (gain * covariances[0] @ np.linalg.solve(mixture, x[..., None]))[..., 0]
        sources = [harmonic, x - harmonic]
    return np.stack(sources, axis=1).transpose(0, 1, 3, 2)


BACK_FITTING = [
    *(HpssConfig(n_fft=512, iterations=n) for n in (1, 2)),
    *(replace(TUNED, n_fft=512, iterations=n) for n in (1, 2, 3)),
]


@pytest.mark.parametrize("n_channels", [2, 3])
@pytest.mark.parametrize("config", BACK_FITTING)
def test_back_fitting_is_algorithm_1(n_channels: int, config: HpssConfig) -> None:
    # With noise in every channel the covariances are far from singular, and rounding does not grow by iterating.
    noise = 0.3 * np.random.default_rng(6).standard_normal((20_000, n_channels))
    audio = sound(n_channels, 20_000) + noise.astype(np.float32)
    frames = config.frames(AudioFormat(sample_rate=RATE, n_channels=n_channels))
    spectra = Stft(frames).process(audio)
    expected = slow_twin(spectra, config, frames)
    given = backfitting.filtered(spectra, backfitting.back_fit(spectra, config, frames), config)
    assert np.abs(given - expected).max() <= FLOAT32 * np.abs(spectra).max()


def test_the_level_of_the_input_does_not_matter() -> None:
    audio = sound(2)
    for config in (TUNED, replace(TUNED, look_ahead=0)):
        loud, quiet = (run(hpss(config, 2), audio * np.float32(gain)) / gain for gain in (1, 2.0**-10))
        assert np.abs(loud - quiet).max() <= 10 * FLOAT32 * audio.std()


def test_silence_before_the_music_changes_nothing() -> None:
    """The running levels are a ratio: what is silent weighs neither side."""
    audio, n = sound(1), 40 * 1024
    late = run(hpss(TUNED, 1), np.pad(audio, ((n, 0), (0, 0))))[n:]
    assert np.abs(late - run(hpss(TUNED, 1), audio)).max() <= FLOAT32 * audio.std()


def test_levels_are_compared_of_the_same_frame_whatever_the_look_ahead() -> None:
    """The medians over time end at the same frame, so all are centred on the same: their levels are the same."""
    audio = AudioFormat(sample_rate=RATE, n_channels=1)
    spectra = Stft(TUNED.frames(audio)).process(sound(1)).copy()
    nodes = [HpssSpectra(TUNED.frames(audio), replace(TUNED, look_ahead=n)) for n in (0, 3, 8)]
    for node in nodes:
        node.process(spectra)
    first, *others = (node._state.levels for node in nodes)
    assert first.min() > 0
    for other in others:
        np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize(("look_ahead", "quarters"), [(8, 0), (7, 0), (6, 1), (5, 2), (4, 2), (3, 3), (0, 3)])
def test_the_present_counts_for_more_the_less_of_the_future_is_known(look_ahead: int, quarters: int) -> None:
    assert replace(TUNED, look_ahead=look_ahead).quarters_present == quarters
    assert HpssConfig(look_ahead=look_ahead).quarters_present == 0


def test_latency_is_what_the_look_ahead_costs() -> None:
    assert hpss(HpssConfig(), 2).latency == 3072 + 8 * 1024
    assert hpss(HpssConfig(look_ahead=0), 2).latency == 3072


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"look_ahead": 9, "span_harmonic": 17}, "look_ahead: expected a number from 0 to 8"),
        ({"span_percussive": 16}, "span_percussive: expected an odd number"),
        ({"iterations": 0}, "iterations"),
        ({"exponent": 0.6}, "exponent: expected one of 0.5, 0.75, 1"),
        ({"n_fft": 512, "hop": 513}, "hop"),
        ({"forgetting": float("nan")}, "forgetting"),
        ({"window": "triangle"}, "window"),
    ],
)
def test_bad_settings_are_one_clear_line(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HpssConfig(**settings)
