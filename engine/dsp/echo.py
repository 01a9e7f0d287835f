"""Take a known sound, as a room returns it, out of a microphone's signal, while others play.

A partitioned-block frequency-domain Kalman filter: Enzner & Vary 2006, Signal Processing 86(6), equations 41 to 47, in
the partitioned form of Kuech, Mabande & Enzner 2014 (ICASSP), without the terms between partitions. Every bin weighs
what it learns by how loud the others are there, so it needs no detector of double talk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from rocket_fft import c2r, r2c

from engine.core.arrays import C64, F32, F64, I64, Scalar32
from engine.core.config import Settings, check, ranged
from engine.core.errors import ConfigError
from engine.dsp.sanitise import LIMIT, as_block, clean

__all__ = ["EchoCanceller", "EchoConfig"]

ALONG = np.array([0])
TINY = 1e-12
SILENT = 1e-8  # mean power below which a block of the known sound is silence
BEGIN = 10  # blocks by which the levels are compared

Numbers = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoConfig(Settings):
    """How an echo is learned and taken out."""

    block: int = ranged(1024, 64, 8192, "samples that are taken together, a power of two", unit="samples")
    partitions: int = ranged(8, 1, 64, "length of the echo path, in blocks")
    keep: float = ranged(0.9997, 0.9, 1.0, "how much of the echo path stays from block to block")
    memory: float = ranged(0.9, 0.0, 0.999, "smoothing of the power of the others, from block to block")
    prior: float = ranged(
        0.1,
        1e-6,
        1e6,
        "expected power of the first block of the echo path, against that of the microphone by that of the known sound",
    )
    decay: float = ranged(0.6, 0.01, 1.0, "expected power of each block of the echo path against that before it")

    def __post_init__(self) -> None:
        check(self)
        if self.block & (self.block - 1):
            raise ConfigError("block", expected="a power of two", got=str(self.block))


class _State(NamedTuple):
    """Everything that a filter remembers.

    fill: samples of the present block
    begin: blocks with known sound so far, at most BEGIN; power of the microphone and of the known sound in them
    known: (2 block), the last samples of the known sound
    echo, error: (block), of the present block: the echo expected in it, and what is left
    spectra: (partition, bin), of the known sound, the newest first
    path: (partition, bin), the echo path
    doubt: (partition, bin), variance of the path
    gain: (partition, bin), of the last correction, times the error
    others: (bin), power of the others
    """

    fill: I64
    begin: F64
    known: F32
    echo: F32
    error: F32
    spectra: C64
    path: C64
    doubt: F32
    gain: C64
    others: F32
    scratch: F32
    spectrum: C64


class EchoCanceller:
    """Audio (sample, 2) in, the microphone and the known sound; audio (sample, 1) out, without the known sound.

    The known sound has to lead what comes back of it by at least a block: row n holds what is returned at the earliest
    at sample n + `config.block`. So the output does not lag the microphone.
    """

    latency = 0

    def __init__(self, config: EchoConfig | None = None) -> None:
        self.config = config or EchoConfig()
        n, bins = self.config.block, self.config.block + 1
        shape = self.config.partitions, bins
        self._state = _State(
            fill=np.zeros(1, np.int64),
            begin=np.zeros(3),
            known=np.zeros(2 * n, np.float32),
            echo=np.zeros(n, np.float32),
            error=np.zeros(n, np.float32),
            spectra=np.zeros(shape, np.complex64),
            path=np.zeros(shape, np.complex64),
            doubt=np.zeros(shape, np.float32),
            gain=np.zeros(shape, np.complex64),
            others=np.zeros(bins, np.float32),
            scratch=np.zeros(2 * n, np.float32),
            spectrum=np.zeros(bins, np.complex64),
        )
        self._out = np.zeros((0, 1), np.float32)
        self.reset()

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take (sample, 2), return (sample, 1), borrowed until the next call."""
        block = as_block("EchoCanceller", block, np.float32, (2,))
        if len(self._out) < len(block):
            self._out = np.zeros((len(block), 1), np.float32)
        out = self._out[: len(block)]
        config = self.config
        numbers = (config.keep, config.memory, config.prior, config.decay)
        cancel(block, self._state, numbers, np.float32(LIMIT), out)
        return out

    def reset(self) -> None:
        """Forget the echo path and all sound."""
        for array in self._state:
            array[:] = 0


