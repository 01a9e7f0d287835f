"""Masks of the past by short filters: filters are as their masks, and what rises goes to whom it went before."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.window import late_window, window
from engine.separation.config import InstantConfig, MaskNetworkConfig, WienerConfig
from engine.separation.instant import InstantSeparator
from engine.separation.mask_network_segments import open_separator
from engine.separation.onset_masks import OnsetMasks
from engine.separation.short_filter import design_filters, filter_window, fir
from offline.evaluation.stems import STEM_METRICS, evaluate_separators
from offline.separation.presets import unmix_config
from offline.synthesis.multitrack import find_songs, parse_corpus
from tests.networks.separation import small_file
from tests.places import SHARED
from tests.tolerances import FLOAT32

STEREO = AudioFormat(sample_rate=44100, n_channels=2)
SONGS = SHARED / "stems"
DECIBELS = 2.0  # what may be lost against the whole window of the same network, in one place of one song


def filters(masks: np.ndarray, n_taps: int, delay: int) -> np.ndarray:
    """The filters of masks (target, channel, bin)."""
    n_fft = 2 * (masks.shape[-1] - 1)
    response = np.zeros((*masks.shape[:2], n_fft), np.float32)
    out = np.zeros((*masks.shape[:2], n_taps), np.float32)
    design_filters(masks.astype(np.complex64), delay, filter_window(n_taps, delay) / np.float32(n_fft), response, out)
    return out


def test_a_mask_of_ones_only_delays() -> None:
    taps = filters(np.ones((1, 1, 129)), 64, 20)[0, 0]
    assert np.abs(taps - (np.arange(64) == 20)).max() < FLOAT32


def test_a_smooth_mask_is_the_response_of_its_filter() -> None:
    mask = 0.5 + 0.4 * np.cos(np.arange(129) * 2 * np.pi / 128) ** 2
    taps = filters(mask[None, None], 128, 60)[0, 0]
    response = np.fft.rfft(taps, 256) * np.exp(2j * np.pi * np.arange(129) * 60 / 256)
    assert np.abs(response - mask).max() < 0.01  # the window that cuts the taps smooths it


@pytest.mark.parametrize("n_taps", [1, 3, 4, 30, 64])
def test_filtering_is_convolution(n_taps: int) -> None:
    rng = np.random.default_rng(0)
    past, taps = rng.standard_normal(200).astype(np.float32), rng.standard_normal(n_taps).astype(np.float32)
    out = np.zeros(128, np.float32)
    fir(past, 100, taps, out)
    expected = np.convolve(past.astype(np.float64), taps)[100:200]
    assert np.abs(out[:100] - expected).max() < FLOAT32 * np.sqrt(n_taps) * 10


def test_the_window_is_late_and_as_strong() -> None:
    late, usual = late_window("sine", 1024, 64), window("sine", 1024)
    assert np.argmax(late) in (959, 960)
    assert np.sum(late.astype(float) ** 2) == pytest.approx(np.sum(usual.astype(float) ** 2), rel=FLOAT32)


def spectrum_of(power: float, bins: slice) -> np.ndarray:
    frame = np.zeros((1, 513), np.complex64)
    frame[:, bins] = np.sqrt(power)
    return frame


def test_what_rises_goes_to_whom_it_went_before() -> None:
    """The first target is even, the second beats: a leap is the second's, and what stays is as the mask says."""
    audio = AudioFormat(sample_rate=44100, n_channels=1)
    onsets = OnsetMasks(44100, FrameFormat(audio=audio, n_fft=1024, hop=512), step=128, late=0, n_targets=2)
    rng, masks = np.random.default_rng(0), np.zeros((2, 1, 513), np.complex64)
    even = 0.1 * rng.standard_normal((1, onsets.n_short)).astype(np.float32)
    for turn in range(40):
        loud = 10.0 * (turn % 4 == 0)
        gains = np.ones((2, 1, 513), np.float32) / (1 + loud)
        gains[1] = 1 - gains[0]
        for _ in range(8):
            onsets.hear(even)
        onsets.compare()
        onsets.learn(spectrum_of(1 + loud, slice(0, 513)), gains)
    gains[0], gains[1] = 1, 0
    onsets.renew(gains, masks)
    assert masks[0].real.min() > 0.99
    onsets.hear(10 * even)
    onsets.renew(gains, masks)
    assert masks[1].real.min() > 0.9
    assert np.abs(masks.sum(axis=0) - 1).max() < FLOAT32


def test_delay_and_length_are_of_the_sound_that_comes_in() -> None:
    for rate, delay in ((44100, 128), (48000, 140)):
        node = InstantSeparator(config(), AudioFormat(sample_rate=rate, n_channels=2))
        assert node.latency == delay <= 0.003 * rate


def config(**network: object) -> MaskNetworkConfig:
    return MaskNetworkConfig(model=small_file(**network), instant=InstantConfig(length_ms=5))


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="no Wiener filter"):
        MaskNetworkConfig(model=small_file(), instant=InstantConfig(), wiener=WienerConfig())
    with pytest.raises(ModelError, match="one direction"):
        InstantSeparator(config(bidirectional=True), STEREO)
    with pytest.raises(ConfigError, match="length_ms"):
        InstantConfig(delay_ms=10, length_ms=5)


@pytest.mark.slow
@pytest.mark.skipif(not SONGS.is_dir(), reason="needs ../shared/data/stems")
def test_little_is_lost_against_the_whole_window() -> None:
    """Twelve seconds of caesium, which no network was trained on."""
    whole, short = unmix_config("unmix-low-latency"), unmix_config("unmix-low-latency", instant=InstantConfig())
    nodes = {"whole": open_separator(whole, n_channels=2), "short": InstantSeparator(short, STEREO)}
    rows = evaluate_separators(nodes, find_songs(parse_corpus(str(SONGS)), only=["caesium"]), start_s=100, seconds=12)
    gains = [
        np.mean([row.values[STEM_METRICS.index("gain")] for row in rows if row.method == method]) for method in nodes
    ]
    assert gains[1] > gains[0] - DECIBELS
    assert all(a >= 0 for a in gains)
