"""Compute one frame of the multichannel Wiener filter over any number of targets, and update its covariances.

Duong, Vincent, Gribonval, "Under-determined reverberant audio source separation using a full-rank spatial covariance
model", IEEE TASLP 2010, section III: target j of I channels has power v_j and spatial covariance R_j, and

    W_j = v_j R_j (sum_k v_k R_k)^-1,    y_j = W_j x                                             (the filter)
    C_j = y_j y_j* + (1 - W_j) v_j R_j                                                           (the posterior)
    R_j <- (1 - alpha) R_j + alpha I C_j / tr C_j                                      (their mean, made recursive)

A silent target has C_j = v_j R_j: its covariance does not change. Packing, LOADING and FLOOR are those of
`engine.separation.kam`. Powers are taken relative to their sum, so that no square leaves the range of float32.

The steps are called from Python one by one: a kernel of them all would be compiled with every one of them again.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.dsp.sanitise import clean
from engine.separation.kam import FLOOR, LOADING, solve, unpack

__all__ = ["clean_stems", "filter_many", "filter_one", "filter_two", "relative_powers", "share_rest", "sum_up"]

AUDIBLE = np.float32(1e-20)  # sum of the powers below which a bin does not update the covariances


@njit(nogil=True, cache=True)
def clean_stems(frames: C64, limit: Scalar32, out: C64) -> None:
    """Copy frames (frame, target, channel, bin), with invalid values replaced."""
    for t in range(len(frames)):
        for j in range(frames.shape[1]):
            for c in range(frames.shape[2]):
                for k in range(frames.shape[3]):
                    value = frames[t, j, c, k]
                    out[t, j, c, k] = complex(clean(value.real, limit), clean(value.imag, limit))


@njit(nogil=True, cache=True)
def sum_up(stems: C64, mixture: C64) -> None:
    """Sum the stems over the targets: the mixture."""
    for c in range(len(mixture)):
        for k in range(mixture.shape[1]):
            mixture[c, k] = stems[0, c, k]
    for j in range(1, len(stems)):
        for c in range(len(mixture)):
            for k in range(mixture.shape[1]):
                mixture[c, k] += stems[j, c, k]


@njit(nogil=True, cache=True)
def relative_powers(stems: C64, shares: F32, level: F32) -> None:
    """Compute shares = v_j / sum_k v_k and level = sum_k v_k; v_j is the power of stem j, mean over channels."""
    n_targets, n_channels, n_bins = stems.shape
    weight = np.float32(1) / np.float32(n_channels)
    for k in range(n_bins):
        level[k] = np.float32(0)
    for j in range(n_targets):
        for k in range(n_bins):
            shares[j, k] = FLOOR
        for c in range(n_channels):
            for k in range(n_bins):
                real, imag = stems[j, c, k].real, stems[j, c, k].imag
                shares[j, k] += weight * (real * real + imag * imag)
        for k in range(n_bins):
            level[k] += shares[j, k]
    for j in range(n_targets):
        for k in range(n_bins):
            shares[j, k] /= level[k]


@njit(nogil=True, cache=True)
def share_rest(stems: C64, mixture: C64) -> None:
    """Distribute the rounding error equally, so that the stems sum to the mixture."""
    n_targets = len(stems)
    for c in range(len(mixture)):
        for k in range(mixture.shape[1]):
            for j in range(n_targets):
                mixture[c, k] -= stems[j, c, k]
            rest = mixture[c, k] / np.float32(n_targets)
            for j in range(n_targets):
                stems[j, c, k] += rest


@njit(nogil=True, cache=True)
def filter_one(stems: C64, x: C64, shares: F32) -> None:
    """Filter one channel: the covariances cancel."""
    for j in range(len(stems)):
        for k in range(stems.shape[2]):
            stems[j, 0, k] = shares[j, k] * x[0, k]


@njit(nogil=True, cache=True)
def filter_two(
    stems: C64, x: C64, shares: F32, level: F32, packed: F32, alpha: Scalar32, posterior: bool, total: F32
) -> None:
    """Filter two channels and compute the posterior in closed form.

    [[a, c + id], [c - id, b]] is the inverse of the sum.
    """
    keep, one, two = np.float32(1) - LOADING, np.float32(1), np.float32(2)
    for k in range(x.shape[1]):
        total[0, 0, k] = total[1, 1, k] = total[0, 1, k] = total[1, 0, k] = np.float32(0)
    for j in range(len(stems)):
        for k in range(x.shape[1]):
            g = shares[j, k]
            total[0, 0, k] += g * (keep * packed[j, 0, 0, k] + LOADING)
            total[1, 1, k] += g * (keep * packed[j, 1, 1, k] + LOADING)
            total[0, 1, k] += g * keep * packed[j, 0, 1, k]
            total[1, 0, k] += g * keep * packed[j, 1, 0, k]
    for k in range(x.shape[1]):
        a, b, c, d = total[0, 0, k], total[1, 1, k], total[0, 1, k], total[1, 0, k]
        scale = one / (a * b - c * c - d * d)
        total[0, 0, k], total[1, 1, k] = scale * b, scale * a
        total[0, 1, k], total[1, 0, k] = -scale * c, -scale * d
    for j in range(len(stems)):
        own00, own11, own01, own10 = packed[j, 0, 0], packed[j, 1, 1], packed[j, 0, 1], packed[j, 1, 0]
        for k in range(x.shape[1]):
            a, b, c, d = total[0, 0, k], total[1, 1, k], total[0, 1, k], total[1, 0, k]
            g = shares[j, k]
            a0, b0 = g * (keep * own00[k] + LOADING), g * (keep * own11[k] + LOADING)
            c0, d0 = g * keep * own01[k], g * keep * own10[k]
            p, q, r, s = x[0, k].real, x[0, k].imag, x[1, k].real, x[1, k].imag
            y, z = a * p + c * r - d * s, a * q + c * s + d * r
            u, v = b * r + c * p + d * q, b * s + c * q - d * p
            p, q = a0 * y + c0 * u - d0 * v, a0 * z + c0 * v + d0 * u
            r, s = b0 * u + c0 * y + d0 * z, b0 * v + c0 * z - d0 * y
            stems[j, 0, k] = complex(p, q)
            stems[j, 1, k] = complex(r, s)
            audible = level[k] > AUDIBLE
            weight = one / level[k] if audible else np.float32(0)
            m00, m11 = weight * (p * p + q * q), weight * (r * r + s * s)
            m01, m10 = weight * (p * r + q * s), weight * (q * r - p * s)
            if posterior:
                # V - V S V for V = v_j R_j and S the inverse: its diagonal real, [0, 1] = real + i imag.
                inner, size = c0 * c + d0 * d, c0 * c0 + d0 * d0
                m00 += a0 - (a * a0 * a0 + b * size + two * a0 * inner)
                m11 += b0 - (a * size + b * b0 * b0 + two * b0 * inner)
                cross = a * a0 + b * b0
                # conj(S01) V01^2 + V00 V11 S01
                real = c * (c0 * c0 - d0 * d0) + two * d * c0 * d0 + a0 * b0 * c
                imag = two * c * c0 * d0 - d * (c0 * c0 - d0 * d0) + a0 * b0 * d
                m01 += c0 - (cross * c0 + real)
                m10 += d0 - (cross * d0 + imag)
            trace = m00 + m11
            learns = audible and trace > FLOOR
            rate = alpha if learns else np.float32(0)
            gain = two * rate / trace if learns else np.float32(0)
            own00[k] = (one - rate) * own00[k] + gain * m00
            own11[k] = (one - rate) * own11[k] + gain * m11
            own01[k] = (one - rate) * own01[k] + gain * m01
            own10[k] = (one - rate) * own10[k] + gain * m10


@njit(nogil=True, cache=True)
def filter_many(
    stems: C64, x: C64, shares: F32, level: F32, packed: F32, alpha: Scalar32, posterior: bool, matrices: C64
) -> None:
    """Filter any number of channels and compute the posterior, bin by bin; matrices: (5, channel, channel)."""
    n_targets, n_channels, n_bins = stems.shape
    keep = np.float32(1) - LOADING
    own, total, factor, moment = matrices[0], matrices[1], matrices[2], matrices[3]
    solved, column = matrices[4, 0], matrices[4, 1]
    for k in range(n_bins):
        audible = level[k] > AUDIBLE
        total[:] = np.complex64(0)
        for j in range(n_targets):
            unpack(packed[j], k, keep, LOADING, own)
            total += shares[j, k] * own
        solved[:] = x[:, k]
        factor[:] = total
        solve(factor, solved)
        for j in range(n_targets):
            unpack(packed[j], k, keep, LOADING, own)
            own *= shares[j, k]
            for i in range(n_channels):
                value = np.complex64(0)
                for m in range(n_channels):
                    value += own[i, m] * solved[m]
                stems[j, i, k] = value
            if not audible:
                continue
            for i in range(n_channels):
                for m in range(n_channels):
                    moment[i, m] = stems[j, i, k] * stems[j, m, k].conjugate() / level[k]
            if posterior:
                for m in range(n_channels):
                    column[:] = own[:, m]
                    factor[:] = total
                    solve(factor, column)
                    for i in range(n_channels):
                        value = own[i, m]
                        for n in range(n_channels):
                            value -= own[i, n] * column[n]
                        moment[i, m] += value
            blend(packed[j], k, moment, alpha)


@njit(nogil=True, cache=True)
def blend(packed: F32, k: int, moment: C64, alpha: Scalar32) -> None:
    """Update R(k) <- (1 - alpha) R(k) + alpha I moment / tr moment, unless the moment is 0."""
    n = len(moment)
    trace = np.float32(0)
    for i in range(n):
        trace += moment[i, i].real
    if not trace > FLOOR:
        return
    keep, gain = np.float32(1) - alpha, np.float32(n) * alpha / trace
    for i in range(n):
        packed[i, i, k] = keep * packed[i, i, k] + gain * moment[i, i].real
        for j in range(i + 1, n):
            packed[i, j, k] = keep * packed[i, j, k] + gain * moment[i, j].real
            packed[j, i, k] = keep * packed[j, i, k] + gain * moment[i, j].imag
