"""Teach a finished network of bands targets that it takes for `other`: a bass, where it knew none.

All that the network knows stays as it is, to the bit: only how much of `other` is the new target is learnt, by rows of
its last layers, in the lower bands. What these layers see is taken once of a pool of examples, so a step costs a
twentieth of one that trains the whole network.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from engine.core.errors import ModelError
from models.separation.band_network import BandNetwork
from models.separation.losses import mean_loss, spectral_snr
from models.separation.spectra import input_magnitudes
from offline.synthesis.multitrack import REST
from offline.training.common.loop import Trainer, start_run
from offline.training.separation.change_resolution import change_resolution
from offline.training.separation.config import SeparationFinetuning
from offline.training.separation.data import validation_excerpts
from offline.training.separation.train import SeparationTask, initial_network, open_mixer

__all__ = ["NewTargetTask", "finetune_separation"]

SHUT = 7.0  # nepers below `other` that a new target is in the bands that do not learn
QUIET = 1.0  # the same where it learns, to begin with


class NewTargetTask(SeparationTask):
    """New targets of a network, by examples whose features and spectra are kept.

    The network is the task's own, with the weights to begin with; see `prepare`.
    """

    def prepare(self, known: BandNetwork, n_groups: int, pool: int) -> None:
        """Begin with the weights of `known`, let the rows of the new targets learn, and fill the pool."""
        assert isinstance(self.model, BandNetwork)
        change_resolution(self.model, known)
        targets = self.config.targets
        new = torch.tensor([name not in known.config.targets for name in targets])
        self.model.requires_grad_(False)
        for k, outer in enumerate(self.model.outer):
            _begin(outer, new, QUIET if k < n_groups else SHUT)
            if k < n_groups:
                _learn_rows(outer, new)
        self.n_bins = sum(n * bins for n, bins in self.model.groups[:n_groups])
        self.features, self.spectra = self._pool(n_groups, pool)

    @torch.no_grad()
    def _pool(self, n_groups: int, size: int) -> tuple[list[Tensor], Tensor]:
        """Take features (example, frame, band, MASK_WIDTH) of each group, and spectra (example, frame, target, ...)."""
        features: list[list[Tensor]] = [[] for _ in range(n_groups)]
        spectra: list[Tensor] = []
        assert isinstance(self.model, BandNetwork)
        self.model.eval()
        with tqdm(total=size, unit="example") as progress:
            for index in count():
                mix = self.draw(index)
                whole = self.transform.spectra(mix.references)
                if self.objective.equalise_db:
                    whole = whole * self.equalisers(index, mix.merged)
                for row in torch.nonzero(~mix.merged.any(1)).flatten().tolist():
                    one = whole[:, row : row + 1]
                    seen = self.model.features(input_magnitudes(self.config, one.sum(2)), n_groups)
                    for kept, each in zip(features, seen, strict=True):
                        kept.append(each.half())
                    spectra.append(one[:, 0, ..., : self.n_bins].clone())
                    progress.update()
                    if len(spectra) == size:
                        return [torch.stack(kept) for kept in features], torch.stack(spectra)
        raise AssertionError  # counting does not end

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the error in decibels over a batch from the pool, of the bands that learn."""
        assert isinstance(self.model, BandNetwork)
        rng = np.random.default_rng((self.seed, index, 2))
        chosen = torch.from_numpy(rng.choice(len(self.spectra), self.objective.batch))
        seen = [kept[chosen].float().transpose(0, 1).flatten(0, 1) for kept in self.features]
        masks = torch.softmax(self.model.divide(self.model.decode(seen, len(chosen))), 2)
        wanted = torch.view_as_real(self.spectra[chosen].transpose(0, 1))  # (frame, batch, target, channel, bin, part)
        estimates = masks[..., None] * wanted.sum(2, keepdim=True)
        db = spectral_snr(wanted.flatten(4), estimates.flatten(4), self.masks, self.objective.floor_db)
        value = mean_loss(db)
        return value, {"snr": float(value.detach())}


def _rows(values: Tensor, n_targets: int) -> Tensor:
    """See the last axis (target * channel * bin) as (target, channel * bin)."""
    return values.unflatten(-1, (n_targets, -1))


def _learn_rows(outer: nn.Module, learning: Tensor) -> None:
    for value in outer.parameters():
        value.requires_grad_(True)
        value.register_hook(lambda grad: (_rows(grad, len(learning)) * learning[:, None]).flatten(-2))


@torch.no_grad()
def _begin(outer: nn.Module, new: Tensor, nepers: float) -> None:
    """Give what was `other`, the last target, back to it, and let each new one begin so far below it."""
    _rows(outer.weight, len(new))[..., new, :] = 0.0  # type: ignore[arg-type]
    bias = _rows(outer.bias, len(new))  # type: ignore[arg-type]
    bias[..., -1, :] += float(torch.log(1.0 + new.sum()))
    bias[..., new, :] = -nepers


def _fits(known: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the wanted targets are the known ones with others before the last, which is REST."""
    n = len(known) - 1
    return len(wanted) > len(known) and known[:n] == wanted[:n] and known[-1] == wanted[-1] == REST


def finetune_separation(config: SeparationFinetuning) -> dict[str, float]:
    """Teach as the settings say; return the figures of the last validation."""
    device, known = start_run(config), initial_network(config.init_weights)
    if not isinstance(known, BandNetwork) or not _fits(known.config.targets, config.targets):
        expected = f"a network of bands for some of {', '.join(config.targets)}, the new ones last before {REST}"
        raise ModelError(str(config.init_weights), expected=expected, got=", ".join(known.config.targets))
    n_new = len(config.targets) - len(known.config.targets)
    values = {**known.config.as_dict(), "targets": config.targets, "nested": n_new, "temperature": 1.0}
    network = type(known.config).from_dict(values)
    mixer = open_mixer(config, network, device)
    excerpts = validation_excerpts(config, network.sample_rate, device)
    task = NewTargetTask(network, config.objective, mixer, excerpts, config.seed)
    task.prepare(known, config.groups, config.pool)
    trainer = Trainer(task, config.output, config.loop, config)
    if config.resume:
        trainer.resume()
    return trainer.run()
