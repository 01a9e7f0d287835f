"""Endless random mixes of stems, and their random equalisers: drawn on the device that trains, without workers.

Random mixing across songs, gains and channel swaps are Uhlich et al., "Improving music source separation based on
deep neural networks through data augmentation and network blending" (2017), as Open-Unmix does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.separation.config import SeparationNetworkConfig
from offline.datasets.musdb import open_musdb
from offline.synthesis.multitrack import FULL_SCALE, REST, Corpus, find_songs, load_stems, parse_corpus
from offline.training.separation.config import SeparationFinetuning, SeparationTraining, StemMixConfig

__all__ = [
    "Mixer",
    "SeparationRun",
    "StemBank",
    "StemMix",
    "ValidationExcerpt",
    "equalisers",
    "loudest_excerpt",
    "open_stems",
    "validation_excerpts",
]

SeparationRun = SeparationTraining | SeparationFinetuning

GRID_S = 0.5  # between possible starts of an excerpt
LATE_S, LATE_SHARE = (0.005, 0.04), 0.8  # delay and largest gain of a stem's middle, repeated to the sides
SILENCE = 1e-3  # root mean square of full scale below which an excerpt is silent
KNOT_OCTAVES = 1.0  # between the points of an equaliser's curve
EXCERPT_S = 60.0  # of every song to validate on, where its quietest target is loudest


@dataclass(frozen=True, slots=True, kw_only=True)
class StemMix:
    """Examples of a batch.

    references: (batch, target, channel, sample), they sum to the mixture
    merged: (batch, target), targets that the references do not separate, see `models.separation.losses.allowed`
    """

    references: Tensor
    merged: Tensor


class ValidationExcerpt(NamedTuple):
    """Part of a song to validate on.

    references: (target, channel, sample) of full scale 1
    merged: targets, by index, that they do not separate: judged by their sum, which counts as the last of them
    """

    references: Tensor
    merged: tuple[int, ...] = ()


class StemBank:
    """All songs of all corpora on the device, as 16-bit samples, and where each of their stems sounds.

    weights: how often each song is drawn
    chances: (target, song), the same among the songs that have the stem
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        targets: Sequence[str],
        *,
        sample_rate: int,
        exclude: Sequence[str] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.targets, self.sample_rate, self.device = tuple(targets), sample_rate, device
        self.names: list[str] = []
        self.songs: list[Tensor] = []
        self.merged: list[list[bool]] = []
        self.loudness: list[np.ndarray] = []
        weights = []
        for corpus in corpora:
            found = find_songs(corpus, exclude=exclude)
            for song in found:
                self.names.append(song.name)
                stems = load_stems(song, targets, sample_rate=sample_rate)
                self.songs.append(torch.from_numpy(stems).to(device))
                self.loudness.append(self._loudness(stems))
                self.merged.append([target in song.inseparable(targets) for target in targets])
                weights.append(corpus.weight / len(found))
        self.weights = np.array(weights) / sum(weights)
        sounds = np.array([(rows > SILENCE).any(axis=1) for rows in self.loudness]).T  # (target, song)
        chances = np.where(sounds.any(axis=1, keepdims=True), sounds, True) * self.weights
        self.chances = chances / chances.sum(axis=1, keepdims=True)

    def _loudness(self, song: np.ndarray) -> np.ndarray:
        """Measure the root mean square (target, grid point) of full scale."""
        grid = int(GRID_S * self.sample_rate)
        n = song.shape[1] // grid
        cut = song[:, : n * grid].reshape(len(song), n, -1)
        return np.stack([np.sqrt(np.mean(np.square(row, dtype=np.float32), axis=1)) for row in cut]) / FULL_SCALE

    @property
    def seconds(self) -> float:
        """Length of all songs together."""
        return sum(song.shape[1] for song in self.songs) / self.sample_rate


