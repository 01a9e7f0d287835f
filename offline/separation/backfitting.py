"""Kernel back-fitting of a whole recording: Algorithm 1 of FitzGerald et al. 2014, with the kernels of live separation.

Here every frame is refined in every iteration, and a spatial covariance is the mean over the whole recording. With
full look-ahead, no spatial model and one iteration, the live `Hpss` gives the same to float32 rounding.

Memory does not depend on the length: the recording is read segment by segment, each with as many frames before and
after as its iterations reach. A covariance is the mean over all of it, so each needs a reading of its own, in which the
iterations before are done again: with the spatial model the time grows with the square of the iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

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
from offline.separation.segments import FrameSegment, segments

__all__ = ["Sources", "back_fit", "filtered", "separate_blocks", "separate_whole"]

Audio = npt.NDArray[np.float32]  # or powers, or packed covariances
Levels = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex64]
Sources = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
Blocks = Callable[[], Iterable[Audio]]  # reads the recording (sample, channel) anew
BATCH = 256  # frames filtered and transformed back at a time, to bound the memory for the targets' spectra
SEGMENT = 512  # frames that are separated at a time, besides those that the medians need before and after
BLOCK = 1 << 16  # samples


def separate_whole(audio: Audio, sample_rate: int, config: HpssConfig) -> Audio:
    """Return stems (sample, target, channel), lined up with `audio` (sample, channel) and as long; they sum to it.

    The settings of `HpssConfig` apply but for look_ahead, which is always full, and forgetting.
    """
    form = AudioFormat(sample_rate=sample_rate, n_channels=audio.shape[1])
    stems = np.zeros((len(audio), len(config.targets), audio.shape[1]), np.float32)
    n = 0
    for block in separate_blocks(lambda: (audio[i : i + BLOCK] for i in range(0, len(audio), BLOCK)), form, config):
        stems[n : n + len(block)] = block
        n += len(block)
    return stems


def separate_blocks(blocks: Blocks, audio: AudioFormat, config: HpssConfig) -> Iterator[Audio]:
    """Yield the stems (sample, target, channel) of a recording, lined up with it and as long, in bounded memory.

    blocks: reads the recording; it is called once, and with the spatial model once more for each iteration
    """
    frames = config.frames(audio)
    synthesis = Istft(frames, window=config.window, n_targets=len(config.targets))
    late, left = frames.latency, sum(len(block) for block in blocks())
    for spectra, sources in _fitted(lambda: _spectra(blocks(), frames, config.window), config, frames):
        for start in range(0, len(spectra), BATCH):
            part = slice(start, start + BATCH)
            targets = filtered(spectra[part], (sources[0][part], sources[1][part], sources[2]), config)
            stems = synthesis.process(targets)
            begin, late = min(late, len(stems)), max(late - len(stems), 0)
            stems = stems[begin:][:left]
            left -= len(stems)
            yield stems


def _spectra(blocks: Iterable[Audio], frames: FrameFormat, window: str) -> Iterator[Spectra]:
    """Yield the frames of a recording, and those of the silence after it."""
    stft = Stft(frames, window=window)
    silence = np.zeros((frames.n_fft, frames.audio.n_channels), np.float32)
    for block in chain(blocks, [silence]):
        yield stft.process(np.ascontiguousarray(block))


def back_fit(spectra: Spectra, config: HpssConfig, frames: FrameFormat) -> Sources:
    """Return the sources of `spectra` (frame, channel, bin): powers of harmonic and percussive, and both covariances.

    The powers, to the exponent of the settings, are (frame, model, bin): one model for all channels with the spatial
    model, else one each. The covariances are packed (2, channel, channel, bin), or none.
    """
    parts = [sources for _, sources in _fitted(lambda: [spectra], config, frames)]
    harmonic, percussive = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return harmonic, percussive, parts[-1][2]


def _fitted(
    read: Callable[[], Iterable[Spectra]], config: HpssConfig, frames: FrameFormat
) -> Iterator[tuple[Spectra, Sources]]:
    """Yield the spectra in segments, with their sources."""
    n_channels = frames.audio.n_channels
    config = replace(config, look_ahead=config.frames_harmonic // 2)
    spatial = config.spatial and n_channels > 1
    learnt: list[Audio] = []  # the covariances after each iteration
    none = np.zeros((0, n_channels, n_channels, frames.n_bins), np.float32)
    for iteration in range(config.passes):
        covariances = np.stack([identity(n_channels, frames.n_bins)] * 2) if spatial else none
        if spatial:
            fit = _Fit(config, frames, [none, *learnt])
            for segment in segments(read(), SEGMENT, iteration * config.look_ahead):
                core, before = slice(segment.begin, segment.end), [none, *learnt][-1]
                harmonic, percussive = fit.refined(segment)
                estimates = segment.frames[core], harmonic[core], percussive[core], before
                _learn(*estimates, segment.first + segment.begin, *_scratch(segment.frames), covariances)
        learnt.append(covariances)
    fit = _Fit(config, frames, [none, *learnt])
    for segment in segments(read(), SEGMENT, config.passes * config.look_ahead):
        core = slice(segment.begin, segment.end)
        harmonic, percussive = fit.refined(segment)
        yield segment.frames[core], (harmonic[core], percussive[core], learnt[-1])


class _Fit:
    """Does as many iterations as covariances are known, to one segment after another of a reading.

    covariances: before the first iteration, and after each
    """

    def __init__(self, config: HpssConfig, frames: FrameFormat, covariances: list[Audio]) -> None:
        self._config, self._covariances = config, covariances
        self._balance = balance_of(frames, config)
        self._levels = np.zeros((1, 2, len(self._balance.typical)))  # those of the last frames that were measured
        self._end = 0  # the frame after these

    def refined(self, segment: FrameSegment) -> tuple[Audio, Audio]:
        """Return the powers of harmonic and percussive, true within the segment's core."""
        config, spectra = self._config, segment.frames
        n_frames, n_channels, n_bins = spectra.shape
        n_models = 1 if len(self._covariances[-1]) else n_channels
        harmonic = percussive = np.ones((n_frames, n_models, n_bins), np.float32)
        for iteration, after in enumerate(self._covariances[1:]):
            estimates = spectra, harmonic, percussive, self._covariances[iteration]
            powers = np.empty((2, *harmonic.shape), np.float32)
            _measure(*estimates, after, config.quarters, *_scratch(spectra), powers)
            models = [over_time(powers[0, :, m], config.frames_harmonic) for m in range(n_models)]
            harmonic = np.stack(models, axis=1)
            percussive = over_frequency(powers[1].reshape(-1, n_bins), config.span_percussive).reshape(harmonic.shape)
            if iteration == 0:
                levels = self._followed(segment, harmonic, percussive)
            _weigh(powers[0], levels, self._balance, harmonic, percussive)
        return harmonic, percussive

    def _followed(self, segment: FrameSegment, harmonic: Audio, percussive: Audio) -> Levels:
        """Return the running levels (frame, 2, band) of the first medians, as far as these are true."""
        end = segment.stop - (0 if segment.last else self._config.look_ahead)
        new = slice(self._end - segment.first, end - segment.first)
        levels = np.zeros((new.stop - new.start, *self._levels.shape[1:]))
        _follow(harmonic[new], percussive[new], self._balance, self._levels[-1], levels)
        self._levels = np.concatenate([self._levels, levels])[-(len(segment.frames) + 1) :]
        self._end = end
        known = np.zeros((len(segment.frames), *levels.shape[1:]))
        n = min(new.stop, len(self._levels))
        known[new.stop - n : new.stop] = self._levels[len(self._levels) - n :]
        return known


