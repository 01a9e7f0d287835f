"""Sampling from distributions: temperature that keeps the rhythm, and rules of part-writing as masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

__all__ = [
    "NoteRates",
    "draw",
    "draw_held",
    "enliven",
    "forbid_parallels",
    "note_rates",
    "raise_steps",
    "raise_to",
    "sigmoid",
    "soften",
    "softmax",
]


CHOICE = 8.0  # pitches of a step that may sound, of as many as sound
UNLIKELY, NEVER = 0.01, -60.0  # probability of a bit, and the logit of one that is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRates:
    """How many notes a corpus has, by which a roll is drawn.

    density: notes that sound at a step in the mean
    onsets: notes that begin at a step in the mean
    pulse: how often notes begin at each place of a beat, 1 in the mean
    """

    density: float
    onsets: float
    pulse: tuple[float, ...] = (1.0,)

    def along(self, n: int) -> np.ndarray:
        """Return the pulse at n steps."""
        return np.resize(np.array(self.pulse), n)


def note_rates(rolls: Sequence[np.ndarray], beat: int = 4) -> NoteRates:
    """Return the rates of rolls (step, pitch); beat: its length in steps."""
    n_steps = sum(map(len, rolls))
    begun, places = np.zeros(beat), np.zeros(beat)
    for roll in rolls:
        new = np.maximum(roll[1:].astype(float) - roll[:-1], 0).sum(axis=1)
        np.add.at(begun, np.arange(1, len(roll)) % beat, new)
        np.add.at(places, np.arange(1, len(roll)) % beat, 1.0)
    rates = begun / np.maximum(places, 1)
    pulse = rates / max(rates.mean(), 1e-9)
    density = sum(float(roll.sum()) for roll in rolls) / n_steps
    return NoteRates(density=density, onsets=float(begun.sum() / n_steps), pulse=tuple(pulse.round(4).tolist()))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function of x, without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of logits, float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(shifted / shifted.sum())


def soften(p: np.ndarray, temperature: float, *, keep: int | np.ndarray | None = None) -> np.ndarray:
    """Raise p to the power 1 / temperature and normalise it; the probabilities of the tokens `keep` stay.

    keep: a token, or several. With the held note as `keep`, temperature acts on which pitch comes next and not on
    whether one comes: a low temperature on everything freezes music, for three quarters of all frames hold.
    """
    rest = np.array(p, np.float64)
    if keep is not None:
        rest[keep] = 0
    held = 0.0 if keep is None else float(np.sum(p[keep]))
    powers = np.exp(np.log(np.maximum(rest, 1e-300)) / temperature - np.log(max(rest.max(), 1e-300)) / temperature)
    powers[rest <= 0] = 0
    total = powers.sum()
    out = powers * ((1 - held) / total) if total > 0 else powers
    if keep is not None:
        out[keep] = p[keep] if total > 0 else p[keep] / max(held, 1e-300)
    return np.asarray(out)


def enliven(p: np.ndarray, factor: float, keep: int) -> np.ndarray:
    """Multiply the odds that another token than `keep` comes by a factor."""
    out = p * factor
    out[keep] = p[keep]
    return np.asarray(out / out.sum())


def draw(p: np.ndarray, rng: np.random.Generator) -> int:
    """Draw one token; p need not sum to one."""
    sums = np.cumsum(p)
    return int(min(np.searchsorted(sums, rng.random() * sums[-1], side="right"), len(p) - 1))


def raise_to(logits: np.ndarray, density: float) -> np.ndarray:
    """Return logits (step, pitch) plus the one number for which `density` bits a step are expected."""
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        found = float(sigmoid(logits + middle).sum(axis=1).mean())
        low, high = (middle, high) if found < density else (low, middle)
    return np.asarray(logits + (low + high) / 2)


def raise_steps(logits: np.ndarray, density: float) -> np.ndarray:
    """Return logits (step, pitch), each step plus the one number for which `density` of its bits are expected."""
    low, high = np.full(len(logits), -30.0), np.full(len(logits), 30.0)
    for _ in range(40):
        middle = (low + high) / 2
        few = sigmoid(logits + middle[:, None]).sum(axis=1) < density
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    return np.asarray(logits + (low + high)[:, None] / 2)


def draw_held(
    logits: np.ndarray, rates: NoteRates, rng: np.random.Generator, before: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw bits (step, pitch), float32, of independent odds as notes that are held; return them and the last noise.

    before: noise (pitch,) of the step before the first
    Each bit is 1 with its own probability, raised to the density, but the noise that decides it moves slowly along
    time (a Gaussian copula), and where notes begin in the corpus: just so slowly that as many begin. Independent draws
    flicker, and a threshold freezes. What is unlikely is left out: of many pitches some would come anyway.
    """
    few = min(round(CHOICE * rates.density), logits.shape[1])
    unlikely = logits < np.sort(logits, axis=1)[:, -few, None]
    unlikely |= sigmoid(raise_to(logits, rates.density)) < UNLIKELY
    p = sigmoid(raise_to(np.where(unlikely, NEVER, logits), rates.density))
    fresh = rng.standard_normal(logits.shape)
    first = fresh[0] if before is None else before
    low, high = 0.0, 1.0
    for _ in range(12):
        moved = (low + high) / 2
        noise = _slow(fresh, first, np.minimum(moved * rates.along(len(logits)), 1.0))
        bits = ndtr(noise) < p
        begun = (bits & ~np.vstack([bits[:1], bits[:-1]])).sum() / len(bits)
        low, high = (low, moved) if begun > rates.onsets else (moved, high)
    return bits.astype(np.float32), noise[-1]


def _slow(fresh: np.ndarray, first: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return noise (step, pitch) of unit variance, of which each step (step,) keeps all but a share `moved`."""
    out, last = np.empty_like(fresh), first
    for t, (new, share) in enumerate(zip(fresh, moved, strict=True)):
        out[t] = last = (1 - share) * last + np.sqrt(1 - (1 - share) ** 2) * new
    return out


def forbid_parallels(p: np.ndarray, v: int, last: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Remove the tokens of voice v that make parallel fifths or octaves with a voice above it.

    Tokens are 0 for a rest and pitch + constant else. What is taken out goes to the voice's other moves, or rules
    would make music slower; if nothing were left, everything stays.
    """
    token = np.arange(len(p))
    allowed = np.ones(len(p), bool)
    for u in range(v):
        if chosen[u] == last[u] or not chosen[u] or not last[u] or not last[v]:
            continue
        before, after = (last[u] - last[v]) % 12, (chosen[u] - token) % 12
        same_way = np.sign(token - last[v]) == np.sign(chosen[u] - last[u])
        if before in (0, 7):
            allowed &= (after != before) | ~same_way | (token == 0)
    moves = np.where(token == last[v], 0.0, p)
    masked = np.where(allowed, moves, 0.0)
    left = float(masked.sum())
    if left > 1e-9:
        masked *= float(moves.sum()) / left
    masked[last[v]] = p[last[v]]
    return masked if masked.sum() > 1e-9 else p
