"""The frame network as files: it says what torch says, keeps what is given, and follows its seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from models.generators.export import export_frames
from models.generators.frames import FrameLstm, FrameLstmConfig
from offline.evaluate.generators import frames_nll
from offline.evaluate.musical import parallel_rate
from offline.generate.frame_writer import FrameWriter
from offline.generate.sampling import draw, forbid_parallels, soften
from offline.generate.writer_config import WriterConfig
from offline.train.frames import prepare
from tests.tolerances import EXPORT

SMALL = FrameLstmConfig(hidden=16, width=16, embed=8)


@pytest.fixture(scope="module")
def net() -> FrameLstm:
    torch.manual_seed(0)
    return FrameLstm(SMALL).eval()


@pytest.fixture(scope="module")
def path(net: FrameLstm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "small.onnx"
    export_frames(net, file, low=30, licence="none", training="none")
    return file


def test_files_agree_with_torch_over_a_whole_piece(net: FrameLstm, path: Path) -> None:
    writer = FrameWriter(path, WriterConfig())
    frames = np.repeat(np.random.default_rng(0).integers(40, 80, (12, 4)), 3, axis=0)
    tokens, held = prepare(writer.codec.tokens(frames))
    phase = torch.arange(36).remainder(16)[None]
    nll, _ = net(torch.tensor(tokens)[None], torch.tensor(held[:-1])[None], phase, net.initial(1))
    found = frames_nll(writer, [writer.codec.pitches(tokens[1:])])[0]
    assert np.abs(found - nll[0].detach().numpy()).max() < 10 * EXPORT


def test_what_is_given_stays_and_the_seed_decides_the_rest(path: Path) -> None:
    given = np.full((40, 4), -2)
    given[:, 0] = np.repeat([72, 74, -1, 76], 10)
    writer = FrameWriter(path, WriterConfig(seed=3))
    first = writer.write(40, given)
    assert np.array_equal(first[:, 0], given[:, 0])
    writer.reset()
    assert np.array_equal(writer.write(40, given), first)
    assert not np.array_equal(FrameWriter(path, WriterConfig(seed=4)).write(40, given), first)


def test_the_rules_leave_no_parallels(path: Path) -> None:
    free = FrameWriter(path, WriterConfig(temperature=1, rules=False)).write(300)
    ruled = FrameWriter(path, WriterConfig(temperature=1)).write(300)
    assert parallel_rate(free) > 0.005
    assert parallel_rate(ruled) == 0


def test_a_wrong_file_is_named(path: Path) -> None:
    with pytest.raises(ModelError, match="frames"):
        FrameWriter(path.with_name("small-head.onnx"), WriterConfig())


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


def test_only_parallels_are_forbidden() -> None:
    last, chosen = np.array([20, 8]), np.array([22, 0])
    allowed = forbid_parallels(np.ones(30), 1, last, chosen)
    assert np.flatnonzero(allowed == 0).tolist() == [10, 22]  # octave and unison below and at 22, upwards
