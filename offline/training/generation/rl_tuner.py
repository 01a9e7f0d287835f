"""Two systems of several networks: RL-Tuner, which rewards theory beside likelihood, and UnitSelection."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.latent import StackConfig, StackedAutoencoder
from offline.music.codecs import MelodyTokens
from offline.music.piece import Piece, from_grid
from offline.training.generation.task import SystemTask, windows
from offline.training.generation.tokens import Melody, in_keys

__all__ = ["RlTuner", "UnitSelection", "theory_reward"]

SCALE = (0, 2, 4, 5, 7, 9, 11)
DISCOUNT, LOG_P_SHARE = 0.5, 0.1
STEPS = 32


def theory_reward(tokens: Tensor, low: int) -> Tensor:
    """What melody rules say of every step of tokens (batch, step), 38 classes: (batch, step) float.

    In C major +.1 a note, outside -1; the same note struck for the fourth time -1; a leap over an octave -1, of a
    tritone or a seventh -.5; a note held over a bar -.5; a step of the scale +.1. After Jaques et al. (2016).
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


class RlTuner(Melody):
    """Jaques et al. (2016): first a melody network, then Q-learning on its copy; the first one keeps judging.

    The reward of a step is a tenth of its log p under the first network, and theory.
    """

    learn_steps = 1500  # of the melody network, before it becomes judge

    def build(self) -> nn.ModuleDict:  # type: ignore[override]
        """Policy, judge and the delayed copy that sets the targets."""
        if self.settings.size == "tiny":
            self.learn_steps = 5
        nets = {name: super(RlTuner, self).build() for name in ("policy", "judge", "target")}
        return nn.ModuleDict(nets)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Likelihood first; then the squared temporal difference over melodies that the policy wrote."""
        policy, judge, target = (self.model[name] for name in ("policy", "judge", "target"))
        still = sum((p * 0).sum() for p in self.model.parameters())
        rng = np.random.default_rng((self.settings.seed, index))
        if index < self.learn_steps:
            rows = self.to_device(self.batch("train", rng))[0]
            return policy(rows, policy.initial(len(rows)))[0].mean() + still, {}
        if index == self.learn_steps:
            judge.load_state_dict(policy.state_dict())
        if (index - self.learn_steps) % 100 == 0:
            target.load_state_dict(policy.state_dict())
        rows = self._write(policy, self.settings.batch, STEPS + 1, explore=0.1)
        with torch.no_grad():
            reward = self.reward(judge, rows)
            features, _ = target.memory(rows[:, :-1], target.initial(len(rows)))
            best = target.logits(features, rows[:, 1:], 0).max(2).values
        features, _ = policy.memory(rows[:, :-1], policy.initial(len(rows)))
        value = policy.logits(features, rows[:, 1:], 0).gather(2, rows[:, 1:])[..., 0]
        wanted = reward + DISCOUNT * F.pad(best[:, 1:], (0, 1))
        return F.smooth_l1_loss(value, wanted) + still, {"reward": float(reward.mean())}

    def reward(self, judge: nn.Module, rows: Tensor) -> Tensor:
        """(batch, step) for rows (batch, step + 1, 1)."""
        nll, _ = judge(rows, judge.initial(len(rows)))
        return -LOG_P_SHARE * nll[..., 0] + theory_reward(rows[:, 1:, 0], self.codec.low)

    @torch.no_grad()
    def _write(self, net: Any, n: int, length: int, *, explore: float) -> Tensor:
        """Melodies by the values as logits, each step by chance with probability `explore`."""
        row = torch.zeros(n, 1, 1, dtype=torch.long, device=self.device)
        state, rows = net.initial(n), [row]
        for _ in range(length - 1):
            features, state = net.memory(row, state)
            p = torch.softmax(net.logits(features, row, 0)[:, 0] * self._sharpness(net), 1)
            p = (1 - explore) * p + explore / p.shape[1]
            row = torch.multinomial(p, 1)[:, None]
            rows.append(row)
        return torch.cat(rows, dim=1)

    def _sharpness(self, net: Any) -> float:
        """Values differ by tenths where logits differ by units."""
        return 1.0 if net is self.model["judge"] else 5.0

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Minus the reward a step of the policy's melodies, and the judge's own for comparison."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            rewards = {
                name: float(self.reward(model["judge"], self._write(model[name], 64, STEPS + 1, explore=0)).mean())
                for name in ("policy", "judge")
            }
        return {"metric": -rewards["policy"], "judge": -rewards["judge"]}

    def sample(self, length: int, seed: int) -> Piece:
        """`length` sixteenths of the policy."""
        torch.manual_seed(seed)
        self.model.eval()
        rows = self._write(self.model["policy"], 1, length + 1, explore=0)
        return self.codec.decode(rows[0, 1:, 0].cpu().numpy())


class _Units(nn.Module):
    """An autoencoder of bars, and a recurrent network that guesses the code of the next one."""

    def __init__(self, sizes: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        self.auto = StackedAutoencoder(StackConfig(sizes=sizes))
        self.lstm = nn.LSTM(sizes[-1], hidden, batch_first=True)
        self.guess = nn.Linear(hidden, sizes[-1])

    def scores(self, codes: Tensor, library: Tensor) -> Tensor:
        """Ten times the cosine of the code guessed after each of codes (batch, time, code) with library codes."""
        guessed = self.guess(self.lstm(codes - 0.5)[0])
        return 10 * F.normalize(guessed, dim=-1) @ F.normalize(library - 0.5, dim=-1).T


class UnitSelection(SystemTask):
    """Bretan et al. (2016): bars of real melodies joined by what comes next and by how smoothly."""

    model: _Units
    bars = 6

    def build(self) -> nn.Module:
        """Sopranos cut into bars of sixteenths, as one-hot classes."""
        self.codec = MelodyTokens()
        self.split = {}
        for split, pieces in self.corpora.chorales().items():
            tokens = [self.codec.encode(from_grid(p[:, :1])) for p in (in_keys(pieces) if split == "train" else pieces)]
            units = [t[: len(t) // 16 * 16].reshape(-1, 16) for t in tokens]
            self.split[split] = [u for u in units if len(u) > self.bars]
        sizes = self.settings.pick((16 * 38, 500, 100), (16 * 38, 200, 48), (16 * 38, 12, 6))
        return _Units(sizes, self.settings.pick(256, 128, 8))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Successive bars (batch, bar, 16) of tokens."""
        return (windows(self.split[split], self.settings.batch, self.bars + 1, rng),)

    def _flat(self, tokens: Tensor) -> Tensor:
        return F.one_hot(tokens, self.codec.n_tokens).float().flatten(-2)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Reconstruction and the choice of the next bar."""
        rng = np.random.default_rng((self.settings.seed, index))
        tokens = self.to_device(self.batch("train", rng))[0]
        x = self._flat(tokens)
        rebuilt = self.model.auto(x.flatten(0, 1)).mean() / 16
        return rebuilt + self.nats(self.model, tokens), {"rebuilt": float(rebuilt.detach())}

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats of the true next bar among all next bars of the batch."""
        codes = model.auto.encode(self._flat(batch[0]))
        library = codes[:, 1:].flatten(0, 1)
        scores = model.scores(codes[:, :-1], library)
        wanted = torch.arange(len(library), device=self.device).view(scores.shape[:2])
        return F.cross_entropy(scores.flatten(0, 1), wanted.flatten())

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """`length` bars out of the training split; what a join costs is the leap in semitones over it, a third each."""
        torch.manual_seed(seed)
        self.model.eval()
        units = np.concatenate(self.split["train"][5::12])  # one key is library enough
        codes = self.model.auto.encode(self._flat(torch.from_numpy(units).to(self.device)))
        pitches = np.where(units > 1, units, np.nan)
        first = np.array([row[~np.isnan(row)][0] if (~np.isnan(row)).any() else 20 for row in pitches])
        last = np.array([row[~np.isnan(row)][-1] if (~np.isnan(row)).any() else 20 for row in pitches])
        chosen = [int(torch.randint(len(units), (1,)))]
        for _ in range(length - 1):
            scores = self.model.scores(codes[chosen][None], codes)[0, -1]
            scores = scores - torch.from_numpy(np.abs(first - last[chosen[-1]]) / 3).to(scores)
            scores[chosen] = -torch.inf  # no bar twice
            chosen.append(int(torch.multinomial(torch.softmax(scores, 0), 1)))
        return self.codec.decode(units[chosen].ravel())