def filtered(spectra: Spectra, sources: Sources, config: HpssConfig) -> Spectra:
    """Return the targets (frame, target, channel, bin) of `spectra` by equation 7, given `sources` of `back_fit`."""
    targets = np.zeros((len(spectra), len(config.targets), *spectra.shape[1:]), np.complex64)
    _filter(spectra, *sources, np.float32(config.weight), *_scratch(spectra), targets)
    return targets


@njit(nogil=True, cache=True)
def _follow(harmonic: Audio, percussive: Audio, balance: Balance, before: Levels, levels: Levels) -> None:
    """Write the running levels (frame, 2, band) of the first medians (frame, model, bin), given those just before."""
    earlier = np.zeros((1, levels.shape[2]))
    for t in range(len(levels)):
        levels[t] = before if t == 0 else levels[t - 1]
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
    spectra: Spectra,
    harmonic: Audio,
    percussive: Audio,
    before: Audio,
    first: int,
    matrix: Spectra,
    vector: Spectra,
    after: Audio,
) -> None:
    """Steps 3, 4a and 4b: write the mean covariance of each source into `after`; silent frames count too.

    first: how many frames are in it already
    """
    _, n_channels, n_bins = spectra.shape
    sources = np.zeros((2, n_channels, n_bins), np.complex64)
    z = np.zeros(n_bins, np.float32)
    for t in range(len(spectra)):
        apply_filter(spectra[t], harmonic[t], percussive[t], before, np.float32(1), matrix, vector, sources)
        for j in range(2):
            learn(sources[j], after[j], np.float32(1 / (first + t + 1)), z)


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
