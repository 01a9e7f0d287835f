"""Compute the kernels of kernel additive modelling: spatial covariances, whitened powers, multichannel Wiener filter.

FitzGerald, Liutkus, Rafii, Pardo, Daudet: Harmonic/percussive separation using kernel additive modelling, ISSC
2014. One spatial covariance R(f) of I channels is packed into real float32 (I, I, bin): its diagonal as it is, the
real part of R_ij, i < j, at [i, j], the imaginary part at [j, i]. Its trace is I. Spectra are (channel, bin).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.dsp.median import aligned
from engine.dsp.minmax import large

__all__ = ["FLOOR", "identity", "learn", "mask", "power", "root", "solve", "whitened", "wiener"]

FLOOR = np.float32(1e-30)  # power added to both sources: silence is halved instead of divided by 0
LOADING = np.float32(1e-2)  # of the identity in every covariance: a panned source alone would make it singular


def identity(n_channels: int, n_bins: int) -> npt.NDArray[np.float32]:
    """Return packed identity covariances, (n_channels, n_channels, n_bins)."""
    packed = aligned(n_channels, n_channels, n_bins)
    packed[np.arange(n_channels), np.arange(n_channels)] = 1
    return packed


@njit(nogil=True, cache=True)
def power(x: C64, z: F32) -> None:
    """Compute z(f) = |x(f)|^2 of one channel."""
    for k in range(len(z)):
        z[k] = x[k].real * x[k].real + x[k].imag * x[k].imag


@njit(nogil=True, cache=True)
def root(z: F32, quarters: int) -> None:
    """Raise z to the power of quarters / 4, by square roots; the median commutes with this."""
    if quarters == 2:
        for k in range(len(z)):
            z[k] = np.sqrt(z[k])
    elif quarters == 3:
        for k in range(len(z)):
            half = np.sqrt(z[k])
            z[k] = half * np.sqrt(half)


@njit(nogil=True, cache=True)
def learn(x: C64, packed: F32, alpha: Scalar32, z: F32) -> None:
    """Algorithm 1, 4a-b, as a recursive mean: R <- (1 - alpha) R + alpha I x x* / tr(x x*). Silent bins are skipped.

    z (bin) is scratch. Multiplying x by any factor changes nothing, so x may be mixture or source alike.
    """
    n_channels, weight = len(x), alpha * np.float32(len(x))
    for k in range(len(z)):
        z[k] = FLOOR
    for i in range(n_channels):
        for k in range(len(z)):
            z[k] += x[i, k].real * x[i, k].real + x[i, k].imag * x[i, k].imag
    for i in range(n_channels):
        for j in range(i, n_channels):
            real, imag = packed[i, j], packed[j, i]
            for k in range(len(z)):
                audible = z[k] > np.float32(2) * FLOOR
                keep = np.float32(1) - alpha if audible else np.float32(1)
                gain = weight / z[k] if audible else np.float32(0)
                a, b = x[i, k], x[j, k]
                real[k] = keep * real[k] + gain * (a.real * b.real + a.imag * b.imag)
                if i != j:
                    imag[k] = keep * imag[k] + gain * (a.imag * b.real - a.real * b.imag)


@njit(nogil=True, cache=True)
def whitened(x: C64, packed: F32, matrix: C64, vector: C64, z: F32) -> None:
    """Algorithm 1, 4c: z(f) = tr(R(f)^-1 x x*) / I = x* R^-1 x / I, R loaded with LOADING of the identity.

    matrix (channel, channel), vector (channel): complex scratch for more than two channels.
    """
    n_channels = len(x)
    keep = np.float32(1) - LOADING
    two = np.float32(2)
    if n_channels == 2:
        for k in range(len(z)):
            a, b = keep * packed[0, 0, k] + LOADING, keep * packed[1, 1, k] + LOADING
            c, d = keep * packed[0, 1, k], keep * packed[1, 0, k]
            p, q, r, s = x[0, k].real, x[0, k].imag, x[1, k].real, x[1, k].imag
            own = b * (p * p + q * q) + a * (r * r + s * s)
            cross = c * (p * r + q * s) + d * (q * r - p * s)
            ratio = (own - two * cross) / (two * (a * b - c * c - d * d))
            z[k] = large(ratio, np.float32(0))
        return
    for k in range(len(z)):
        unpack(packed, k, keep, LOADING, matrix)
        for i in range(n_channels):
            vector[i] = x[i, k]
        solve(matrix, vector)
        total = np.float32(0)
        for i in range(n_channels):
            total += x[i, k].real * vector[i].real + x[i, k].imag * vector[i].imag
        z[k] = large(np.float32(total / n_channels), np.float32(0))


@njit(nogil=True, cache=True)
def unpack(packed: F32, k: int, scale: Scalar32, load: Scalar32, matrix: C64) -> None:
    """Unpack: matrix = scale * R(k) + load * identity."""
    n = len(matrix)
    for i in range(n):
        matrix[i, i] = scale * packed[i, i, k] + load
        for j in range(i + 1, n):
            matrix[i, j] = scale * complex(packed[i, j, k], packed[j, i, k])
            matrix[j, i] = scale * complex(packed[i, j, k], -packed[j, i, k])


@njit(nogil=True, cache=True)
def solve(matrix: C64, vector: C64) -> None:
    """Solve: vector <- matrix^-1 vector for a Hermitian positive definite matrix, by Cholesky; both are overwritten."""
    n = len(vector)
    for j in range(n):
        for k in range(j):
            for i in range(j, n):
                matrix[i, j] -= matrix[i, k] * matrix[j, k].conjugate()
        root = np.sqrt(max(matrix[j, j].real, FLOOR))
        for i in range(j, n):
            matrix[i, j] /= root
    for i in range(n):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i].real
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            vector[i] -= matrix[k, i].conjugate() * vector[k]
        vector[i] /= matrix[i, i].real


@njit(nogil=True, cache=True)
def mask(x: C64, own: F32, other: F32, weight: Scalar32, out: C64) -> None:
    """Equation 7 for one channel, or sources with equal covariances: out = x own / (own + weight other)."""
    for k in range(len(out)):
        gain = (own[k] + FLOOR) / (own[k] + weight * other[k] + (np.float32(1) + weight) * FLOOR)
        out[k] = complex(gain * x[k].real, gain * x[k].imag)


@njit(nogil=True, cache=True)
def wiener(
    x: C64,
    own: F32,
    own_packed: F32,
    other: F32,
    other_packed: F32,
    weight: Scalar32,
    matrix: C64,
    vector: C64,
    out: C64,
) -> None:
    """Equation 7: out = s_j R_j (s_j R_j + weight s_i R_i)^-1 x, both R loaded with LOADING of the identity.

    matrix (2, channel, channel), vector (channel): complex scratch for more than two channels.
    """
    n_channels = len(x)
    keep = np.float32(1) - LOADING
    if n_channels == 2:
        for k in range(out.shape[1]):
            total = own[k] + weight * other[k] + (np.float32(1) + weight) * FLOOR
            g = (own[k] + FLOOR) / total
            h = np.float32(1) - g
            a0, b0 = keep * own_packed[0, 0, k] + LOADING, keep * own_packed[1, 1, k] + LOADING
            c0, d0 = keep * own_packed[0, 1, k], keep * own_packed[1, 0, k]
            a = g * a0 + h * (keep * other_packed[0, 0, k] + LOADING)
            b = g * b0 + h * (keep * other_packed[1, 1, k] + LOADING)
            c = g * c0 + h * keep * other_packed[0, 1, k]
            d = g * d0 + h * keep * other_packed[1, 0, k]
            scale = g / (a * b - c * c - d * d)
            p, q, r, s = x[0, k].real, x[0, k].imag, x[1, k].real, x[1, k].imag
            y, z = scale * (b * p - c * r + d * s), scale * (b * q - c * s - d * r)
            u, v = scale * (a * r - c * p - d * q), scale * (a * s - c * q + d * p)
            out[0, k] = complex(a0 * y + c0 * u - d0 * v, a0 * z + c0 * v + d0 * u)
            out[1, k] = complex(b0 * u + c0 * y + d0 * z, b0 * v + c0 * z - d0 * y)
        return
    for k in range(out.shape[1]):
        g = (own[k] + FLOOR) / (own[k] + weight * other[k] + (np.float32(1) + weight) * FLOOR)
        h = np.float32(1) - g
        unpack(own_packed, k, keep, LOADING, matrix[0])
        unpack(other_packed, k, keep, LOADING, matrix[1])
        for i in range(n_channels):
            vector[i] = x[i, k]
            for j in range(n_channels):
                matrix[1, i, j] = g * matrix[0, i, j] + h * matrix[1, i, j]
        solve(matrix[1], vector)
        for i in range(n_channels):
            total_out = np.complex64(0)
            for j in range(n_channels):
                total_out += g * matrix[0, i, j] * vector[j]
            out[i, k] = total_out
