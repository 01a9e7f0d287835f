"""Probe processors: a correct delay, and broken ones, each of which one law must catch."""

from __future__ import annotations

import numpy as np


class Delay:
    """Gives the input back `latency` samples later; (sample, 2) float32."""

    def __init__(self, latency: int) -> None:
        self.latency = latency
        self.reset()

    def reset(self) -> None:
        self.held = np.zeros((self.latency, 2), np.float32)

    def process(self, block: np.ndarray) -> np.ndarray:
        clean = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        line = np.concatenate([self.held, clean])
        self.held = line[len(block) :]
        return line[: len(block)]


class ForgetsTail(Delay):
    """Drops the last odd sample of a block: the partition law."""

    def process(self, block: np.ndarray) -> np.ndarray:
        return super().process(block[: len(block) // 2 * 2])


class KeepsState(Delay):
    """Forgets to forget: the reset law."""

    def __init__(self, latency: int) -> None:
        self.held = np.zeros((latency, 2), np.float32)
        super().__init__(latency)

    def reset(self) -> None:
        pass


class Normalises(Delay):
    """Divides by the peak of the block at hand: the causality law."""

    def process(self, block: np.ndarray) -> np.ndarray:
        out = super().process(block)
        return out / max(np.abs(out).max(initial=0.0), 1e-9)


class Overdeclares(Delay):
    """Declares one sample more than it takes: the latency law."""

    def __init__(self, latency: int) -> None:
        super().__init__(latency)
        self.latency = latency + 1


class Collects(Delay):
    """Keeps `PER_BLOCK` bytes of every block, or of the first `until`: the memory law, if it goes on."""

    PER_BLOCK = 1100  # in blocks of a twentieth of the signal, just above what five turns may keep

    def __init__(self, latency: int, until: int = 10**9) -> None:
        super().__init__(latency)
        self.until, self.kept = until, list[bytes]()

    def process(self, block: np.ndarray) -> np.ndarray:
        if len(self.kept) < self.until:
            self.kept.append(bytes(self.PER_BLOCK))
        return super().process(block)
