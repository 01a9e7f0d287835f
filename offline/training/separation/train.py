"""Train networks that separate songs into stems, on folders of stems.

Sawata et al. (2021), section 3.1: one optimiser for all targets, Adam at 0.001, no early stopping.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.separation.band_network import SeparationNetwork, build_network
from models.separation.config import SeparationNetworkConfig
from models.separation.losses import (
    allowed,
    combination_masks,
    mean_loss,
    multi_domain_loss,
    spectral_mse,
    spectral_snr,
    weighted_sdr,
)
from models.separation.read_exported import read_exported
from models.separation.spectra import Transform, input_magnitudes, swap_mid_side
from offline.training.common.checkpoint import Checkpoint, restore
from offline.training.common.loop import Trainer, start_run
from offline.training.common.precision import Precision
from offline.training.separation.change_resolution import change_resolution
from offline.training.separation.config import SeparationObjective, SeparationTraining
from offline.training.separation.data import (
    Mixer,
    SeparationRun,
    StemMix,
    ValidationExcerpt,
    equalisers,
    open_stems,
    validation_excerpts,
)

__all__ = [
    "SeparationTask",
    "initial_network",
    "open_mixer",
    "restore_separation",
    "scale_invariant_sdr",
    "train_separation",
]

STATISTICS_BATCHES = 8
ONNX = ".onnx"


class SeparationTask:
    """Random mixes, the losses of the paper, and SI-SDR on songs that are not trained on.

    seed: of initial weights and equalisers
    """

    def __init__(
        self,
        network: SeparationNetworkConfig,
        objective: SeparationObjective,
        mixer: Mixer,
        validation: Sequence[ValidationExcerpt],
        seed: int = 0,
    ) -> None:
        self.config, self.objective, self.mixer, self.validation = network, objective, mixer, validation
        self.seed, self.device = seed, torch.device(mixer.bank.device)
        torch.manual_seed(seed)
        self.model: SeparationNetwork = build_network(network).to(self.device)
        self.transform = Transform(network.n_fft, network.hop, network.window).to(self.device)
        self.precision = Precision(self._tiny_step, wanted=objective.mixed)
        masks = combination_masks(len(network.targets), combine=objective.combine)
        self.masks = masks.to(self.device)

    def scale_input(self) -> None:
        """Scale the inputs by mean and deviation of mixtures of the training data."""
        spectra = (self.transform.spectra(mixture) for mixture in self._mixtures())
        magnitudes = [input_magnitudes(self.config, mixture).flatten(0, 1) for mixture in spectra]
        self.model.scale_input(torch.cat(magnitudes))

    def measure_level(self) -> None:
        """Note how loud mixtures of the training data are, so that live input can be brought to that level."""
        power = torch.cat([mixture.double().square().mean((1, 2)) for mixture in self._mixtures()])
        loud = power[power > 0]
        level = float(loud.log().mean().div(2).exp()) if len(loud) else 0.0
        self.config = replace(self.config, level=round(min(level, 1.0), 4))

    def _mixtures(self) -> Iterator[Tensor]:
        """Draw batches (batch, channel, sample) that no step of the training draws."""
        for k in range(1, STATISTICS_BATCHES + 1):
            yield self.draw(-k % 10_000_000).references.sum(1)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return equation (7) over mix number `index`."""
        mix = self.draw(index)
        spectra = self.transform.spectra(mix.references)  # (frame, batch, target, channel, bin)
        if self.objective.equalise_db:
            spectra = spectra * self.equalisers(index, mix.merged)
        magnitude = input_magnitudes(self.config, spectra.sum(2))
        with self.precision.autocast(self.model):
            masks = self.model(magnitude)
        gradient, total = self._gradient(masks, spectra, mix)
        names = ("snr",) if self.objective.snr else ("mse", "wsdr")
        numbers = dict(zip(names, total.tolist(), strict=False))  # the decibels have no second term
        value: Tensor = _Known.apply(  # type: ignore[no-untyped-call]
            masks, gradient, multi_domain_loss(total[0], total[1], self.alpha)
        )
        return value, numbers

    def _gradient(self, masks: Tensor, spectra: Tensor, mix: StemMix) -> tuple[Tensor, Tensor]:
        """Return the gradient of the loss for the masks and its two terms, taken part of the batch by part."""
        valid = allowed(self.masks, mix.merged)
        gradient, total = torch.empty_like(masks), torch.zeros(2, device=self.device)
        size = 1 if self.device.type == "cpu" else len(valid)  # what fits a cache, or the whole
        for part in torch.arange(len(valid)).split(size):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            own = masks.detach()[:, rows].float().requires_grad_()
            share = len(part) / len(valid)
            terms = self._terms(own, spectra[:, rows], mix.references[rows])
            value = share * mean_loss(multi_domain_loss(*terms, self.alpha), valid[rows])
            gradient[:, rows] = torch.autograd.grad(value, own)[0]
            total += share * torch.stack([mean_loss(term.detach(), valid[rows]) for term in terms])
        return gradient, total

    def _tiny_step(self, model: torch.nn.Module) -> Tensor:
        """Return the masks of two frames of two silent mixtures."""
        masks: Tensor = model(torch.zeros(2, 2, self.config.n_rows, self.config.n_bins, device=self.device))
        return masks

    def draw(self, index: int) -> StemMix:
        """Draw mix `index`, its references (batch, target, channel, sample) as left and right or as mid and side."""
        mix = self.mixer.draw(index, self.objective.batch)
        return replace(mix, references=swap_mid_side(mix.references, 2)) if self.config.mid_side else mix

    def _terms(self, masks: Tensor, spectra: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        """Return the terms of equation (4), or the error in decibels and zeros; each (batch, combination)."""
        mixture = spectra.sum(2)
        if self.objective.snr:
            wanted, whole = torch.view_as_real(spectra), torch.view_as_real(mixture)
            estimates = (masks[..., None] * whole[:, :, None]).flatten(4)
            db = spectral_snr(wanted.flatten(4), estimates, self.masks, self.objective.floor_db)
            return db, torch.zeros_like(db)
        if self.objective.post_stft:
            return self._after_resynthesis(masks, mixture, references)
        mse = spectral_mse(spectra.abs(), masks * mixture.abs()[:, :, None], self.masks)
        return mse, self._time_domain(masks, mixture, references)

    def equalisers(self, index: int, merged: Tensor) -> Tensor:
        """Draw gains (batch, target, 1, bin) for mix number `index`."""
        rng = np.random.default_rng((self.seed, index, 1))
        gains = equalisers(rng, merged.cpu().numpy(), self.objective.equalise_db, self.config)
        return torch.from_numpy(gains).to(self.device)[:, :, None]

    @property
    def alpha(self) -> float:
        """Weight of the time domain in equation (4); 0 leaves it out."""
        return self.objective.alpha if self.objective.multi_domain else 0.0

    def _after_resynthesis(self, masks: Tensor, mixture: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        """Return the terms with spectra taken after the stems' samples: figure 1b, for networks of samples."""
        given, made = self.transform.inner(references), self.transform.masked_samples(masks, mixture)
        spectra = [self.transform.spectra(hops.movedim(0, -2).flatten(-2)) for hops in (given, made)]
        mse = spectral_mse(spectra[0].abs(), spectra[1].abs(), self.masks)
        wsdr = weighted_sdr(given, made, self.masks) if self.objective.multi_domain else torch.zeros_like(mse)
        return mse, wsdr

    def _time_domain(self, masks: Tensor, mixture: Tensor, references: Tensor) -> Tensor:
        """Return equation (6), (batch, combination); 0 where it is left out."""
        if not self.objective.multi_domain:
            return torch.zeros(references.shape[0], len(self.masks), device=self.device)
        samples = self.transform.masked_samples(masks, mixture)
        return weighted_sdr(self.transform.inner(references), samples, self.masks)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure SI-SDR (dB) of each target and its gain over the mixture, mean over the songs that have it."""
        rows = [self._gains(model, excerpt) for excerpt in self.validation]
        if not rows:
            return {}
        gains = torch.stack(rows).nanmean(0)
        names = [f"{kind}_{target}" for kind in ("si_sdr", "gain") for target in self.config.targets]
        figures = {name: value for name, value in zip(names, gains.flatten().tolist(), strict=True) if isfinite(value)}
        return {**figures, "gain": float(gains[1].nanmean())}

    def _gains(self, model: nn.Module, excerpt: ValidationExcerpt) -> Tensor:
        """Return SI-SDR and its gain over the mixture, dB, (2, target); NaN for targets of which there is nothing."""
        references = swap_mid_side(excerpt.references, 1) if self.config.mid_side else excerpt.references
        spectra = self.transform.spectra(references.sum(0, keepdim=True))
        masks = model(input_magnitudes(self.config, spectra))
        masks = masks / masks.sum(2, keepdim=True).clamp_min(1e-8)
        estimates = _together(self.transform.samples(masks * spectra[:, :, None])[:, 0], excerpt.merged)
        inner = _together(self.transform.inner(references), excerpt.merged)
        si_sdr = scale_invariant_sdr(inner, estimates)
        mixture = scale_invariant_sdr(inner, inner.sum(1, keepdim=True).expand_as(inner))
        gains = torch.stack([si_sdr, si_sdr - mixture])
        return gains.masked_fill(~inner.movedim(1, 0).flatten(1).any(1), torch.nan)

    def describe(self) -> dict[str, Any]:
        """Return the network's settings."""
        return self.config.as_dict()


class _Known(torch.autograd.Function):
    """A value whose gradient is known already: taken example by example, it never needs the memory of a batch."""

    @staticmethod
    def forward(ctx: Any, masks: Tensor, gradient: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0], None, None


def _together(signals: Tensor, merged: Sequence[int]) -> Tensor:
    """Put the sum of the merged targets of (time, target, ...) into the last of them, silence into the others."""
    if not merged:
        return signals
    out = signals.clone()
    out[:, list(merged)] = 0
    out[:, merged[-1]] = signals[:, list(merged)].sum(1)
    return out


def scale_invariant_sdr(reference: Tensor, estimate: Tensor) -> Tensor:
    """Return SI-SDR in dB (target) of signals (time, target, ...); Le Roux et al. (2019), equation (3)."""
    x, y = (signal.movedim(1, 0).flatten(1).double() for signal in (reference, estimate))
    scale = (x * y).sum(1, keepdim=True) / (x * x).sum(1, keepdim=True).clamp_min(1e-12)
    wanted = scale * x
    return 10 * torch.log10((wanted**2).sum(1).clamp_min(1e-12) / ((y - wanted) ** 2).sum(1).clamp_min(1e-12))


def initial_network(path: Path) -> SeparationNetwork:
    """Read the network of a checkpoint or of an exported file; ModelError for anything else."""
    return read_exported(path) if path.suffix == ONNX else restore_separation(path)[0]


def restore_separation(path: Path) -> tuple[SeparationNetwork, Checkpoint]:
    """Read a run's network, with averaged weights, and its checkpoint; ModelError for anything else."""
    return restore(path, _rebuild, "a checkpoint of `train separation`")


def _rebuild(task: dict[str, Any]) -> SeparationNetwork:
    return build_network(SeparationNetworkConfig.from_dict(task))


def train_separation(config: SeparationTraining) -> dict[str, float]:
    """Train as the settings say; return the figures of the last validation."""
    task = _task(config, start_run(config))
    trainer = Trainer(task, config.output, config.loop, config)
    if config.resume:
        trainer.resume()
    task.measure_level()
    if trainer.step == 0:
        task.scale_input()
        if config.init_weights is not None:
            change_resolution(task.model, initial_network(config.init_weights))
        trainer.begin()
    bank, n_parameters = task.mixer.bank, sum(p.numel() for p in task.model.parameters())
    print(f"{len(bank.names)} songs, {bank.seconds / 60:.0f} minutes: {', '.join(bank.names)}")
    print(f"{len(task.validation)} songs to validate on; {n_parameters:,} parameters")
    return trainer.run()


def _task(config: SeparationTraining, device: torch.device) -> SeparationTask:
    """Load the data."""
    network, objective = config.network, config.objective
    mixer = open_mixer(config, network, device)
    excerpts = validation_excerpts(config, network.sample_rate, device)
    return SeparationTask(network, objective, mixer, excerpts, config.seed)


def open_mixer(config: SeparationRun, network: SeparationNetworkConfig, device: torch.device) -> Mixer:
    """Load the songs to train on, to be mixed to whole hops of about `segment_s`."""
    wanted = config.objective.segment_s * network.sample_rate
    hops = max(1, round((wanted - network.n_fft) / network.hop))
    bank = open_stems(config, network.sample_rate, device)
    return Mixer(bank, config.mix, n_samples=network.n_fft + hops * network.hop, seed=config.seed)
