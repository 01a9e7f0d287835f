"""How well a separating network in training does on a song that it never saw."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.separation.mid_side import heard, turned
from models.separation.network import UnmixConfig
from models.separation.spectra import Transform
from offline.synthesis.multitrack import FULL_SCALE

__all__ = ["gains_on_song", "loudest", "scale_invariant_sdr"]

VALID_S = 60.0  # of every song, where its quietest target is loudest


def gains_on_song(model: nn.Module, config: UnmixConfig, transform: Transform, references: Tensor) -> Tensor:
    """(2, target): SI-SDR and its gain over the mixture, dB, for references (target, channel, sample)."""
    if config.mid_side:
        references = turned(references, 1)
    spectra = transform.spectra(references.sum(0, keepdim=True))
    masks = model(heard(config, spectra))
    masks = masks / masks.sum(2, keepdim=True).clamp_min(1e-8)
    estimates = transform.samples(masks * spectra[:, :, None])[:, 0]
    inner = transform.inner(references)
    si_sdr = scale_invariant_sdr(inner, estimates)
    mixture = scale_invariant_sdr(inner, inner.sum(1, keepdim=True).expand_as(inner))
    return torch.stack([si_sdr, si_sdr - mixture])


def scale_invariant_sdr(reference: Tensor, estimate: Tensor) -> Tensor:
    """SI-SDR in dB (target) of signals (time, target, ...); Le Roux et al. (2019), equation (3)."""
    x, y = (signal.movedim(1, 0).flatten(1).double() for signal in (reference, estimate))
    scale = (x * y).sum(1, keepdim=True) / (x * x).sum(1, keepdim=True).clamp_min(1e-12)
    wanted = scale * x
    return 10 * torch.log10((wanted**2).sum(1).clamp_min(1e-12) / ((y - wanted) ** 2).sum(1).clamp_min(1e-12))


def loudest(song: Tensor, sample_rate: int) -> Tensor:
    """(target, channel, sample) of full scale 1 from (target, sample, channel) of 16 bits: where all targets sound."""
    n = min(int(VALID_S), song.shape[1] // sample_rate)
    seconds = song[:, : song.shape[1] // sample_rate * sample_rate].unflatten(1, (-1, sample_rate))
    energy = torch.stack([row.double().square().mean((1, 2)) for row in seconds]).unfold(1, n, 1).sum(2)
    first = int(energy.amin(0).argmax()) * sample_rate
    return song[:, first : first + n * sample_rate].transpose(1, 2) / FULL_SCALE
