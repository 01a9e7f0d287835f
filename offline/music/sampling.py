"""Sampling from distributions: temperature that keeps the rhythm, and rules of part-writing as masks."""

from __future__ import annotations

import numpy as np

__all__ = ["draw", "enliven", "forbid_parallels", "sigmoid", "soften", "softmax"]


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
