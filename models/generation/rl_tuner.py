"""RL-Tuner (Jaques et al. 2016): Q-learning on a melody network, with rewards of music theory beside likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.graph import Graphs
from models.generation.tokens import TokenLstm

__all__ = ["RlTunerNetwork", "temporal_difference", "theory_reward"]

SCALE = (0, 2, 4, 5, 7, 9, 11)
DISCOUNT, LOG_P_SHARE = 0.5, 0.1


class RlTunerNetwork(nn.ModuleDict):
    """Three melody networks: the policy, the judge of likelihood, and the delayed copy that sets the targets."""

    def __init__(self, build: Callable[[], TokenLstm]) -> None:
        super().__init__({name: build() for name in ("policy", "judge", "target")})

    def graphs(self) -> Graphs:
        """Return those of the policy."""
        policy: TokenLstm = self["policy"]  # type: ignore[assignment]
        return policy.graphs()


def theory_reward(tokens: Tensor, low: int) -> Tensor:
    """Return the reward (batch, step) of music theory for tokens (batch, step) of 38 classes.

    Note of C major: +.1; outside: -1; struck for the fourth time: -1; leap over an octave: -1; leap of a tritone or
    a seventh: -.5; held over a bar: -.5; step of the scale: +.1. After Jaques et al. (2016), section 4.
    """
    reward = torch.zeros(tokens.shape, device=tokens.device)
    last = torch.full((len(tokens),), -1, device=tokens.device)
    repeats, held = torch.zeros_like(last), torch.zeros_like(last)
    for t, token in enumerate(tokens.unbind(1)):
        struck, pitch = token > 1, token - 2 + low
        inside = sum((pitch % 12 == step for step in SCALE), torch.zeros_like(struck)).bool()
        leap = torch.where(last >= 0, (pitch - last).abs(), torch.full_like(pitch, 2))
        repeats = torch.where(struck & (pitch == last), repeats + 1, torch.where(struck, 0, repeats))
        held = torch.where(token == 0, held + 1, 0)
        value = torch.where(inside, 0.1, -1.0) - 1.0 * (repeats >= 3) - 1.0 * (leap > 12)
        value = value - 0.5 * ((leap == 6) | (leap == 10) | (leap == 11)) + 0.1 * ((leap == 1) | (leap == 2))
        reward[:, t] = torch.where(struck, value, -0.5 * (held > 16))
        last = torch.where(struck, pitch, last)
    return reward


def temporal_difference(policy: TokenLstm, target: TokenLstm, rows: Tensor, reward: Tensor) -> Tensor:
    """Return the smoothed squared temporal difference of rows (batch, step + 1, 1) with their reward (batch, step)."""
    with torch.no_grad():
        features, _ = target.memory(rows[:, :-1], target.initial(len(rows)))
        best = target.logits(features, rows[:, 1:], 0).max(2).values
    features, _ = policy.memory(rows[:, :-1], policy.initial(len(rows)))
    value = policy.logits(features, rows[:, 1:], 0).gather(2, rows[:, 1:])[..., 0]
    return F.smooth_l1_loss(value, reward + DISCOUNT * F.pad(best[:, 1:], (0, 1)))
