"""The frame network: what looks at what, and that step by step it says what it says at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.generation.frames import FrameLstm, FrameLstmConfig
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.generation.frames import ChoraleFrames, FrameTraining, prepare
from tests.tolerances import EXPORT

SMALL = FrameLstmConfig(hidden=16, width=16, embed=8, dropout=0.2)


@pytest.fixture
def net() -> FrameLstm:
    torch.manual_seed(0)
    return FrameLstm(SMALL).eval()


Echo = tuple[torch.Tensor, torch.Tensor]


def inputs(n: int = 2, length: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Echo]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, SMALL.n_tokens, (n, length + 1, 4), generator=generator)
    age = torch.randint(0, SMALL.n_ages, (n, length, 4), generator=generator)
    echo = torch.randint(0, SMALL.n_tokens, (n, length, 2, 4), generator=generator)
    echo[:, :, 0] = frames[:, 1:]  # an echo that is followed, so that leaving it shows
    agreed = torch.randint(0, SMALL.n_agreed, (n, length, 2, 4), generator=generator)
    return frames, age, torch.arange(length).remainder(16).repeat(n, 1), (echo, agreed)


def test_a_voice_sees_the_past_and_the_voices_above_it_only(net: FrameLstm) -> None:
    frames, age, phase, echo = inputs()
    before, _ = net(frames, age, phase, echo, net.initial(2))
    for voice in range(4):
        other = frames.clone()
        other[:, 6, voice] = (other[:, 6, voice] + 7) % SMALL.n_tokens
        after, _ = net(other, age, phase, echo, net.initial(2))
        changed = (after != before).any(dim=0)
        assert not changed[:5].any()
        assert not changed[5, :voice].any()
        assert changed[5, voice:].all()
        assert changed[6:].any()


def test_steps_agree_with_the_sequence(net: FrameLstm) -> None:
    frames, age, phase, (echo, agreed) = inputs()
    whole, _ = net(frames, age, phase, (echo, agreed), net.initial(2))
    state, parts = net.initial(2), []
    for t in range(phase.shape[1]):
        now, heard = slice(t, t + 1), (echo[:, t : t + 1], agreed[:, t : t + 1])
        part, state = net(frames[:, t : t + 2], age[:, now], phase[:, now], heard, state)
        parts.append(part)
    assert (torch.cat(parts, dim=1) - whole).abs().max() < EXPORT


def test_probabilities_sum_to_one_over_whole_frames() -> None:
    """Two voices of four tokens: the head's product is a distribution over all sixteen frames."""
    tiny = FrameLstm(FrameLstmConfig(n_voices=2, n_tokens=4, hidden=8, width=8, embed=4)).eval()
    now = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    frames = torch.stack([torch.tensor([[1, 2]]).expand(16, 2), now], dim=1)
    age, phase = torch.zeros(16, 1, 2, dtype=torch.long), torch.zeros(16, 1, dtype=torch.long)
    echo = torch.tensor([[3, 1], [2, 1]]).expand(16, 1, 2, 2), torch.tensor([[4, 4], [2, 7]]).expand(16, 1, 2, 2)
    nll, _ = tiny(frames, age, phase, echo, tiny.initial(16))
    assert abs(float(torch.exp(-nll.detach().sum(dim=(1, 2))).sum()) - 1) < EXPORT


def corpus() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    chords = rng.integers(45, 75, (6, 4))
    pieces = [np.repeat(chords[rng.integers(0, 6, 20)], 4, axis=0).astype(np.int16) for _ in range(8)]
    return {"train": pieces, "valid": pieces[:3]}


def test_training_learns_and_goes_on(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    training = FrameTraining(n_streams=4, n_frames=32)
    loop = LoopConfig(steps=60, learning_rate=1e-2, average=0.9)
    task = ChoraleFrames(corpus(), SMALL, training)
    untrained = task.validate(task.model.eval())["nats_per_note"]
    first = Trainer(task, tmp_path, loop)
    learnt = first.run()["nats_per_note"]
    assert learnt < 0.7 * untrained
    second = Trainer(ChoraleFrames(corpus(), SMALL, training), tmp_path, loop)
    second.resume()
    assert second.step == first.step
    assert abs(second.task.validate(second.averaged.module.eval())["nats_per_note"] - learnt) < EXPORT


def test_the_likelihood_of_a_piece_does_not_depend_on_its_neighbours() -> None:
    task = ChoraleFrames(corpus(), SMALL, FrameTraining())
    task.model.eval()
    together = task.nll(task.model, "valid")[1]
    task.chorales = {"valid": [task.chorales["valid"][1]]}
    assert np.abs(task.nll(task.model, "valid")[0] - together).max() < EXPORT


def test_ages_count_from_the_silence_before() -> None:
    tokens, held, *_ = prepare(np.array([[0, 5], [0, 5], [3, 5]]))
    assert held[:, 0].tolist() == [0, 1, 2, 0]
    assert held[:, 1].tolist() == [0, 0, 1, 2]
    assert tokens.shape == (4, 2)
