"""The harmonic and the percussive sound of a recording around the place where it is read, and the attacks in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.accompaniment.backing.config import StretchConfig
from engine.accompaniment.backing.recording import BackingRecording
from engine.core.arrays import F32, F64, I64, Scalar32
from engine.separation.hpss import Hpss

__all__ = ["GRAIN", "SeparatedRing", "find_attacks", "store_stems", "take_attacks_out"]

GRAIN = 64  # samples of one energy, 1.5 ms at 44.1 kHz
MEAN = 32  # energies that an attack is compared with
RISE = 8.0  # times their mean: an attack
FLOOR = np.float32(1e-8)  # power below which nothing is an attack: -80 dB
APART = 5  # energies between two attacks, at least
N_ATTACKS = 64


@njit(nogil=True, cache=True)
def store_stems(stems: F32, start: int, ring: F32) -> None:
    """Write stems (sample, target, channel) from sample `start` on into ring (3, channel, sample), all as harmonic.

    The last of the ring is what may be percussive.
    """
    size = ring.shape[2]
    for i in range(len(stems)):
        at = (start + i) % size
        for c in range(stems.shape[2]):
            total = np.float32(0)
            for t in range(stems.shape[1]):
                total += stems[i, t, c]
            ring[0, c, at], ring[1, c, at], ring[2, c, at] = total, np.float32(0), stems[i, 1, c]


@njit(nogil=True, cache=True)
def take_attacks_out(ring: F32, start: int, stop: int, attacks: F64, before: int, after: int) -> None:
    """Let what is percussive around attacks be so from sample `start` to `stop`, and all else harmonic."""
    size, ramp = ring.shape[2], GRAIN
    for attack in attacks:
        first, last = int(attack) - before, int(attack) + after
        if attack < 0 or last <= start or first >= stop:
            continue
        for n in range(max(first, start), min(last, stop)):
            gate = np.float32(min(1.0, (n - first + 0.5) / ramp, (last - n - 0.5) / ramp))
            at = n % size
            for c in range(ring.shape[1]):
                wanted = gate * ring[2, c, at]
                if abs(wanted) > abs(ring[1, c, at]):
                    ring[0, c, at] += ring[1, c, at] - wanted
                    ring[1, c, at] = wanted


@njit(nogil=True, cache=True)
def find_attacks(stems: F32, start: int, floor: Scalar32, energies: F64, attacks: F64, found: I64) -> None:
    """Add the attacks of percussive sound, stems[:, 1] (sample, channel), whose length is a multiple of GRAIN.

    An attack is where the energy of a grain is RISE times the mean of those before it, and the largest of its
    neighbours; it is found APART grains later.

    energies: the last ones, the newest last
    attacks: ring of samples
    found: (1), how many were found
    """
    n, middle = len(energies), len(energies) - 1 - APART
    for g in range(len(stems) // GRAIN):
        total = 0.0
        for i in range(g * GRAIN, (g + 1) * GRAIN):
            for c in range(stems.shape[2]):
                total += stems[i, 1, c] * stems[i, 1, c]
        for m in range(n - 1):
            energies[m] = energies[m + 1]
        energies[n - 1] = total / GRAIN
        here, before, largest = energies[middle], 0.0, True
        for m in range(middle):
            before += energies[m]
        for m in range(middle - APART, n):
            largest &= energies[m] < here or m == middle
        if here > floor and largest and here * middle > RISE * before:
            attacks[found[0] % len(attacks)] = start + (g - APART) * GRAIN + GRAIN / 2
            found[0] += 1


class SeparatedRing:
    """Separate a recording block by block as it is read: long recordings need no more memory than their samples.

    The look-ahead of the separation costs no latency, since the recording is known. Only around attacks is anything
    percussive: elsewhere a vocoder renders noise and what the separation confuses more faithfully.

    before, after: samples around an attack in which it is percussive
    ring: (3, channel, sample), harmonic, percussive and scratch, sample n of the recording at n modulo `size`
    attacks: samples of the last attacks, in no order; negative where there is none
    """

    def __init__(self, recording: BackingRecording, config: StretchConfig, before: int, after: int, size: int) -> None:
        self._recording, audio = recording, recording.audio
        self._before, self._after = before, after
        self._hpss = Hpss(audio, config.separating(audio))
        self._block = np.zeros((self._hpss.frames.hop, audio.n_channels), np.float32)
        self.ring = np.zeros((3, audio.n_channels, size), np.float32)
        self.attacks = np.full(N_ATTACKS, -1.0)
        self._energies, self._n_found = np.zeros(MEAN + 2 * APART), np.zeros(1, np.int64)
        self._warm_up = self._hpss.config.frames_harmonic * self._hpss.frames.hop + self._hpss.frames.n_fft
        self._fed = self.stop = 0

    def seek(self, start: int) -> None:
        """Begin anew so that what is read from sample `start` on is separated as in the midst of the recording."""
        self._hpss.reset()
        self.ring[:] = 0
        self.attacks[:], self._energies[:], self._n_found[:] = -1, 0, 0
        self._fed = start - self._warm_up
        self.stop = self._fed - self._hpss.latency

    def reach(self, stop: int) -> None:
        """Separate up to sample `stop` of the recording, and further, as attacks are found late."""
        look_back = (2 * APART + 1) * GRAIN + self._before
        while self.stop < stop + look_back:
            self._recording.read(self._fed, self._block)
            stems: npt.NDArray[np.float32] = self._hpss.process(self._block)
            self._fed += len(self._block)
            store_stems(stems, self.stop, self.ring)
            find_attacks(stems, self.stop, FLOOR, self._energies, self.attacks, self._n_found)
            self.stop += len(stems)
            first = self.stop - look_back - len(stems)
            take_attacks_out(self.ring, first, self.stop, self.attacks, self._before, self._after)
