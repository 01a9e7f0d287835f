"""RL-Tuner (Jaques et al. 2016): a melody network that rewards of music theory change, by learning its own values."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.graph import Graphs
from models.generation.tokens import TokenLstm

__all__ = ["RlTunerNetwork", "soft_difference"]

DISCOUNT = 0.5
THEORY = 2.0  # what the reward of theory is divided by, the paper's c


class RlTunerNetwork(nn.ModuleDict):
    """Three melody networks: the policy, the judge of likelihood, and the delayed copy that sets the targets."""

    def __init__(self, build: Callable[[], TokenLstm]) -> None:
        super().__init__({name: build() for name in ("policy", "judge", "target")})

    def graphs(self) -> Graphs:
        """Return those of the policy."""
        policy: TokenLstm = self["policy"]  # type: ignore[assignment]
        return policy.graphs()


def _values(network: TokenLstm, rows: Tensor) -> Tensor:
    """Return logits (batch, step, token) after each of rows (batch, step, 1)."""
    return network.logits(network.memory(rows, network.initial(len(rows)))[0])


def soft_difference(networks: nn.ModuleDict, rows: Tensor, reward: Tensor) -> Tensor:
    """Return the smoothed squared difference of the policy's values of rows (batch, step + 1, 1) from their targets.

    The paper's psi-learning (section 3.2): the target is log p of the judge, the reward (batch, step) over c, and what
    the policy's own softmax expects of the next step; so the policy stays near the corpus where theory is silent.
    Values are logits above the judge's logarithm of their sum, so that a policy that is the judge begins with log p
    itself.
    """
    wanted, values = rows[:, 1:], {}
    for name, network in networks.items():
        with torch.set_grad_enabled(name == "policy" and torch.is_grad_enabled()):
            values[name] = _values(network, rows[:, :-1])  # type: ignore[arg-type]
    level = values["judge"].logsumexp(2)
    log_p = values["judge"].gather(2, wanted)[..., 0] - level
    following = F.pad((values["target"].logsumexp(2) - level)[:, 1:], (0, 1))
    value = values["policy"].gather(2, wanted)[..., 0] - level
    return F.smooth_l1_loss(value, log_p + reward / THEORY + DISCOUNT * following)
