"""Training of RL-Tuner (Jaques et al. 2016): a melody network, then Q-learning on its copy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.generation.rl_tuner import LOG_P_SHARE, RlTunerNetwork, temporal_difference, theory_reward
from models.generation.tokens import TokenLstm
from offline.training.generation.tokens import MelodyTraining

__all__ = ["RlTunerTraining"]

STEPS = 32
TARGET_STEPS = 100  # between two copies of the policy to the target
SHARPNESS = 5.0  # of the policy's softmax: values differ by tenths where logits differ by units
EXPLORE = 0.1


class RlTunerTraining(MelodyTraining):
    """RL-Tuner: the reward of a step is a tenth of its log p under the first network, and music theory."""

    learn_steps = 1500  # of the melody network, before it becomes the judge

    def build(self) -> RlTunerNetwork:
        """Make policy, judge and target."""
        if self.config.size == "tiny":
            self.learn_steps = 5
        return RlTunerNetwork(self.build_melody)

    def played_network(self) -> dict[str, Any]:
        """Return the settings of the policy."""
        return {"n_tokens": [self.codec.n_tokens], "n_layers": 1, "units": type(self.model).__name__}

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the likelihood first; then the temporal difference over melodies that the policy wrote."""
        policy, judge, target = (self.model[name] for name in ("policy", "judge", "target"))
        still = sum((p * 0).sum() for p in self.model.parameters())
        if index < self.learn_steps:
            rows = self.draw_train(index)[0]
            return policy(rows, policy.initial(len(rows)))[0].mean() + still, {}
        if index == self.learn_steps:
            judge.load_state_dict(policy.state_dict())
        if (index - self.learn_steps) % TARGET_STEPS == 0:
            target.load_state_dict(policy.state_dict())
        rows = self.write(policy, self.n_batch, STEPS + 1, explore=EXPLORE)
        with torch.no_grad():
            reward = self.reward(judge, rows)
        return temporal_difference(policy, target, rows, reward) + still, {"reward": float(reward.mean())}

    def reward(self, judge: TokenLstm, rows: Tensor) -> Tensor:
        """Return the reward (batch, step) of rows (batch, step + 1, 1)."""
        nll, _ = judge(rows, judge.initial(len(rows)))
        reward: Tensor = -LOG_P_SHARE * nll[..., 0] + theory_reward(rows[:, 1:, 0], self.codec.low)
        return reward

    @torch.no_grad()
    def write(self, net: TokenLstm, n: int, length: int, *, explore: float) -> Tensor:
        """Write n melodies (n, length, 1) by the values as logits; a step is random with probability `explore`."""
        sharpness = 1.0 if net is self.model["judge"] else SHARPNESS
        row = torch.zeros(n, 1, 1, dtype=torch.long, device=self.device)
        state, rows = net.initial(n), [row]
        for _ in range(length - 1):
            features, state = net.memory(row, state)
            p = torch.softmax(net.logits(features, row, 0)[:, 0] * sharpness, 1)
            p = (1 - explore) * p + explore / p.shape[1]
            row = torch.multinomial(p, 1)[:, None]
            rows.append(row)
        return torch.cat(rows, dim=1)

    def validate(self, model: Any) -> dict[str, float]:
        """Return minus the reward a step of the policy's melodies, and of the judge's."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            rewards = {
                name: float(self.reward(model["judge"], self.write(model[name], 64, STEPS + 1, explore=0)).mean())
                for name in ("policy", "judge")
            }
        return {"metric": -rewards["policy"], "judge": -rewards["judge"]}
