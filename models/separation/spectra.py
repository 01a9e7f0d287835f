"""Spectra for training: a differentiable short-time Fourier transform and its inverse, mid and side, on any device.

Frames and weights are those of the live engine (`engine.dsp`, `engine.separation.mask_network`), so that what is
trained is what runs. Axis 0 is time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.core.errors import ConfigError
from engine.dsp.window import synthesis_window, window
from models.separation.config import SeparationNetworkConfig

__all__ = ["Transform", "input_magnitudes", "swap_mid_side"]


def swap_mid_side(values: Tensor, axis: int) -> Tensor:
    """Turn left and right along `axis` into mid and side, or mid and side into left and right: it is its own inverse.

    A voice in the middle is in the sum alone, a wide chorus or reverberation stands out in the difference. Energies,
    and so losses and ratios, stay the same.
    """
    first, second = values.unbind(axis)
    swapped: Tensor = torch.stack([first + second, first - second], axis) * 0.5**0.5
    return swapped


def input_magnitudes(config: SeparationNetworkConfig, mixture: Tensor) -> Tensor:
    """Return the network's input (frame, batch, row, bin) of spectra (frame, batch, channel, bin).

    The spectra are of mid and side if the masks are. Rows: the channels, or mid, side, left and right.
    """
    rows = torch.cat([mixture, swap_mid_side(mixture, 2)], 2) if config.mid_side else mixture
    return rows.abs()


class Transform(nn.Module):
    """Samples to spectra and back, without padding: only frames that lie inside the samples.

    n_fft, hop: samples, n_fft a multiple of hop; name: of the window.
    """

    def __init__(self, n_fft: int, hop: int, name: str = "hann") -> None:
        super().__init__()
        if n_fft % hop:
            raise ConfigError("hop", expected=f"a divisor of {n_fft}", got=str(hop))
        self.n_fft, self.hop, self.overlap = n_fft, hop, n_fft // hop
        self.analysis: Tensor
        self.synthesis: Tensor
        self.register_buffer("analysis", torch.from_numpy(window(name, n_fft)), persistent=False)
        self.register_buffer("synthesis", torch.from_numpy(synthesis_window(name, n_fft, hop)), persistent=False)

    def spectra(self, audio: Tensor) -> Tensor:
        """Return spectra (frame, *rest, bin) of samples (*rest, sample)."""
        frames = audio.unfold(-1, self.n_fft, self.hop).movedim(-2, 0)
        if audio.requires_grad:
            differentiable: Tensor = torch.fft.rfft(frames * self.analysis)
            return differentiable
        weighted = torch.empty(frames.shape, device=audio.device)
        torch.mul(frames, self.analysis, out=weighted)
        spectra: Tensor = torch.fft.rfft(weighted)
        return spectra

    def inner(self, audio: Tensor) -> Tensor:
        """Cut samples (*rest, sample) into those hops (hop, *rest, sample) that `samples` gives back whole."""
        n_frames = (audio.shape[-1] - self.n_fft) // self.hop + 1
        first, last = (self.overlap - 1) * self.hop, n_frames * self.hop
        hops: Tensor = audio[..., first:last].unflatten(-1, (-1, self.hop))
        return hops.movedim(-2, 0)

    def samples(self, spectra: Tensor) -> Tensor:
        """Overlap-add (frame, *rest, bin) to (hop, *rest, sample of the hop), the hops that all frames reach."""
        frames: Tensor = torch.fft.irfft(spectra, n=self.n_fft).mul_(self.synthesis)
        frames = frames.unflatten(-1, (self.overlap, self.hop))
        n = len(frames) - self.overlap + 1
        out = frames[self.overlap - 1 :, ..., 0, :].clone()
        for k in range(1, self.overlap):
            out += frames[self.overlap - 1 - k : self.overlap - 1 - k + n, ..., k, :]
        return out

    def masked_samples(self, masks: Tensor, mixture: Tensor) -> Tensor:
        """Return `samples` of masks (frame, batch, target, channel, bin) times the mixture's spectra without target.

        Differentiable in the masks; the mixture is data. Equations (2) and (3) of Sawata et al. (2021).
        """
        out: Tensor = _Resynthesis.apply(masks, mixture[:, :, None], self)  # type: ignore[no-untyped-call]
        return out


class _Resynthesis(torch.autograd.Function):
    """The inverse transform with its adjoint written out: a fifth of the passes over memory that autograd makes."""

    @staticmethod
    def forward(ctx: Any, masks: Tensor, mixture: Tensor, transform: Transform) -> Tensor:
        ctx.save_for_backward(mixture)
        ctx.transform, ctx.n_frames = transform, len(masks)
        return transform.samples(masks * mixture)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (mixture,), t = ctx.saved_tensors, ctx.transform
        (grad,) = grads
        frames = torch.zeros(ctx.n_frames, *grad.shape[1:-1], t.overlap, t.hop, device=grad.device)
        for k in range(t.overlap):
            start = t.overlap - 1 - k
            frames[start : start + len(grad), ..., k, :] = grad
        spectra = torch.fft.rfft(frames.flatten(-2).mul_(t.synthesis))
        out = spectra.real * mixture.real
        out.addcmul_(spectra.imag, mixture.imag)
        out.mul_(2 / t.n_fft)  # irfft counts every bin twice, but the first and the last
        out[..., 0] *= 0.5
        out[..., -1] *= 0.5
        return out, None, None
