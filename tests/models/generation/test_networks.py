"""The networks of the survey: which output depends on which input, and which loss falls."""

from __future__ import annotations

import itertools

import pytest
import torch

from models.generation.adversarial import AdversarialConfig, CRnnGan, MidiNet
from models.generation.blocks import (
    DeepBach,
    DeepBachConfig,
    MiniBach,
    MiniBachConfig,
    StackConfig,
    StackedAutoencoder,
    Vrae,
    VraeConfig,
)
from models.generation.rl_tuner import theory_reward
from models.generation.rolls import (
    Biaxial,
    BiaxialConfig,
    BluesConfig,
    BluesLstm,
    ConvRbm,
    ConvRbmConfig,
    Rbm,
    RnnRbm,
    RnnRbmConfig,
)
from models.generation.sound import WaveNet, WaveNetConfig
from models.generation.tokens import TokenLstm, TokenLstmConfig, psychoacoustic_code
from tests.tolerances import EXPORT


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def bits(*shape: int, p: float = 0.3) -> torch.Tensor:
    return (torch.rand(*shape) < p).float()


def token_net(**more: object) -> TokenLstm:
    settings = {"n_tokens": (7, 3), "hidden": 12, "embed": 4, "n_layers": 2}
    return TokenLstm(TokenLstmConfig(**{**settings, **more})).eval()  # type: ignore[arg-type]


def test_rows_of_tokens_are_a_distribution_over_all_streams() -> None:
    net = token_net()
    torch.nn.init.normal_(net.between["0>1"].weight)
    rows = torch.tensor([[[2, 1], list(row)] for row in itertools.product(range(7), range(3))])
    nll, _ = net(rows, net.initial(21))
    assert abs(float(torch.exp(-nll.detach().sum((1, 2))).sum()) - 1) < EXPORT


def test_tokens_see_the_past_and_the_streams_before_them() -> None:
    net = token_net()
    torch.nn.init.normal_(net.between["0>1"].weight)
    rows = torch.randint(0, 3, (1, 9, 2))
    before = net(rows, net.initial(1))[0]
    rows[0, 5, 0] = 6
    changed = (net(rows, net.initial(1))[0] != before)[0]
    assert changed.tolist() == [[t >= 4, t >= 4] for t in range(8)]
    rows[0, 5, 1] = (rows[0, 5, 1] + 1) % 3
    assert not changed[:4].any()


def test_conditions_reach_the_row_they_come_with() -> None:
    net = token_net(n_condition=2)
    rows, condition = torch.randint(0, 3, (1, 6, 2)), torch.randn(1, 5, 2)
    before = net(rows, net.initial(1), condition)[0]
    condition[0, 3] += 1
    changed = (net(rows, net.initial(1), condition)[0] != before)[0].any(1)
    assert changed.tolist() == [False, False, False, True, True]


def test_psychoacoustic_codes_place_octaves_and_fifths_near() -> None:
    code = psychoacoustic_code(48, 41)
    far = lambda a, b: float((code[a - 47] - code[b - 47])[1:].norm())  # noqa: E731
    assert far(60, 72) < 1e-5
    assert far(60, 67) < far(60, 66)
    assert code[0].abs().sum() == 0


def test_the_melody_hears_the_chords_and_not_the_other_way() -> None:
    net = BluesLstm(BluesConfig()).eval()
    roll = bits(1, 8, 25)
    before, _ = net.logits(roll, net.initial(1))
    other = roll.clone()
    other[0, 3, 20] = 1 - other[0, 3, 20]
    after, _ = net.logits(other, net.initial(1))
    assert torch.equal(after[..., :12], before[..., :12])
    assert (after[0, 3:, 12:] != before[0, 3:, 12:]).any()
    other[0, 3, 2] = 1 - other[0, 3, 2]
    assert (net.logits(other, net.initial(1))[0][0, 3:, 12:] != after[0, 3:, 12:]).any()


def enumerated(rbm: Rbm) -> torch.Tensor:
    """-log p(v) for every v of a small machine."""
    v = torch.tensor(list(itertools.product([0.0, 1.0], repeat=len(rbm.b))))
    energy = rbm.free_energy(v, rbm.b, rbm.c)
    return energy + torch.logsumexp(-energy, 0)


def small_rbm() -> Rbm:
    rbm = Rbm(6, 5)
    with torch.no_grad():
        rbm.weight.normal_(std=1.0)
        rbm.b.normal_()
        rbm.c.normal_()
    return rbm


