"""Cases of the front ends, each against a slow twin in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.constant_q import Cqt, CqtConfig, frequencies, lengths_s, make_plan
from engine.dsp.filterbank import chroma_weights
from engine.dsp.frontends import FrontEndConfig, front_end
from engine.dsp.harmonic import HARMONICS, Hcqt, HcqtConfig, wide_cqt
from engine.dsp.magnitude import Fold, Magnitude, fold_weights
from engine.dsp.semigram import HOPS, Semigram, SemigramConfig
from engine.dsp.window import window
from tests.cases.dsp import cleaned
from tests.contract import Case
from tests.tolerances import CONSTANT_Q, FLOAT32

MONO, STEREO = AudioFormat(sample_rate=8000, n_channels=1), AudioFormat(sample_rate=16000, n_channels=2)
NOISE = np.random.default_rng(5).standard_normal((9000, 2)).astype(np.float32)
SIZES = (0, 1, 2, 63, 64, 65, 441, 1023, 1024, 1025, 9000)
FRAME_SIZES = (0, 1, 2, 7, 30, 60)
Misfit = Callable[[np.ndarray, np.ndarray, int], float]


def spread_error(output: np.ndarray, expected: np.ndarray) -> float:
    if len(output) != len(expected):
        return math.inf
    return float(np.abs(output - expected).max() / expected.std())


def pieces(signal: np.ndarray, first: int, n: int) -> np.ndarray:
    """(n, channel) from sample `first` on, silence outside."""
    out = np.zeros((n, signal.shape[1]))
    begin, end = max(first, 0), min(first + n, len(signal))
    if begin < end:
        out[begin - first : end - first] = signal[begin:end]
    return out


def slow_cqt(signal: np.ndarray, config: CqtConfig, audio: AudioFormat, latency: int, n_frames: int) -> np.ndarray:
    """Inner products in time with each kernel, frame by frame."""
    plan, rate = make_plan(config, audio), audio.sample_rate
    columns = []
    for hz, length_s in zip(frequencies(config), lengths_s(config), strict=True):
        half = math.ceil(length_s * plan.sample_rate / 2)
        back = max(0, half - plan.ahead) * plan.decimation
        n = np.arange(-half * plan.decimation, half * plan.decimation + 1)
        window = np.where(np.abs(n) < length_s * rate / 2, 0.5 + 0.5 * np.cos(2 * np.pi * n / (length_s * rate)), 0)
        kernel = window / window.sum() * np.exp(-2j * np.pi * hz / rate * n)
        firsts = (np.arange(n_frames) + 1) * plan.hop - latency - back + n[0]
        products = np.stack([kernel @ pieces(signal, int(first), len(n)) for first in firsts])
        columns.append(np.sqrt((np.abs(products) ** 2).mean(axis=1)))
    out = np.stack(columns, axis=1)
    return np.log1p(config.compression * out) if config.compression else out


def as_cqt(config: CqtConfig, audio: AudioFormat) -> Misfit:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        n = len(signal) // make_plan(config, audio).hop
        return spread_error(output, slow_cqt(cleaned(signal), config, audio, latency, n))

    return misfit


def slow_stft(signal: np.ndarray, frames: FrameFormat, latency: int, name: str = "hamming") -> np.ndarray:
    """Mean power (frame, bin) of frames centred at (t + 1) * hop - latency."""
    firsts = (np.arange(len(signal) // frames.hop) + 1) * frames.hop - latency - frames.n_fft // 2
    parts = np.stack([pieces(cleaned(signal), int(first), frames.n_fft) for first in firsts])
    spectra = np.fft.rfft(parts * window(name, frames.n_fft)[None, :, None], axis=1)
    return (np.abs(spectra) ** 2).mean(axis=2)


SHORT = FrameFormat(audio=MONO, n_fft=372, hop=186)  # 46 and 23 ms


def as_magnitude(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    gain = 1 / (0.54 * SHORT.n_fft)
    return spread_error(output[:, :100], np.log1p(100 * gain * np.sqrt(slow_stft(signal, SHORT, latency)))[:, :100])


def as_short_chroma(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    chroma = slow_stft(signal, SHORT, latency) @ chroma_weights(SHORT).T.astype(np.float64)
    return spread_error(output, chroma / chroma.max(axis=1, keepdims=True))


def as_folded_cqt(config: CqtConfig, audio: AudioFormat) -> Misfit:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        n = len(signal) // make_plan(config, audio).hop
        cqt = slow_cqt(signal, config, audio, latency, n)
        folded = cqt @ fold_weights(config.low_hz, config.bins_per_octave, config.n_bins).T
        sounds = folded.max(axis=1) > 0.3  # not the frames that reach mostly to before the start, where rounding is all
        folded /= np.maximum(folded.max(axis=1, keepdims=True), 1e-4)
        return spread_error(output[sounds], folded[sounds]) if len(output) == n else math.inf

    return misfit


SEMIGRAM = SemigramConfig(hop_s=0.016)


def as_semigram(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    """Each key from the shortest window whose lobes its band holds, all about one centre."""
    hop, n = 128, len(signal) // 128
    edges = 440 * 2 ** ((np.arange(21, 110) - 69.5) / 12)
    expected = np.zeros((n, 88))
    for hops in HOPS:  # from the longest on; the shortest that fits stays
        n_fft = hops * hop
        frames = FrameFormat(audio=MONO, n_fft=n_fft, hop=hop)
        magnitude = np.sqrt(slow_stft(signal, frames, latency, "hann")) / (n_fft / 2)
        cells = (np.arange(frames.n_bins)[:, None] + np.array([-0.5, 0.5])) * 8000 / n_fft
        for key in range(88):
            low, high = edges[key : key + 2]
            if hops == HOPS[0] or 2 * 8000 / n_fft <= high - low:
                share = (np.minimum(cells[:, 1], high) - np.maximum(cells[:, 0], low)).clip(0) / (8000 / n_fft)
                expected[:, key] = magnitude @ share
    return spread_error(output, expected / np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-4))


def as_harmonics(config: HcqtConfig, audio: AudioFormat) -> Misfit:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        wide = wide_cqt(config)
        n = len(signal) // make_plan(wide, audio).hop
        cqt = slow_cqt(signal, wide, audio, latency, n)
        expected = np.zeros((n, len(HARMONICS), config.n_bins))
        for h, harmonic in enumerate(HARMONICS):
            for pitch in range(config.n_bins):
                bin_ = pitch + round(config.bins_per_octave * math.log2(harmonic))
                if 0 <= bin_ < wide.n_bins:
                    expected[:, h, pitch] = cqt[:, bin_]
        return spread_error(output, expected.reshape(n, -1))

    return misfit


SPECTRA = np.random.default_rng(6).standard_normal((60, 1, 187, 2)).astype(np.float32).view(np.complex64)[..., 0]
ROWS = np.abs(np.random.default_rng(7).standard_normal((60, 48))).astype(np.float32)
FOLD = fold_weights(100.0, 24, 48)


def as_compressed(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    if latency < 0:
        return math.inf
    expected = np.zeros((len(signal), 200))
    expected[:, :187] = np.log1p(10 / (0.54 * SHORT.n_fft) * np.abs(signal[:, 0]))
    return spread_error(output, expected)


def as_fold(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    if latency < 0:
        return math.inf
    folded = signal @ FOLD.T
    return spread_error(output, folded / folded.max(axis=1, keepdims=True))


PLAIN = CqtConfig(low_hz=250.0, bins_per_octave=12, n_octaves=3, hop_s=0.02)
HASTY = CqtConfig(
    low_hz=200.0, bins_per_octave=24, n_octaves=3, hop_s=0.01, gamma=5.0, look_ahead_s=0.012, compression=20.0
)
HARMONIC = HcqtConfig(
    low_hz=300.0, bins_per_octave=12, n_octaves=2, hop_s=0.02, gamma=3.0, look_ahead_s=0.02, compression=20.0
)


def named(name: str, misfit: Misfit, tolerance: float = FLOAT32, **settings: Any) -> Case:
    config = FrontEndConfig(**settings)
    case = f"front end {name}"
    return Case(case, lambda: front_end(name, MONO, config), NOISE[:, :1], misfit, tolerance, SIZES)


CASES = [
    Case("cqt", lambda: Cqt(PLAIN, MONO), NOISE[:, :1], as_cqt(PLAIN, MONO), CONSTANT_Q, SIZES),
    Case("cqt, decimated, short", lambda: Cqt(HASTY, STEREO), NOISE, as_cqt(HASTY, STEREO), CONSTANT_Q, SIZES),
    Case("hcqt", lambda: Hcqt(HARMONIC, STEREO), NOISE, as_harmonics(HARMONIC, STEREO), CONSTANT_Q, SIZES),
    Case("semigram", lambda: Semigram(SEMIGRAM, MONO), NOISE[:, :1], as_semigram, FLOAT32, SIZES),
    Case(
        "magnitude",
        lambda: Magnitude(SHORT, name="hamming", n_bins=200, compression=10.0),
        SPECTRA,
        as_compressed,
        sizes=FRAME_SIZES,
    ),
    Case("fold", lambda: Fold(FOLD), ROWS, as_fold, sizes=FRAME_SIZES),
    named("stft", as_magnitude),
    named("chroma", as_short_chroma),
    named("cqt_chroma", as_folded_cqt(CqtConfig(n_octaves=4), MONO), CONSTANT_Q, n_octaves=4),
]
