"""The networks of the survey: which output depends on which input, and which loss falls."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
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
from models.generation.blues import BlockLstm, BluesConfig, BluesLstm
from models.generation.concert import Concert, ConcertConfig, chord_points
from models.generation.conv_rbm import ConvRbm, ConvRbmConfig
from models.generation.graph import export_parts, round_to_small
from models.generation.music_theory import RULES, theory_reward
from models.generation.rl_tuner import RlTunerNetwork, soft_difference
from models.generation.rolls import Biaxial, BiaxialConfig, Rbm, RnnRbm, RnnRbmConfig
from models.generation.sound import WaveNet, WaveNetConfig
from models.generation.tokens import TokenLstm, TokenLstmConfig, psychoacoustic_code
from models.generation.unit_selection import SHARPNESS, UnitSelectionNetwork
from offline.generation.weights import SystemFiles
from tests.tolerances import EXPORT


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def bits(*shape: int, p: float = 0.3) -> torch.Tensor:
    return (torch.rand(*shape) < p).float()


def token_net(**more: object) -> TokenLstm:
    settings = {"n_tokens": (7,), "hidden": 12, "embed": 4, "n_layers": 2}
    return TokenLstm(TokenLstmConfig(**{**settings, **more})).eval()  # type: ignore[arg-type]


def test_tokens_see_the_past_alone() -> None:
    net = token_net()
    rows = torch.randint(0, 6, (1, 9, 1))
    before = net(rows, net.initial(1))[0]
    rows[0, 5, 0] = 6
    assert (net(rows, net.initial(1))[0] != before)[0, :, 0].tolist() == [t >= 4 for t in range(8)]


def concert() -> Concert:
    return Concert(ConcertConfig(n_tokens=(7, 4, 25), low=60, hidden=12)).eval()


def test_concert_is_a_distribution_over_pitch_duration_and_chord() -> None:
    net, first = concert(), [2, 1, 3]
    rows = torch.tensor([[first, list(row)] for row in itertools.product(range(7), range(4), range(25))])
    nll = net(rows).detach()
    assert abs(float(torch.exp(-nll.sum((1, 2))).sum()) - 1) < EXPORT


def test_concert_reads_the_past_and_what_is_before_in_a_row() -> None:
    net, rows = concert(), torch.randint(0, 4, (1, 9, 3))
    before = net(rows)
    for stream in range(3):
        other = rows.clone()
        other[0, 5, stream] = (other[0, 5, stream] + 1) % 4
        changed = (net(other) != before)[0]
        assert not changed[:4].any() and changed[5:].any(1).all()
        assert changed[4].tolist() == [s >= stream for s in range(3)]


def test_the_slowest_context_of_concert_remembers_longest() -> None:
    net = concert()
    state = torch.ones(1, 12)
    with torch.no_grad():
        net.inner.weight.zero_()
        net.inner.bias.zero_()
        for _ in range(8):
            state = net.context(torch.zeros(1, 3, dtype=torch.long), state)
    assert float(state[0, 0]) == 0
    assert float(state[0, -1]) == pytest.approx(net.config.slowest**8)
    assert bool((state[0].diff() > 0).all())


def test_chords_that_share_notes_are_near() -> None:
    points = chord_points()
    far = lambda a, b: float((points[a] - points[b]).norm())  # noqa: E731
    c_major, a_minor, f_sharp = 1, 13 + 9, 1 + 6
    assert far(c_major, a_minor) < far(c_major, f_sharp)


def test_conditions_reach_the_row_they_come_with() -> None:
    net = token_net(n_condition=2)
    rows, condition = torch.randint(0, 3, (1, 6, 1)), torch.randn(1, 5, 2)
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
    before = net.logits(roll)
    other = roll.clone()
    other[0, 3, 20] = 1 - other[0, 3, 20]
    after = net.logits(other)
    assert torch.equal(after[..., :12], before[..., :12])
    assert (after[0, 3:, 12:] != before[0, 3:, 12:]).any()
    other[0, 3, 2] = 1 - other[0, 3, 2]
    assert (net.logits(other)[0, 3:, 12:] != after[0, 3:, 12:]).any()


def test_a_layer_of_blocks_runs_at_once_as_step_by_step() -> None:
    layer, x = BlockLstm(5, 3, 2), torch.randn(2, 9, 5)
    state, outputs = (torch.zeros(2, 6), torch.zeros(2, 6)), []
    for row in x.unbind(1):
        state = layer.step(row, state)
        outputs.append(state[0])
    torch.testing.assert_close(layer.run(x), torch.stack(outputs, dim=1))


def test_the_cells_of_a_block_share_their_gates() -> None:
    layer = BlockLstm(3, 4, 2)
    with torch.no_grad():
        layer.gates.bias[4:8] = -1e9  # every block forgets
        layer.gates.bias[4] = 1e9  # but the first
    content = layer.step(torch.randn(1, 3), (torch.zeros(1, 8), torch.full((1, 8), 50.0)))[1]
    assert (content[0] > 10).tolist() == [True, True] + [False] * 6


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
    if kind == "n_bits" and history:
        return  # no system has it
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
    optimiser = torch.optim.Adam(generator, 0.03)
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


def test_a_condition_reaches_the_sample_it_comes_with() -> None:
    net = WaveNet(WaveNetConfig(n_tokens=8, n_doublings=2, n_stacks=1, residual=4, skip=6, n_condition=3)).eval()
    tokens, condition = torch.randint(0, 8, (1, 20)), bits(1, 3, 19)
    before = net(tokens, condition)
    condition[0, 1, 7] = 1 - condition[0, 1, 7]
    changed = (net(tokens, condition) != before)[0].nonzero()[:, 0]
    assert changed.min() == 7


C, D, E, F_SHARP, G, HIGH_C = 2, 4, 6, 8, 9, 14  # tokens: 2 + semitones above C3


def reward(*tokens: int) -> list[float]:
    return theory_reward(np.array([tokens]), 48)[0].tolist()


@pytest.mark.parametrize(
    ("rule", "better", "worse"),
    [
        ("in the key", (C, E), (C, F_SHARP)),
        ("tonic at beginning and ends", (C,), (D,)),
        ("no pitch more than four times", (C, C, C, C), (C, C, C, C, C)),
        ("no autocorrelation", (C, G, D, HIGH_C, E, C, G, E), (C, D, E, C, D, E, C, D)),
        ("motifs, and their repeats", (C, D, E, C, D, E), (C, D, E, D, C, D)),
        ("preferred intervals", (C, E), (C, C + 11)),
        ("leaps are resolved", (C, HIGH_C, G), (C, HIGH_C, HIGH_C + 8)),
        ("unique extremes", (C, D, E, C, D, E, D, HIGH_C), (C, HIGH_C, E, C, D, E, D, HIGH_C)),
    ],
)
def test_every_rule_of_theory_tells_good_from_bad(rule: str, better: tuple[int, ...], worse: tuple[int, ...]) -> None:
    def value(tokens: tuple[int, ...]) -> float:
        notes = [(t, token - 2 + 48) for t, token in enumerate(tokens)]
        return RULES[rule](notes, len(tokens) - 1, 48)

    assert value(better) > value(worse)


def test_theory_judges_strikes_and_what_lasts_too_long() -> None:
    assert reward(C, 0, D)[1] == 0
    assert reward(C, F_SHARP)[1] < -1
    assert reward(C, *[0] * 18)[-2:] == [-0.5, -0.5]


def test_psi_learning_raises_what_is_rewarded() -> None:
    networks = RlTunerNetwork(lambda: token_net(n_layers=1))
    networks["judge"].load_state_dict(networks["policy"].state_dict())
    networks["target"].load_state_dict(networks["policy"].state_dict())
    rows = torch.randint(0, 7, (8, 6, 1))
    wanted = (rows[:, 1:, 0] == 3).float() * 5
    optimiser = torch.optim.Adam(networks["policy"].parameters(), 0.02)
    for _ in range(60):
        loss = soft_difference(networks, rows, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def share(name: str) -> float:
        net = networks[name]
        return float(torch.softmax(net.logits(net.memory(rows[:, :-1], net.initial(8))[0]), 2)[..., 3].mean().detach())

    assert share("policy") > 2 * share("judge")
    assert all(p.grad is None for p in networks["judge"].parameters())


def test_units_are_ranked_by_one_network_and_joined_by_another() -> None:
    net = UnitSelectionNetwork(12, 8, 4, token_net).eval()
    scores = net.scores(torch.randn(3, 12), torch.randn(5, 12))
    assert scores.shape == (3, 5)
    assert float(scores.detach().abs().max()) <= SHARPNESS + EXPORT
    assert set(net.graphs()) == {"", "before", "after"}


def test_large_matrices_are_stored_in_eight_bits_as_they_are(tmp_path: Path) -> None:
    net = MiniBach(MiniBachConfig(n_steps=8, n_tokens=40, hidden=64))
    round_to_small(net)
    soprano = torch.randint(0, 40, (1, 8))
    wanted = net.eval().logits(soprano)[0].detach().numpy()
    path = export_parts(net.graphs(), tmp_path / "x.onnx", {"system": "MiniBach"})[""]
    kinds = {tuple(one.dims): one.data_type for one in onnx.load(str(path)).graph.initializer if len(one.dims) == 2}
    assert onnx.TensorProto.INT8 in kinds.values()
    found = SystemFiles(path).main.run({"soprano": soprano.numpy()})["logits"][0]
    np.testing.assert_allclose(found, wanted, atol=EXPORT)
    assert path.stat().st_size < 1.2 * sum(p.numel() for p in net.parameters())