def test_annealed_importance_sampling_finds_the_partition_function() -> None:
    rbm = small_rbm()
    v = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))
    exact = torch.logsumexp(-rbm.free_energy(v, rbm.b, rbm.c), 0)
    found = rbm.log_partition(rbm.b[None].detach(), rbm.c[None].detach(), 500, 200)[0]
    assert abs(float((found - exact).detach())) < 0.1  # the sampler's own spread is .03


def test_gibbs_sampling_reaches_the_machines_distribution() -> None:
    rbm = small_rbm()
    p = torch.exp(-enumerated(rbm)).detach()
    v = rbm.gibbs(bits(20_000, 6, p=0.5), rbm.b, rbm.c, 50)
    index = (v @ torch.tensor([32.0, 16, 8, 4, 2, 1])).long()
    found = torch.bincount(index, minlength=64) / 20_000
    assert (found - p).abs().sum() < 0.1
    clamp = torch.zeros(6, dtype=torch.bool)
    clamp[0] = True
    start = bits(50, 6)
    assert torch.equal(rbm.gibbs(start, rbm.b, rbm.c, 5, clamp)[:, 0], start[:, 0])


def test_the_rnn_rbm_is_causal_and_its_loss_falls() -> None:
    net = RnnRbm(RnnRbmConfig(n_visible=12, n_hidden=20, n_recurrent=10, cd=3)).eval()
    roll = bits(1, 10, 12)
    b, _ = net.biases(roll)
    other = roll.clone()
    other[0, 6] = 1 - other[0, 6]
    changed = (net.biases(other)[0] != b)[0].any(1)
    assert changed.tolist() == [t > 6 for t in range(10)]
    pattern = torch.eye(12).repeat(4, 2, 1)  # one key after another
    before = float(net.nll(pattern[:1], 20, 50).mean())
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        loss, _ = net(pattern)
        optimiser.zero_grad()
        loss.mean().backward()
        optimiser.step()
    assert float(net.nll(pattern[:1], 20, 50).mean()) < 0.6 * before


def test_the_convolutional_machine_keeps_what_is_clamped() -> None:
    net = ConvRbm(ConvRbmConfig(n_pitches=8, width=5, n_maps=6))
    v = bits(2, 8, 20)
    clamp = torch.zeros_like(v, dtype=torch.bool)
    clamp[:, :, :10] = True
    assert torch.equal(net.gibbs(v, 3, clamp)[..., :10], v[..., :10])
    assert net(v).shape == (2,)


def test_autoencoders_learn_and_pretrain() -> None:
    x = torch.eye(16).repeat(2, 1)
    net = StackedAutoencoder(StackConfig(sizes=(16, 12, 8), corrupt=0.0))
    first = net.pretrain(x, 0)
    assert [net.pretrain(x, 0) for _ in range(300)][-1] < first
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    before = float(net(x).mean())
    for _ in range(300):
        loss = net(x).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(net(x).mean()) < 0.2 * before
    assert net.decode(net.encode(x)).argmax(1).equal(x.argmax(1))


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("kind", ["n_bits", "n_tokens"])
def test_recurrent_vaes(kind: str, history: bool) -> None:
    net = Vrae(VraeConfig(**{kind: 9}, hidden=16, latent=4, history=history)).eval()  # type: ignore[arg-type]
    x = bits(5, 7, 9) if kind == "n_bits" else torch.randint(0, 9, (5, 7))
    nll, divergence = net(x)
    assert nll.shape == divergence.shape == (5,)
    assert bool((divergence >= 0).all())
    logits = lambda y: net.step(torch.zeros(5, 4), y, net.start(torch.zeros(5, 4)))[0]  # noqa: E731
    differs = bool((logits(torch.zeros(5, 7, 9)) != logits(torch.ones(5, 7, 9))).any())
    assert differs == history


