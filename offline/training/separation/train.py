"""Train Open-Unmix or CrossNet-Open-Unmix on folders of stems.

Sawata et al. (2021), section 3.1: one optimiser for all targets, Adam at 0.001, no early stopping.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.separation.mask_network import STEREO
from models.separation.band_network import build_model
from models.separation.losses import (
    FLOOR_DB,
    allowed,
    combination_masks,
    mean_loss,
    multi_domain_loss,
    spectral_mse,
    spectral_snr,
    weighted_sdr,
)
from models.separation.mid_side import heard, turned
from models.separation.network import SIZES, TARGETS, UnmixConfig
from models.separation.spectra import Transform
from offline.synthesis.multitrack import find_songs, load, parse_corpus
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, autocast, pick_device
from offline.training.separation.change_resolution import begin_with
from offline.training.separation.equaliser import equalisers
from offline.training.separation.export import load_checkpoint
from offline.training.separation.mixing import MixConfig, Mixer, StemBank
from offline.training.separation.objective import ObjectiveConfig
from offline.training.separation.validation import gains_on_song, loudest

__all__ = ["UnmixTask", "add_options", "main", "network_config", "train"]

STATISTICS_BATCHES = 8
WIDTHS = {False: (256, 3), True: (64, 4)}  # whether of bands: units and layers


class UnmixTask:
    """Random mixes, the losses of the paper, and SI-SDR on songs held out."""

    def __init__(
        self, config: UnmixConfig, objective: ObjectiveConfig, mixer: Mixer, held_out: Sequence[Tensor]
    ) -> None:
        self.config, self.objective, self.mixer, self.held_out = config, objective, mixer, held_out
        self.device = torch.device(mixer.bank.device)
        torch.manual_seed(objective.seed)
        self.model = build_model(config).to(self.device)
        self.transform = Transform(config.n_fft, config.hop, config.window).to(self.device)
        masks = combination_masks(len(config.targets), combine=objective.combine)
        self.masks = masks.to(self.device)

    def start_from_statistics(self) -> None:
        """Scale the inputs by mean and deviation of mixtures of the training data."""
        spectra = (self.transform.spectra(mixture) for mixture in self._mixtures())
        self.model.start_from(torch.cat([heard(self.config, mixture).flatten(0, 1) for mixture in spectra]))

    def measure_level(self) -> None:
        """Note how loud mixtures of the training data are, so that live input can be brought there."""
        power = torch.cat([mixture.double().square().mean((1, 2)) for mixture in self._mixtures()])
        heard = power[power > 0]
        level = float(heard.log().mean().div(2).exp()) if len(heard) else 0.0
        self.config = replace(self.config, level=round(min(level, 1.0), 4))

    def _mixtures(self) -> Iterator[Tensor]:
        """Batches (batch, channel, sample) that no step of the training draws."""
        for k in range(1, STATISTICS_BATCHES + 1):
            yield self._draw(-k % 10_000_000)[0].sum(1)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Equation (7) over mix number `index`."""
        references, merged = self._draw(index)
        spectra = self.transform.spectra(references)  # (frame, batch, target, channel, bin)
        if self.objective.equalise_db:
            spectra = spectra * self._equalisers(index, merged)
        magnitude = heard(self.config, spectra.sum(2))
        with autocast(self.device, enabled=self.objective.mixed):
            masks = self.model(magnitude)
        valid = allowed(self.masks, merged)
        gradient, total = torch.empty_like(masks), torch.zeros(2, device=self.device)
        size = 1 if self.device.type == "cpu" else len(valid)  # what fits a cache, or the whole
        for part in torch.arange(len(valid)).split(size):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            own = masks.detach()[:, rows].float().requires_grad_()
            share = len(part) / len(valid)
            terms = self._terms(own, spectra[:, rows], references[rows])
            value = share * mean_loss(multi_domain_loss(*terms, self.alpha), valid[rows])
            gradient[:, rows] = torch.autograd.grad(value, own)[0]
            total += share * torch.stack([mean_loss(term.detach(), valid[rows]) for term in terms])
        names = ("snr",) if self.objective.snr else ("mse", "wsdr")
        numbers = dict(zip(names, total.tolist(), strict=False))  # there is nothing beside the decibels
        return _Known.apply(masks, gradient, multi_domain_loss(*total, self.alpha)), numbers

    def _draw(self, index: int) -> tuple[Tensor, Tensor]:
        """References (batch, target, channel, sample) as the masks are of, and which are merged, of mix `index`."""
        mix = self.mixer.draw(index, self.objective.batch)
        return turned(mix.references, 2) if self.config.mid_side else mix.references, mix.merged

    def _terms(self, masks: Tensor, spectra: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        """What equation (4) adds, or the decibels of error and nothing; each (batch, combination)."""
        mixture = spectra.sum(2)
        if self.objective.snr:
            wanted, whole = torch.view_as_real(spectra), torch.view_as_real(mixture)
            estimates = (masks[..., None] * whole[:, :, None]).flatten(4)
            db = spectral_snr(wanted.flatten(4), estimates, self.masks, self.objective.floor_db)
            return db, torch.zeros_like(db)
        mse = spectral_mse(spectra.abs(), masks * mixture.abs()[:, :, None], self.masks)
        return mse, self._time_domain(masks, mixture, references)

    def _equalisers(self, index: int, merged: Tensor) -> Tensor:
        """Gains (batch, target, 1, bin) of mix number `index`."""
        seed = self.objective.seed, index, 1
        gains = equalisers(np.random.default_rng(seed), merged.cpu().numpy(), self.objective.equalise_db, self.config)
        return torch.from_numpy(gains).to(self.device)[:, :, None]

    @property
    def alpha(self) -> float:
        """Of equation (4); 0 leaves the time domain out."""
        return self.objective.alpha if self.objective.multi_domain else 0.0

    def _time_domain(self, masks: Tensor, mixture: Tensor, references: Tensor) -> Tensor:
        """Equation (6), (batch, combination); 0 where it is left out."""
        if not self.objective.multi_domain:
            return torch.zeros(references.shape[0], len(self.masks), device=self.device)
        samples = self.transform.masked_samples(masks, mixture)
        return weighted_sdr(self.transform.inner(references), samples, self.masks)

    def validate(self, model: torch.nn.Module) -> dict[str, float]:
        """SI-SDR (dB) of each target and its gain over the mixture, mean over the songs held out."""
        rows = [gains_on_song(model, self.config, self.transform, references) for references in self.held_out]
        if not rows:
            return {}
        gains = torch.stack(rows).mean(0)
        names = [f"{kind}_{target}" for kind in ("si_sdr", "gain") for target in self.config.targets]
        figures = dict(zip(names, gains.flatten().tolist(), strict=True))
        return {**figures, "gain": float(gains[1].mean())}

    def describe(self) -> dict[str, Any]:
        """The network's settings."""
        return self.config.as_dict()


class _Known(torch.autograd.Function):
    """A value whose gradient is known already: taken example by example, it never needs the memory of a batch."""

    @staticmethod
    def forward(ctx: Any, masks: Tensor, gradient: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grads[0], None, None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train unmix`."""
    add = parser.add_argument
    add("--data", action="append", required=True, metavar="DIR[:WEIGHT[:bass+other]]", help="folders of stems")
    add("--out", type=Path, required=True, help="folder for checkpoint and curves")
    add("--hold-out", nargs="*", default=[], metavar="SONG", help="songs that are validated on, never trained on")
    add("--targets", nargs="+", default=list(TARGETS), help="stems to separate into (default %(default)s)")
    add("--size", choices=sorted(SIZES), default="standard", help="window and hop: 4096/1024 or 1024/512 samples")
    add("--hidden", type=int, help=f"units of each LSTM (default {WIDTHS[False][0]}, of bands {WIDTHS[True][0]})")
    add("--layers", type=int, help=f"of LSTM (default {WIDTHS[False][1]}, of bands {WIDTHS[True][1]})")
    add("--model", choices=["umx", "xumx", "bands"], default="xumx", help="networks apart, crossing, or of bands")
    add("--stereo", choices=STEREO, default=STEREO[0], help="what the masks are of; mid-side of bands only")
    add("--bidirectional", action="store_true", help="for files only")
    add("--snr", action="store_true", help="minimise decibels of error instead of the paper's losses")
    add("--floor", type=float, default=FLOOR_DB, metavar="DB", help="of --snr (default %(default)s)")
    add("--no-mdl", action="store_true", help="without the multi-domain loss")
    add("--no-cl", action="store_true", help="without the combination loss")
    add("--minutes", type=float, default=10.0, help="to train (default %(default)s)")
    add("--steps", type=int, help="train for this number of steps instead of minutes")
    add("--rate", type=float, default=1e-3, help="of learning (default %(default)s)")
    add("--decay", type=float, default=0.3, help="last part of the run over which the learning rate falls")
    add("--validate-every", type=float, default=10.0, metavar="MINUTES")
    add("--batch", type=int, default=16, help="examples a step (default %(default)s)")
    add("--segment", type=float, default=4.0, help="seconds of each example")
    mix = MixConfig()
    add("--speed", type=float, default=mix.speed, help="largest change of tempo and pitch (default %(default)s)")
    add("--tilt", type=float, default=mix.tilt, help="largest change of tone, 0 to 0.9 (default %(default)s)")
    add("--wide", type=float, default=0.0, metavar="SHARE", help="of the stems made wide (default %(default)s)")
    add("--mono", type=float, default=0.0, metavar="SHARE", help="of the examples (default %(default)s)")
    add("--width", type=float, default=0.0, help="largest change of stereo width, 0 to 1 (default %(default)s)")
    add(
        "--equalise",
        type=float,
        default=0.0,
        metavar="DB",
        help="deviation of each stem's random equaliser, with --snr",
    )
    add("--seed", type=int, default=0, help="of weights and mixes")
    add("--device", default="auto", help="cpu, cuda, or auto")
    add("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    add("--start-from", type=Path, metavar="CHECKPOINT", help="begin with another run's weights, of any window")
    add("--resume", action="store_true", help="go on from the checkpoint in --out")


def network_config(args: argparse.Namespace) -> UnmixConfig:
    """The network that the options ask for."""
    bands = args.model == "bands"
    hidden, n_layers = WIDTHS[bands]
    return UnmixConfig(
        targets=tuple(args.targets),
        hidden=hidden if args.hidden is None else args.hidden,
        n_layers=n_layers if args.layers is None else args.layers,
        bidirectional=args.bidirectional,
        cross=args.model == "xumx",
        network="bands" if bands else "open-unmix",
        stereo=args.stereo,
        **SIZES[args.size],
    )


def build(args: argparse.Namespace) -> UnmixTask:
    """The task that the options ask for, its data loaded."""
    config = network_config(args)
    objective = ObjectiveConfig(
        snr=args.snr,
        floor_db=args.floor,
        equalise_db=args.equalise,
        multi_domain=not args.no_mdl,
        combine=not args.no_cl,
        batch=args.batch,
        segment_s=args.segment,
        seed=args.seed,
    )
    device, corpora = pick_device(args.device), [parse_corpus(text) for text in args.data]
    rate = config.sample_rate
    bank = StemBank(corpora, config.targets, sample_rate=rate, exclude=args.hold_out, device=device)
    hops = max(1, round((objective.segment_s * rate - config.n_fft) / config.hop))
    changes = MixConfig(speed=args.speed, tilt=args.tilt, width=args.width, wide=args.wide, mono=args.mono)
    mixer = Mixer(bank, changes, n_samples=config.n_fft + hops * config.hop, seed=args.seed)
    songs = [
        torch.from_numpy(load(song, config.targets, sample_rate=rate))
        for corpus in corpora
        if args.hold_out
        for song in find_songs(corpus, only=args.hold_out, needed=False)
    ]
    return UnmixTask(config, objective, mixer, [loudest(song, rate).to(device) for song in songs])


def train(args: argparse.Namespace) -> dict[str, float]:
    """Run the options of `add_options`; returns the last validation."""
    torch.set_num_threads(args.threads)
    task = build(args)
    every_s = 60 * args.validate_every
    loop = LoopConfig(
        minutes=args.minutes, steps=args.steps, learning_rate=args.rate, decay=args.decay, validate_every_s=every_s
    )
    trainer = Trainer(task, args.out, loop)
    if args.resume:
        trainer.resume()
    task.measure_level()
    if trainer.step == 0:
        task.start_from_statistics()
        if args.start_from is not None:
            begin_with(task.model, load_checkpoint(args.start_from)[0])
        trainer.begin()
    bank = task.mixer.bank
    print(f"{len(bank.names)} songs, {bank.seconds / 60:.0f} minutes: {', '.join(bank.names)}")
    print(f"held out: {len(task.held_out)}; {sum(p.numel() for p in task.model.parameters()):,} parameters")
    figures = trainer.run()
    print(", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """`collaparte train unmix`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
