"""Loss of weakly and strongly labelled sound events, and of the mean teacher.

Boes & Van hamme (2021), sections 2.3 and 4.3.1, after Tarvainen & Valpola, "Mean teachers are better role models"
(2017). Axes: logits and probabilities (batch, step, class); strong labels (batch, step, class), weak (batch, class).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.detection.config import LossConfig
from models.detection.network import linear_pool

__all__ = ["onset_targets", "published_rate", "sound_event_loss"]

EDGE_STEPS = 4  # 265 ms
ONSET_STEPS = 3  # 199 ms: how long after its beginning a sound is learnt as one that begins


def published_rate(step: int, *, warmup: int = 12_500, decay: float = 0.99995) -> float:
    """Return the share of the learning rate at a training step: exponential ramp-up, then exponential decay.

    The ramp is exp(-5 (1 - step / warmup)^2), the usual one of mean teachers; the paper says "exponential".
    """
    if step < warmup:
        return math.exp(-5 * (1 - step / warmup) ** 2)
    return float(decay ** (step - warmup))


def _edge_weights(labels: Tensor, edges: float) -> Tensor:
    """Weight steps (batch, step, class): `edges` in the EDGE_STEPS after each change of a label, else 1; of mean 1."""
    changed = F.pad((labels[:, 1:] != labels[:, :-1]).float(), (0, 0, EDGE_STEPS, 0))
    near = F.max_pool1d(changed.transpose(1, 2), EDGE_STEPS, stride=1).transpose(1, 2)
    weight = 1 + (edges - 1) * near
    return weight / weight.mean()


def onset_targets(labels: Tensor) -> Tensor:
    """Return 1 in the ONSET_STEPS from each beginning of a label (batch, step, class) on, else 0."""
    begun = F.pad(torch.relu(labels[:, 1:] - labels[:, :-1]), (0, 0, ONSET_STEPS, 0))
    return F.max_pool1d(begun.transpose(1, 2), ONSET_STEPS, stride=1).transpose(1, 2)


def sound_event_loss(
    logits: Tensor,
    labels: Tensor,
    known: Tensor,
    config: LossConfig,
    teacher: Tensor | None = None,
    onset: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of the parts that apply, and each part by name.

    logits: of the student
    labels: (batch, step, class); of a weakly labelled clip only `labels.amax(1)` is used
    known: (batch), 2 for strong labels, 1 for weak ones, 0 for none
    teacher: logits of the teacher
    onset: logits that a sound has begun within `ONSET_STEPS`
    """
    logits = logits.float()
    probability = torch.sigmoid(logits)
    clip = linear_pool(probability)
    parts = {}
    if (tagged := known >= 1).any():
        wanted = labels[tagged].amax(1)
        parts["weak"] = config.weak * F.binary_cross_entropy(clip[tagged].clamp(1e-6, 1 - 1e-6), wanted)
    if config.strong and (timed := known >= 2).any():
        weight = _edge_weights(labels[timed], config.edges) if config.edges != 1 else None
        loss = F.binary_cross_entropy_with_logits(logits[timed], labels[timed], weight)
        parts["strong"] = config.strong * loss
        if onset is not None:
            wanted = onset_targets(labels[timed])
            parts["onset"] = config.onset * F.binary_cross_entropy_with_logits(onset.float()[timed], wanted)
    if teacher is not None:
        goal = torch.sigmoid(teacher.detach().float())
        difference = F.mse_loss(clip, linear_pool(goal)) + F.mse_loss(probability, goal)
        parts["consistency"] = config.consistency * difference
    total = torch.stack(list(parts.values())).sum() if parts else logits.sum() * 0
    return total, {name: float(part.detach()) for name, part in parts.items()}