class Mixer:
    """Draws mixes of `n_samples` from a bank; number k of a seed is always the same."""

    def __init__(self, bank: StemBank, config: StemMixConfig, *, n_samples: int, seed: int = 0) -> None:
        self.bank, self.config, self.n_samples, self.seed = bank, config, n_samples, seed
        targets = bank.targets
        self.rest = targets.index(REST) if REST in targets else len(targets) - 1

    def draw(self, index: int, n_batch: int) -> StemMix:
        """Draw mix number `index`: n_batch examples, on the bank's device."""
        rng = np.random.default_rng((self.seed, index))
        n_targets, n_channels = len(self.bank.targets), self.bank.songs[0].shape[2]
        audio = torch.empty(n_batch, n_targets, self.n_samples, n_channels, device=self.bank.device)
        merged = np.stack([self._example(rng, example) for example in audio])
        audio = audio.transpose(2, 3)
        shape = (n_batch, n_targets, 1, 1)
        gains = rng.uniform(self.config.gain_low, self.config.gain_high, shape)
        gains *= rng.random(shape) >= self.config.drop
        tilts = self._tied(rng.uniform(-self.config.tilt, self.config.tilt, shape), merged)
        scale = torch.from_numpy(self._tied(gains, merged) / FULL_SCALE).to(audio)
        tilted = audio.clone(memory_format=torch.contiguous_format)
        tilted[..., 1:] += torch.from_numpy(tilts).to(audio) * audio[..., :-1]
        if self.config.width or self.config.wide or self.config.mono:
            self._widen(rng, tilted, merged)
        return StemMix(references=tilted * scale, merged=torch.from_numpy(merged).to(audio.device))

    def _widen(self, rng: np.random.Generator, audio: Tensor, merged: np.ndarray) -> None:
        """Scale what differs between the two channels of each stem, and let some differ by a late copy, in place.

        What both channels have in common stays as it is.
        """
        shape = (*merged.shape, 1, 1)
        factors = self._tied(rng.uniform(-self.config.width, self.config.width, shape), merged)
        shares = self._tied(rng.uniform(0, LATE_SHARE, shape) * (rng.random(shape) < self.config.wide), merged)
        late_s = self._tied(rng.uniform(*LATE_S, shape), merged)
        mono = rng.random(len(merged)) < self.config.mono
        factors[mono], shares[mono] = -1, 0
        more = (audio[:, :, 0] - audio[:, :, 1]) * torch.from_numpy(factors[..., 0] / 2).to(audio)
        for example, target in zip(*np.nonzero(shares[..., 0, 0]), strict=True):
            n = int(late_s[example, target, 0, 0] * self.bank.sample_rate)
            middle = audio[example, target].mean(0)[:-n]
            more[example, target, n:] += middle * float(shares[example, target, 0, 0])
        audio[:, :, 0] += more
        audio[:, :, 1] -= more

    def _tied(self, values: np.ndarray, merged: np.ndarray) -> np.ndarray:
        """Give targets that an example does not separate the same value."""
        return np.where(merged[:, :, None, None], values[:, self.rest : self.rest + 1], values)

    def _example(self, rng: np.random.Generator, out: Tensor) -> np.ndarray:
        """Fill one example (target, sample, channel); return which targets are merged in it."""
        bank, coherent = self.bank, rng.random() < self.config.coherent
        songs = np.array([rng.choice(len(bank.songs), p=chances) for chances in bank.chances])
        if coherent:
            songs[:] = rng.choice(len(bank.songs), p=bank.weights)
        merged = np.array(bank.merged[songs[self.rest]])
        songs[merged] = songs[self.rest]  # a stem that contains others brings its own
        speeds = 1 + rng.uniform(-self.config.speed, self.config.speed, len(songs))
        starts = [self._start(rng, song, target) for target, song in enumerate(songs)]
        lead, swaps = int(rng.integers(len(songs))), rng.random(len(songs)) < 0.5
        for target, song in enumerate(songs):
            tied = lead if coherent else (self.rest if merged[target] else target)
            stem = _resample(bank.songs[song][target], starts[tied], speeds[tied], self.n_samples)
            out[target] = stem.flip(1) if swaps[tied] else stem
        return merged

    def _start(self, rng: np.random.Generator, song: int, target: int) -> int:
        """Draw a first sample that leaves room for an excerpt, mostly where the target sounds."""
        room = max(1, self.bank.songs[song].shape[1] - self._longest())
        sounding = np.flatnonzero(self.bank.loudness[song][target] > SILENCE)
        if len(sounding) == 0 or rng.random() >= self.config.active:
            return int(rng.integers(room))
        middle = (int(rng.choice(sounding)) + rng.random()) * GRID_S * self.bank.sample_rate
        return int(np.clip(middle - rng.random() * self.n_samples, 0, room - 1))

    def _longest(self) -> int:
        return int(self.n_samples * (1 + self.config.speed)) + 2


