"""The frame network: what looks at what, and that step by step it says what it says at once."""

from __future__ import annotations

import pytest
import torch

from models.generation.frames import FrameLstm, FrameLstmConfig
from tests.tolerances import EXPORT

SMALL = FrameLstmConfig(hidden=16, width=16, embed=8, dropout=0.2)


@pytest.fixture
def net() -> FrameLstm:
    torch.manual_seed(0)
    return FrameLstm(SMALL).eval()


Repetitions = tuple[torch.Tensor, torch.Tensor]


def inputs(n: int = 2, length: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Repetitions]:
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
        now, guess = slice(t, t + 1), (echo[:, t : t + 1], agreed[:, t : t + 1])
        part, state = net(frames[:, t : t + 2], age[:, now], phase[:, now], guess, state)
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
