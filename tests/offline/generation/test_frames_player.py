"""The player of the frame network: it agrees with torch, keeps what is given, and follows its seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.config import resolved
from engine.core.errors import ModelError
from models.generation.frames import FrameLstm, FrameLstmConfig
from models.generation.graph import export_parts
from offline.evaluation.musical import parallel_rate
from offline.generation.config import GeneratorConfig
from offline.generation.key_normalisation import KEY_NATS, normalise_key, shift_to_home
from offline.generation.players.frames import RANDOM_KEYS, FramesPlayer
from offline.music.sampling import draw, enliven, forbid_parallels, soften
from offline.training.generation.evaluate import frames_nll
from offline.training.generation.frames import prepare_frames
from tests.tolerances import EXPORT

SMALL = FrameLstmConfig(hidden=16, width=16, embed=8)


def export(net: FrameLstm, path: Path) -> None:
    values = {"system": "Frames", "network": resolved(net.config), "low": 30, "high": 87}
    export_parts(net.eval().graphs(), path, values)


@pytest.fixture(scope="module")
def net() -> FrameLstm:
    torch.manual_seed(0)
    return FrameLstm(SMALL).eval()


@pytest.fixture(scope="module")
def path(net: FrameLstm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "small.onnx"
    export(net, file)
    return file


def test_files_agree_with_torch_over_a_whole_piece(net: FrameLstm, path: Path) -> None:
    player = FramesPlayer(path, GeneratorConfig())
    frames = np.repeat(np.random.default_rng(0).integers(40, 80, (12, 4)), 3, axis=0)
    frames[20:] = frames[4:20]  # so that there is a repetition
    tokens, *along = prepare_frames(player.codec.tokens(frames))
    held, *echo = (torch.tensor(values[:-1])[None] for values in along)
    assert (echo[1] > 0).any()
    phase = torch.arange(36).remainder(16)[None]
    nll, _ = net(torch.tensor(tokens)[None], held, phase, (echo[0], echo[1]), net.initial(1))
    found = frames_nll(player, [player.codec.pitches(tokens[1:])])[0]
    assert np.abs(found - nll[0].detach().numpy()).max() < 10 * EXPORT


def test_what_is_given_stays_and_the_seed_decides_the_rest(path: Path) -> None:
    given = np.full((40, 4), -2)
    given[:, 0] = np.repeat([72, 74, -1, 76], 10)
    player = FramesPlayer(path, GeneratorConfig(seed=3))
    first = player.write(40, given)
    assert np.array_equal(first[:, 0], given[:, 0])
    player.reset()
    assert np.array_equal(player.write(40, given), first)
    assert not np.array_equal(FramesPlayer(path, GeneratorConfig(seed=4)).write(40, given), first)


def test_the_rules_leave_no_parallels(path: Path) -> None:
    free = FramesPlayer(path, GeneratorConfig(temperature=1, rules=False)).write(300)
    ruled = FramesPlayer(path, GeneratorConfig(temperature=1)).write(300)
    assert parallel_rate(free) > 0.005
    assert parallel_rate(ruled) == 0


def test_a_network_of_other_repetitions_is_named(tmp_path: Path) -> None:
    export(FrameLstm(replace(SMALL, n_agreed=9)), tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="classes of repetitions, got 9"):
        FramesPlayer(tmp_path / "other.onnx", GeneratorConfig())


def test_a_wrong_file_is_named(path: Path) -> None:
    with pytest.raises(ModelError, match="kind generator, got generator-head"):
        FramesPlayer(path.with_name("small-head.onnx"), GeneratorConfig())


def test_temperature_leaves_the_held_note_alone() -> None:
    p = np.array([0.7, 0.2, 0.08, 0.02])
    cold = soften(p, 0.5, keep=0)
    np.testing.assert_allclose(cold, [0.7, *(0.3 * np.array([0.04, 0.0064, 0.0004]) / 0.0468)])
    np.testing.assert_allclose(soften(p, 1.0), p)
    np.testing.assert_allclose(soften(np.array([1.0, 0, 0]), 0.5, keep=0), [1, 0, 0])


def test_draws_follow_the_distribution() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([draw(np.array([0.1, 0.0, 0.6, 0.3]), rng) for _ in range(4000)], minlength=4)
    assert counts[1] == 0
    np.testing.assert_allclose(counts / 4000, [0.1, 0, 0.6, 0.3], atol=0.03)


def test_rules_make_no_voice_slower() -> None:
    last, chosen = np.array([20, 8]), np.array([22, 0])
    p = np.full(30, 1 / 30)
    ruled = forbid_parallels(p, 1, last, chosen)
    assert ruled[8] == p[8]
    assert ruled.sum() == pytest.approx(1)
    all_but = np.zeros(30)
    all_but[[8, 10]] = 0.5
    assert np.flatnonzero(forbid_parallels(all_but, 1, last, chosen)).tolist() == [8]  # nothing else is left


def test_activity_multiplies_the_odds_of_moving() -> None:
    p = enliven(np.array([0.6, 0.3, 0.1]), 3.0, keep=0)
    assert (1 - p[0]) / p[0] == pytest.approx(3 * 0.4 / 0.6)
    assert p[1] / p[2] == pytest.approx(3)


def test_asked_for_activity_tells_in_the_number_of_notes(path: Path) -> None:
    calm, lively = (FramesPlayer(path, GeneratorConfig(temperature=1, activity=a)).write(200) for a in (0.1, 10.0))
    moves = [int((music[1:] != music[:-1]).sum()) for music in (calm, lively)]
    assert moves[1] > 1.1 * moves[0]


def test_only_parallels_are_forbidden() -> None:
    last, chosen = np.array([20, 8]), np.array([22, 0])
    allowed = forbid_parallels(np.ones(30), 1, last, chosen)
    assert np.flatnonzero(allowed == 0).tolist() == [10, 22]  # octave and unison below and at 22, upwards


@pytest.fixture(scope="module")
def at_home_only(tmp_path_factory: pytest.TempPathFactory) -> tuple[FrameLstm, Path]:
    torch.manual_seed(1)
    net = FrameLstm(replace(SMALL, home=True)).eval()
    file = tmp_path_factory.mktemp("home") / "home.onnx"
    export(net, file)
    return net, file


def test_pieces_come_home() -> None:
    piece = np.array([[67, 62, 59, -1], [67, 62, 59, 43]])
    assert shift_to_home(piece) == 5
    assert normalise_key(piece).tolist() == [[72, 67, 64, -1], [72, 67, 64, 48]]
    for k in range(12):
        moved = piece[1:] + k
        assert -5 <= shift_to_home(moved) <= 6
        assert normalise_key(moved)[0, -1] % 12 == 0


@pytest.mark.slow
def test_a_network_that_knows_one_key_plays_in_all(at_home_only: tuple[FrameLstm, Path]) -> None:
    path = at_home_only[1]
    pieces = {key: FramesPlayer(path, GeneratorConfig(key=key)).write(20) for key in (0, 2, 10)}
    assert np.array_equal(pieces[0] + 2 * (pieces[0] != -1), pieces[2])
    assert np.array_equal(pieces[0] - 2 * (pieces[0] != -1), pieces[10])
    shifts = {FramesPlayer(path, GeneratorConfig(seed=seed)).shift for seed in range(100)}
    assert shifts == set(RANDOM_KEYS)


def test_the_key_of_what_is_given_is_found(at_home_only: tuple[FrameLstm, Path]) -> None:
    player = FramesPlayer(at_home_only[1], GeneratorConfig())
    piece = np.repeat(np.array([[69, 64, 61, 45], [71, 64, 59, 52]]), 4, axis=0)
    player.find_key(piece)
    assert player.shift == -3  # A is three below C
    assert np.array_equal(player.write(8, piece), piece)
    line = np.full((8, 4), -2)
    line[:, 0] = piece[:, 0]
    player.reset()
    player.find_key(line)
    nats = {shift: player._nats(line[:, 0], shift) for shift in range(-5, 7)}
    player.find_key(line)
    assert player.shift == min(nats, key=nats.__getitem__)
    assert np.array_equal(player.write(8, line)[:, 0], piece[:, 0])


def test_telling_the_key_costs_its_nats(at_home_only: tuple[FrameLstm, Path]) -> None:
    net, path = at_home_only
    player = FramesPlayer(path, GeneratorConfig())
    piece = np.repeat(np.random.default_rng(0).integers(50, 70, (10, 4)), 2, axis=0)
    piece[0, 3] = 48
    pieces = [piece, piece + 5]
    found = frames_nll(player, pieces)
    assert np.abs(found[0] - found[1]).max() < 10 * EXPORT  # every key is as likely
    tokens, held, *repeated = prepare_frames(player.codec.tokens(normalise_key(piece)))
    inputs = [torch.tensor(values[None, :-1]) for values in (held, np.arange(len(tokens)) % 16, *repeated)]
    nats = net(torch.tensor(tokens)[None], *inputs[:2], tuple(inputs[2:]), net.initial(1))[0][0].detach().numpy()
    nats[0] += KEY_NATS / 4
    assert np.abs(found[0] - nats).max() < 10 * EXPORT