def _resample(stem: Tensor, first: int, speed: float, n: int) -> Tensor:
    """Read n samples of `stem` (sample, channel) from `first` on at `speed`, by linear interpolation; then silence."""
    wanted = int(n * speed) + 2
    part = stem[first : first + wanted].float()
    part = torch.nn.functional.pad(part, (0, 0, 0, wanted - len(part)))
    at = torch.arange(n, device=stem.device, dtype=torch.float64) * speed
    left = at.long()
    return torch.lerp(part[left], part[left + 1], (at - left).float()[:, None])


def equalisers(
    rng: np.random.Generator, merged: npt.NDArray[np.bool_], deviation_db: float, config: SeparationNetworkConfig
) -> npt.NDArray[np.float32]:
    """Draw gains (batch, target, bin), curves that are smooth over octaves: another microphone, desk and room.

    merged: (batch, target), targets that an example does not separate and that share a curve
    deviation_db: standard deviation of the points of the curves
    """
    octaves = np.log2(np.arange(1, config.n_bins) * config.sample_rate / config.n_fft)
    knots = np.arange(octaves[0], octaves[-1] + KNOT_OCTAVES, KNOT_OCTAVES)
    draws = rng.normal(0, deviation_db, (*merged.shape, len(knots)))
    draws = np.where(merged[..., None], draws[:, -1:], draws)
    curves = np.array([[np.interp(octaves, knots, points) for points in example] for example in draws])
    return np.asarray(10 ** (np.concatenate([curves[..., :1], curves], -1) / 20), np.float32)  # 0 Hz as the first bin


def open_stems(config: SeparationRun, sample_rate: int, device: torch.device) -> StemBank:
    """Load the songs to train on."""
    corpora, validation = _corpora(config)
    return StemBank(corpora, config.targets, sample_rate=sample_rate, exclude=validation, device=device)


def _corpora(config: SeparationRun) -> tuple[list[Corpus], Sequence[str]]:
    """Return the folders of songs, and the names of those to validate on."""
    if isinstance(config, SeparationFinetuning) or config.musdb is None:
        return [parse_corpus(text) for text in config.data], config.validation
    musdb = open_musdb(config.musdb)
    return [musdb.corpus], [song.name for song in musdb.validation]


def validation_excerpts(config: SeparationRun, sample_rate: int, device: torch.device) -> list[ValidationExcerpt]:
    """Load an excerpt of each song to validate on."""
    targets, (corpora, only) = config.targets, _corpora(config)
    songs = [song for corpus in corpora if only for song in find_songs(corpus, only=only, needed=False)]
    excerpts = []
    for song in songs:
        stems = torch.from_numpy(load_stems(song, targets, sample_rate=sample_rate))
        merged = tuple(sorted(targets.index(target) for target in song.inseparable(targets)))
        excerpts.append(ValidationExcerpt(loudest_excerpt(stems, sample_rate).to(device), merged))
    return excerpts


def loudest_excerpt(song: Tensor, sample_rate: int) -> Tensor:
    """Cut (target, channel, sample) of full scale 1 where all targets sound, but those that never do.

    song: (target, sample, channel) of 16 bits
    """
    n = min(int(EXCERPT_S), song.shape[1] // sample_rate)
    seconds = song[:, : song.shape[1] // sample_rate * sample_rate].unflatten(1, (-1, sample_rate))
    sounding = [row for row in seconds if row.any()] or list(seconds)
    energy = torch.stack([row.double().square().mean((1, 2)) for row in sounding]).unfold(1, n, 1).sum(2)
    first = int(energy.amin(0).argmax()) * sample_rate
    return song[:, first : first + n * sample_rate].transpose(1, 2) / FULL_SCALE
