"""Training of RL-Tuner (Jaques et al. 2016): a melody network, then psi-learning on its copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.music_theory import theory_reward
from models.generation.rl_tuner import RlTunerNetwork, soft_difference
from models.generation.tokens import TokenLstm
from offline.training.generation.task import Extras
from offline.training.generation.tokens import MelodyTraining

__all__ = ["RlTunerTraining"]

STEPS = 32
TARGET_STEPS = 25  # between two copies of the policy to the target
EXPLORE = 0.05
LEARN_SHARE = 0.6  # of the training that goes into the melody network, before it becomes the judge


class RlTunerTraining(MelodyTraining):
    """RL-Tuner: the melody network's own log p, and music theory, by which its copy learns."""

    def build(self) -> RlTunerNetwork:
        """Make policy, judge and target."""
        steps = self.config.loop.until or self.config.loop.steps or 1000
        self.learn_steps = 5 if self.config.size == "tiny" else round(LEARN_SHARE * steps)
        return RlTunerNetwork(self.build_melody)

    def played_network(self) -> dict[str, Any]:
        """Return the settings of the policy."""
        return {"n_tokens": [self.codec.n_tokens], "n_layers": 1, "units": type(self.model).__name__}

    def extras(self) -> Extras:
        """Return the share of strikes that repeat the pitch before them, without a rest between."""
        return {}, {"repeats": _repeats([rows[:, 0] for rows in self.split["train"]])}

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the likelihood first; then the difference of values over melodies that the policy wrote."""
        policy, judge, target = (self.model[name] for name in ("policy", "judge", "target"))
        if index < self.learn_steps:
            rows = self.draw_train(index)[0]
            return policy(rows, policy.initial(len(rows)))[0].mean(), {}
        if index == self.learn_steps:
            judge.load_state_dict(policy.state_dict())
        if (index - self.learn_steps) % TARGET_STEPS == 0:
            target.load_state_dict(policy.state_dict())
        rows = self.write(policy, self.n_batch, STEPS + 1, explore=EXPLORE)
        reward = self.theory(rows)
        return soft_difference(self.model, rows, reward), {"reward": float(reward.mean())}

    def theory(self, rows: Tensor) -> Tensor:
        """Return the reward of theory (batch, step) of rows (batch, step + 1, 1)."""
        return torch.from_numpy(theory_reward(rows[:, 1:, 0].cpu().numpy(), self.codec.low)).to(self.device)

    @torch.no_grad()
    def write(self, net: TokenLstm, n: int, length: int, *, explore: float) -> Tensor:
        """Write n melodies (n, length, 1) by the values as logits; a step is random with probability `explore`."""
        row = torch.zeros(n, 1, 1, dtype=torch.long, device=self.device)
        state, rows = net.initial(n), [row]
        for _ in range(length - 1):
            features, state = net.memory(row, state)
            p = torch.softmax(net.logits(features)[:, 0], 1)
            p = (1 - explore) * p + explore / p.shape[1]
            row = torch.multinomial(p, 1)[:, None]
            rows.append(row)
        return torch.cat(rows, dim=1)

    def validate(self, model: Any) -> dict[str, float]:
        """Return minus the reward of theory for a strike in the policy's melodies, and in the judge's."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            rewards = {}
            for name in ("policy", "judge"):
                rows = self.write(model[name], 64, STEPS + 1, explore=0)
                rewards[name] = float(self.theory(rows).sum() / (rows[:, 1:] > 1).sum().clamp_min(1))
        return {"metric": -rewards["policy"], "judge": -rewards["judge"]}


def _repeats(melodies: list[np.ndarray]) -> float:
    """Return the share of strikes, of tokens (step,), that the one before them, or a stop, equals."""
    moves = [np.diff(tokens[tokens > 0]) for tokens in melodies]
    same = np.concatenate([move == 0 for move in moves])
    return round(float(same.mean()), 4) if len(same) else 0.0
