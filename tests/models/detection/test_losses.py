"""The losses of the mean teacher by hand, and the published learning rate."""

from __future__ import annotations

import math

import pytest
import torch

from models.detection.config import LossConfig
from models.detection.losses import onset_targets, published_rate, sound_event_loss

HALF = torch.zeros(1, 2, 1)  # probability 0.5 in both steps, and so of the clip
ONE_STEP = torch.tensor([[[1.0], [0.0]]])


def parts(
    logits: torch.Tensor, known: int, config: LossConfig, teacher: torch.Tensor | None = None
) -> dict[str, float]:
    total, named = sound_event_loss(logits, ONE_STEP, torch.tensor([known]), config, teacher)
    assert float(total) == pytest.approx(sum(named.values()))
    return named


def test_what_is_known_decides_what_is_learnt() -> None:
    config = LossConfig(weak=1, strong=3, consistency=2)
    assert parts(HALF, 0, config) == {}
    assert parts(HALF, 1, config) == {"weak": pytest.approx(math.log(2))}
    assert parts(HALF, 2, config) == {"weak": pytest.approx(math.log(2)), "strong": pytest.approx(3 * math.log(2))}


def test_consistency_is_the_squared_difference_of_clips_and_steps() -> None:
    """The teacher says 0.8 in both steps, so 0.8 of the clip: 2 (0.3^2 + 0.3^2)."""
    teacher = torch.full((1, 2, 1), math.log(4.0))
    assert parts(HALF, 0, LossConfig(), teacher) == {"consistency": pytest.approx(2 * 2 * 0.09)}


def test_the_teacher_is_not_taught() -> None:
    student, teacher = (torch.zeros(1, 2, 1, requires_grad=True), torch.ones(1, 2, 1, requires_grad=True))
    sound_event_loss(student, ONE_STEP, torch.tensor([0]), LossConfig(), teacher)[0].backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.abs().min() > 0


def test_certain_answers_give_finite_losses() -> None:
    wrong = torch.tensor([[[-200.0], [200.0]]], requires_grad=True)
    total, _ = sound_event_loss(wrong, ONE_STEP, torch.tensor([2]), LossConfig(), -wrong.detach())
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(wrong.grad).all()


def test_the_published_rate() -> None:
    assert published_rate(0) == pytest.approx(math.exp(-5))
    assert published_rate(12_500) == 1
    assert published_rate(12_501) == pytest.approx(0.99995)
    rising = [published_rate(step) for step in range(0, 12_500, 500)]
    assert rising == sorted(rising)


def test_edges_weigh_the_quarter_second_after_each_change() -> None:
    labels = torch.zeros(1, 10, 1)
    labels[0, 4:] = 1
    logits = torch.zeros(1, 10, 1)
    logits[0, 4:8] = 2.0  # right by so much in the four steps after the change, undecided elsewhere
    known = torch.tensor([2])
    plain, heavy = (
        sound_event_loss(logits, labels, known, LossConfig(weak=0, consistency=0, edges=edges))[1]["strong"]
        for edges in (1.0, 3.0)
    )
    sure, undecided = math.log1p(math.exp(-2)), math.log(2)
    assert plain == pytest.approx((4 * sure + 6 * undecided) / 10)
    assert heavy == pytest.approx((3 * 4 * sure + 6 * undecided) / (3 * 4 + 6))


def test_onsets_are_learnt_for_three_steps() -> None:
    """Not at the very start, where nobody knows; a gap of a step makes another onset."""
    labels = torch.tensor([1.0, 1, 0, 0, 1, 1, 1, 1, 0, 1])[None, :, None]
    assert onset_targets(labels)[0, :, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0, 1]
    logits, onset = torch.zeros(1, 10, 1), torch.full((1, 10, 1), -30.0)
    parts = sound_event_loss(logits, labels, torch.tensor([2]), LossConfig(onset=2.0), None, onset)[1]
    assert parts["onset"] == pytest.approx(2 * 30 * 4 / 10)
    assert "onset" not in sound_event_loss(logits, labels, torch.tensor([2]), LossConfig())[1]
