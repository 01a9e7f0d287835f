"""Kernel back-fitting of a whole recording: Algorithm 1 of FitzGerald et al. 2014, with the kernels of live separation.

Here every frame is refined in every iteration, and a spatial covariance is the mean over the whole recording. With
full look-ahead, no spatial model and one iteration, the live `Hpss` gives the same to float32 rounding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.median import over_frequency, over_time
from engine.dsp.stft import Istft, Stft
from engine.separation.balance import Balance, balance_of, follow_levels, mix_present, weigh
from engine.separation.config import HpssConfig
from engine.separation.hpss_kernel import apply_filter, measure
from engine.separation.kam import identity, learn

__all__ = ["Sources", "back_fit", "filtered", "separate_whole"]

Audio = npt.NDArray[np.float32]  # or powers, or packed covariances
Levels = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex64]
Sources = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
BATCH = 256  # frames filtered and transformed back at a time, to bound the memory for the targets' spectra


def separate_whole(audio: Audio, sample_rate: int, config: HpssConfig) -> Audio:
    """Return stems (sample, target, channel), lined up with `audio` (sample, channel) and as long; they sum to it.

    The settings of `HpssConfig` apply but for look_ahead, which is always full, and forgetting. Memory is that of the
    spectra and, for each target and model, of their powers: some 0.3 GB a minute of stereo at 44.1 kHz.
    """
    frames = config.frames(AudioFormat(sample_rate=sample_rate, n_channels=audio.shape[1]))
    padded = np.concatenate([audio, np.zeros((frames.n_fft, audio.shape[1]), np.float32)])
    spectra = Stft(frames, window=config.window).process(padded)
    harmonic, percussive, packed = back_fit(spectra, config, frames)
    synthesis = Istft(frames, window=config.window, n_targets=len(config.targets))
    stems = np.zeros((len(spectra) * frames.hop, len(config.targets), audio.shape[1]), np.float32)
    for start in range(0, len(spectra), BATCH):
        part = slice(start, start + BATCH)
        sources = harmonic[part], percussive[part], packed
        targets = filtered(spectra[part], sources, config)
        stems[start * frames.hop :][: len(targets) * frames.hop] = synthesis.process(targets)
    return stems[frames.latency : frames.latency + len(audio)]


def back_fit(spectra: Spectra, config: HpssConfig, frames: FrameFormat) -> Sources:
    """Return the sources of `spectra` (frame, channel, bin): powers of harmonic and percussive, and both covariances.

    The powers, to the exponent of the settings, are (frame, model, bin): one model for all channels with the spatial
    model, else one each. The covariances are packed (2, channel, channel, bin), or none.
    """
    n_frames, n_channels, n_bins = spectra.shape
    spatial = config.spatial and n_channels > 1
    before = np.zeros((0, n_channels, n_channels, n_bins), np.float32)
    config = replace(config, look_ahead=config.frames_harmonic // 2)
    balance = balance_of(frames, config)
    levels = np.zeros((n_frames, 2, len(balance.typical)))
    harmonic = percussive = np.ones((n_frames, 1 if spatial else n_channels, n_bins), np.float32)
    for iteration in range(config.passes):
        after = np.stack([identity(n_channels, n_bins)] * 2) if spatial else before
        estimates = spectra, harmonic, percussive, before
        if spatial:
            _learn(*estimates, *_scratch(spectra), after)
        powers = np.empty((2, *harmonic.shape), np.float32)
        _measure(*estimates, after, config.quarters, *_scratch(spectra), powers)
        models = [over_time(powers[0, :, m], config.frames_harmonic) for m in range(harmonic.shape[1])]
        harmonic = np.stack(models, axis=1)
        percussive = over_frequency(powers[1].reshape(-1, n_bins), config.span_percussive).reshape(harmonic.shape)
        if iteration == 0:
            _follow(harmonic, percussive, balance, levels)
        _weigh(powers[0], levels, balance, harmonic, percussive)
        before = after
    return harmonic, percussive, before


def filtered(spectra: Spectra, sources: Sources, config: HpssConfig) -> Spectra:
    """Return the targets (frame, target, channel, bin) of `spectra` by equation 7, given `sources` of `back_fit`."""
    targets = np.zeros((len(spectra), len(config.targets), *spectra.shape[1:]), np.complex64)
    _filter(spectra, *sources, np.float32(config.weight), *_scratch(spectra), targets)
    return targets


@njit(nogil=True, cache=True)
def _follow(harmonic: Audio, percussive: Audio, balance: Balance, levels: Levels) -> None:
    """Write the running levels (frame, 2, band) of the first medians (frame, model, bin)."""
    earlier = np.zeros((1, levels.shape[2]))
    for t in range(len(levels)):
        if t:
            levels[t] = levels[t - 1]
        follow_levels(harmonic[t], percussive[t], balance, t, earlier, levels[t])


@njit(nogil=True, cache=True)
def _weigh(present: Audio, levels: Levels, balance: Balance, harmonic: Audio, percussive: Audio) -> None:
    """Weigh every frame of the estimates, in place; present: their powers before the medians, (frame, model, bin)."""
    bands = np.zeros(levels.shape[2], np.float32)
    for t in range(len(levels)):
        if balance.weighs:
            weigh(levels[t], balance, bands, percussive[t])
        for m in range(harmonic.shape[1]):
            mix_present(present[t, m], balance.present, harmonic[t, m])


def _scratch(spectra: Spectra) -> tuple[Spectra, Spectra]:
    n_channels = spectra.shape[1]
    return np.zeros((2, n_channels, n_channels), np.complex64), np.zeros(n_channels, np.complex64)


@njit(nogil=True, cache=True)
def _filter(
    spectra: Spectra,
    harmonic: Audio,
    percussive: Audio,
    packed: Audio,
    weight: np.float32,
    matrix: Spectra,
    vector: Spectra,
    targets: Spectra,
) -> None:
    """Step 3, equation 7, for every frame."""
    for t in range(len(spectra)):
        apply_filter(spectra[t], harmonic[t], percussive[t], packed, weight, matrix, vector, targets[t])


@njit(nogil=True, cache=True)
def _learn(
    spectra: Spectra, harmonic: Audio, percussive: Audio, before: Audio, matrix: Spectra, vector: Spectra, after: Audio
) -> None:
    """Steps 3, 4a and 4b: write the mean covariance of each source into `after`; silent frames count too."""
    _, n_channels, n_bins = spectra.shape
    sources = np.zeros((2, n_channels, n_bins), np.complex64)
    z = np.zeros(n_bins, np.float32)
    for t in range(len(spectra)):
        apply_filter(spectra[t], harmonic[t], percussive[t], before, np.float32(1), matrix, vector, sources)
        for j in range(2):
            learn(sources[j], after[j], np.float32(1 / (t + 1)), z)


@njit(nogil=True, cache=True)
def _measure(
    spectra: Spectra,
    harmonic: Audio,
    percussive: Audio,
    before: Audio,
    after: Audio,
    quarters: int,
    matrix: Spectra,
    vector: Spectra,
    powers: Audio,
) -> None:
    """Steps 3 and 4c: write the powers (target, frame, model, bin) of the sources, whitened by `after` if given."""
    sources = np.zeros((2, *spectra.shape[1:]), np.complex64)
    for t in range(len(spectra)):
        apply_filter(spectra[t], harmonic[t], percussive[t], before, np.float32(1), matrix, vector, sources)
        for j in range(2):
            for m in range(powers.shape[2]):
                measure(sources[j], m, after[j : j + 1], quarters, matrix, vector, powers[j, t, m])