@pytest.mark.parametrize("kind", ["notes", "bars"])
def test_both_sides_of_the_game_learn_by_one_loss(kind: str) -> None:
    config = AdversarialConfig(noise=6, hidden=8, match=0.0)
    net = CRnnGan(config) if kind == "notes" else MidiNet(config)
    batch = (torch.randn(3, 5, 4),) if kind == "notes" else (bits(3, 128, 16), bits(3, 13), bits(3, 128, 16))
    loss, numbers = net(*batch)
    loss.backward()
    assert set(numbers) == {"real", "false"}
    torch.manual_seed(1)
    made = ("cells", "out", "full", "look", "grow", "norms", "paint")
    generator = [p for name, p in net.named_parameters() if name.startswith(made)]
    assert all(p.grad is not None for p in net.parameters())
    optimiser = torch.optim.SGD(generator, 0.5)
    net.eval()

    def fooled() -> float:
        torch.manual_seed(2)
        return net(*batch)[1]["false"]

    before = fooled()
    for _ in range(20):
        torch.manual_seed(2)
        optimiser.zero_grad()
        net(*batch)[0].backward()
        optimiser.step()
    assert fooled() > before  # the generator alone moves: the critic believes it more


def test_midinet_writes_one_softmax_a_step() -> None:
    net = MidiNet(AdversarialConfig()).eval()
    bar = net.generate(torch.randn(2, 100), bits(2, 13), bits(2, 128, 16))
    assert bar.shape == (2, 128, 16)
    assert (bar.sum(1) - 1).abs().max() < EXPORT


def test_minibach_and_deepbach_never_see_what_they_are_to_say() -> None:
    net = MiniBach(MiniBachConfig(n_steps=4, n_tokens=6, hidden=8)).eval()
    assert net(torch.randint(0, 6, (2, 4, 4))).shape == (2, 4, 3)
    deep = DeepBach(DeepBachConfig(n_tokens=6, embed=3, hidden=5, merge=5, window=3)).eval()
    frames, zeros = torch.randint(0, 6, (1, 7, 4)), torch.zeros(1, 7, dtype=torch.long)
    for voice in range(4):
        before = deep.logits(voice, frames, zeros, zeros)
        own = frames.clone()
        own[0, 3, voice] = (own[0, 3, voice] + 1) % 6
        assert torch.equal(deep.logits(voice, own, zeros, zeros), before)
        for t, u in [(2, voice), (4, voice), (3, (voice + 1) % 4)]:
            other = frames.clone()
            other[0, t, u] = (other[0, t, u] + 1) % 6
            assert not torch.equal(deep.logits(voice, other, zeros, zeros), before)


def test_the_biaxial_network_is_causal_on_both_axes() -> None:
    net = Biaxial(BiaxialConfig(time=(6, 6), note=(5, 4), n_pitches=10)).eval()
    roll, phase = bits(1, 6, 10, 2), torch.arange(5)[None]
    before = net(roll, phase)
    other = roll.clone()
    other[0, 4, 3, 0] = 1 - other[0, 4, 3, 0]
    changed = (net(other, phase) != before)[0]
    assert changed.tolist() == [False, False, False, True, True]


def test_the_biaxial_network_is_a_distribution() -> None:
    net = Biaxial(BiaxialConfig(time=(4, 4), note=(4, 4), n_pitches=3)).eval()
    states = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    rolls = torch.tensor([[[(0.0, 0.0)] * 3, step] for step in itertools.product(states, repeat=3)])
    nll = net(rolls, torch.zeros(27, 1, dtype=torch.long)).detach()
    assert abs(float(torch.exp(-nll).sum()) - 1) < EXPORT


def test_wavenet_sees_its_receptive_field() -> None:
    config = WaveNetConfig(n_tokens=8, n_doublings=3, n_stacks=2, residual=4, skip=6)
    net = WaveNet(config).eval()
    assert config.receptive == 15
    tokens = torch.randint(0, 8, (1, 40))
    before = net.logits(tokens)
    other = tokens.clone()
    other[0, 10] = (other[0, 10] + 1) % 8
    changed = (net.logits(other) != before)[0].any(0).nonzero()[:, 0]
    assert changed.min() == 10
    assert changed.max() == 10 + config.receptive - 1


def test_theory_rewards() -> None:
    def reward(*tokens: int) -> list[float]:
        return [round(x, 3) for x in theory_reward(torch.tensor([tokens]), 48)[0].tolist()]

    c, d, f_sharp, high_d = 2, 4, 8, 4 + 12
    assert reward(c, 0, d) == [0.2, 0.0, 0.2]  # the first note counts as a step
    assert reward(c, f_sharp)[1] == -1.5
    assert reward(c, high_d)[1] == -0.9
    assert reward(d, d, d, d)[2:] == [0.1, -0.9]
    assert reward(c, *[0] * 18)[-2:] == [-0.5, -0.5]