@njit(nogil=True, cache=True)
def cancel(block: F32, state: _State, numbers: Numbers, limit: Scalar32, out: F32) -> None:
    """Process block (sample, 2) into out (sample, 1); numbers: keep, memory, prior and decay of the settings."""
    n = len(state.echo)
    for i in range(len(block)):
        at = state.fill[0]
        left = clean(block[i, 0], limit) - state.echo[at]
        state.error[at] = left
        state.known[n + at] = clean(block[i, 1], limit)
        out[i, 0] = left
        state.fill[0] += 1
        if at + 1 == n:
            state.fill[0] = 0
            if state.begin[0] < BEGIN:
                _begin(state, numbers)
            else:
                _learn(state, numbers)
            _expect(state)


@njit(nogil=True, cache=True)
def _begin(state: _State, numbers: Numbers) -> None:
    """Compare the levels of the first blocks with known sound, and expect an echo path of that power."""
    n = len(state.error)
    known = error = 0.0
    for i in range(n):
        known += state.known[i] ** 2
        error += state.error[i] ** 2
    if known < SILENT * n:
        return
    state.begin[0] += 1
    state.begin[1] += error
    state.begin[2] += known
    if state.begin[0] == BEGIN:
        for p in range(len(state.doubt)):
            state.doubt[p] = numbers[2] * numbers[3] ** p * state.begin[1] / state.begin[2]


@njit(nogil=True, cache=True)
def _learn(state: _State, numbers: Numbers) -> None:
    """Correct the path by what was left of the block."""
    keep, memory = np.float32(numbers[0]), np.float32(numbers[1])
    n, one, tiny = len(state.error), np.float32(1), np.float32(TINY)
    state.scratch[:n] = 0
    state.scratch[n:] = state.error
    r2c(state.scratch, state.spectrum, ALONG, True, 1.0, 1)
    for k in range(n + 1):
        error = state.spectrum[k]
        power = error.real * error.real + error.imag * error.imag
        state.others[k] = memory * state.others[k] + (one - memory) * power + tiny
        total = 2 * max(state.others[k], power)
        for p in range(len(state.path)):
            total += _power(state.spectra[p, k]) * state.doubt[p, k]
        for p in range(len(state.path)):
            doubt = state.doubt[p, k]
            state.gain[p, k] = doubt * error / total
            learnt = doubt * _power(state.spectra[p, k]) / total
            state.doubt[p, k] = keep * keep * (one - learnt / 2) * doubt + (one - keep * keep) * _power(
                state.path[p, k]
            )
    for p in range(len(state.path)):
        _correct(state, p, keep)


@njit(nogil=True, cache=True)
def _correct(state: _State, p: int, keep: Scalar32) -> None:
    """Correct one partition by the gain times the error, cut to the length of the partition."""
    n = len(state.error)
    for k in range(n + 1):
        state.spectrum[k] = state.gain[p, k] * np.conj(state.spectra[p, k])
    c2r(state.spectrum, state.scratch, ALONG, False, 1 / (2 * n), 1)
    state.scratch[n:] = 0
    r2c(state.scratch, state.spectrum, ALONG, True, 1.0, 1)
    for k in range(n + 1):
        state.path[p, k] = keep * (state.path[p, k] + state.spectrum[k])


@njit(nogil=True, cache=True)
def _expect(state: _State) -> None:
    """Take the newest block of the known sound in, and write the echo expected in the next block."""
    n, last = len(state.echo), len(state.path) - 1
    for p in range(last, 0, -1):
        state.spectra[p] = state.spectra[p - 1]
    state.scratch[:] = state.known
    r2c(state.scratch, state.spectra[0], ALONG, True, 1.0, 1)
    state.known[:n] = state.known[n:]
    state.spectrum[:] = 0
    for p in range(last + 1):
        for k in range(n + 1):
            state.spectrum[k] += state.path[p, k] * state.spectra[p, k]
    c2r(state.spectrum, state.scratch, ALONG, False, 1 / (2 * n), 1)
    state.echo[:] = state.scratch[n:]


@njit(nogil=True, cache=True)
def _power(z: np.complex64) -> Scalar32:
    """Return the square of the absolute value."""
    return z.real * z.real + z.imag * z.imag
