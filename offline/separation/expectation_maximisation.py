"""The multichannel Wiener filter over a whole file, by expectation and maximisation, as Open-Unmix is published with.

Nugraha, Liutkus, Vincent, "Multichannel audio source separation with deep neural networks" (2016), equations (5) to
(10): every target a local Gaussian model, its power anew in each frame, its spatial covariance one for the whole file.
The live filter (`engine.separation.wiener`) knows the past alone. Axis 0 is time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["wiener_whole"]

Spectra = npt.NDArray[np.complex64]

SMALLEST = 1e-10  # of powers and covariances
LOUDEST = 10.0  # magnitude to which louder mixtures are brought, for the arithmetic of 32 bits
FRAMES = 256  # filtered at a time


def wiener_whole(stems: Spectra, mixture: Spectra, iterations: int = 1) -> Spectra:
    """Return stems (frame, target, channel, bin) refined against the mixture (frame, channel, bin).

    stems: first estimates, as masks make them; unchanged if there are no iterations
    """
    scale = max(1.0, float(np.abs(mixture).max(initial=0)) / LOUDEST)
    heard = mixture / np.float32(scale)
    stems = np.array(stems / np.float32(scale))
    for _ in range(iterations):
        powers, spatial = _local_gaussians(stems)
        for start in range(0, len(stems), FRAMES):
            part = slice(start, start + FRAMES)
            stems[part] = _posterior(powers[part], spatial, heard[part])
    return stems * np.float32(scale)


def _local_gaussians(stems: Spectra) -> tuple[npt.NDArray[np.float32], Spectra]:
    """Return powers (frame, target, bin) and spatial covariances (target, bin, channel, channel)."""
    powers = np.mean(np.abs(stems) ** 2, axis=2)
    outer = np.einsum("ntcb,ntdb->tbcd", stems, stems.conj(), optimize=True)
    return powers, (outer / (SMALLEST + powers.sum(axis=0))[..., None, None]).astype(np.complex64)


def _posterior(powers: npt.NDArray[np.float32], spatial: Spectra, mixture: Spectra) -> Spectra:
    """Return the expected stems (frame, target, channel, bin) of these frames of the mixture."""
    own = powers[..., None, None] * spatial  # (frame, target, bin, channel, channel)
    whole = own.sum(axis=1) + np.float32(np.sqrt(SMALLEST)) * np.eye(spatial.shape[-1], dtype=np.float32)
    heard = np.linalg.solve(whole, np.moveaxis(mixture, 1, 2)[..., None])  # (frame, bin, channel, 1)
    return np.asarray(np.moveaxis((own @ heard[:, None])[..., 0], 2, 3), np.complex64)
