"""Several banks in one file: the mean of their masks, each with its own state."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.core.errors import ConfigError, ModelError
from engine.inference.network import Network
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import StreamingSeparator
from models.separation.blend import blend_networks
from offline.training.common.card import write_card
from offline.training.separation.blend import blend_separators
from offline.training.separation.config import BlendConfig
from tests.networks.separation import small_file
from tests.tolerances import FLOAT32

FIELDS = {"licence": "CC0-1.0", "split": "none"}


def masks(path: Path, magnitude: np.ndarray, *, mean: bool = False) -> np.ndarray:
    """Masks that sum to one; mean: of the channels."""
    network = Network(path, "unmix")
    rows = np.concatenate([network.run({"magnitude": row[None]})["mask"].copy() for row in magnitude])
    rows = rows.mean(2, keepdims=True) if mean else rows
    return rows / rows.sum(1, keepdims=True)


@pytest.fixture
def files() -> list[Path]:
    return [small_file(bits=8), small_file(network="bands")]


def test_masks_are_the_weighted_mean_frame_by_frame(files: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "both.onnx"
    blend_networks(files, [3, 1], target, {"licence": "CC0-1.0"})
    magnitude = np.random.default_rng(0).random((12, 2, 129), np.float32)
    expected = 0.75 * masks(files[0], magnitude) + 0.25 * masks(files[1], magnitude)
    assert np.abs(masks(target, magnitude) - expected).max() <= FLOAT32


@pytest.mark.parametrize("first", [0, 1])
def test_left_and_right_beside_mid_and_side_masks_both_by_its_mean(tmp_path: Path, first: int) -> None:
    apart, turned = small_file(bits=8), small_file(network="bands", stereo="mid-side")
    files, shares = [apart, turned], [3, 1]
    target = tmp_path / "both.onnx"
    order = [first, 1 - first]
    blend_networks([files[i] for i in order], [shares[i] for i in order], target, {})
    magnitude = np.random.default_rng(0).random((12, 4, 129), np.float32)
    expected = 0.75 * masks(apart, magnitude[:, 2:], mean=True) + 0.25 * masks(turned, magnitude)
    assert np.abs(masks(target, magnitude) - expected).max() <= FLOAT32
    spectra = (magnitude[:, :2] + 1j * magnitude[:, 2:]).astype(np.complex64)
    node = StreamingSeparator(MaskNetworkConfig(model=target), n_channels=2)
    assert node.mid_side
    assert np.abs(node.process(spectra).sum(1) - spectra).max() <= FLOAT32


@pytest.mark.parametrize("stereo", ["left-right", "mid-side"])
def test_a_network_that_knows_no_bass_has_its_other_divided(tmp_path: Path, stereo: str) -> None:
    four = small_file(network="bands", stereo=stereo, nested=1)
    three = small_file(targets=("vocals", "drums", "other"))
    target = tmp_path / "both.onnx"
    blend_networks([three, four], [1, 3], target, {})
    magnitude = np.random.default_rng(0).random((12, 2 if stereo == "left-right" else 4, 129), np.float32)
    whole, few = masks(four, magnitude), masks(three, magnitude[:, -2:], mean=stereo == "mid-side")
    inner = few[:, 2:] * whole[:, 2:] / whole[:, 2:].sum(1, keepdims=True)
    known = np.broadcast_to(few[:, :2], whole[:, :2].shape)
    expected = 0.75 * whole + 0.25 * np.concatenate([known, inner], 1)
    assert np.abs(masks(target, magnitude) - expected).max() <= FLOAT32
    assert Network(target, "unmix").value("targets", list) == ["vocals", "drums", "bass", "other"]


def test_the_command_writes_a_file_that_runs_live_and_its_card(files: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "both.onnx"
    files = [Path(shutil.copy(path, tmp_path / f"{i}.onnx")) for i, path in enumerate(files)]
    write_card(files[0], {"data": "three tones"})
    blend_separators(BlendConfig(files=tuple(files), output=target, shares=(2, 1), level=0.05, **FIELDS))
    node = StreamingSeparator(MaskNetworkConfig(model=target), n_channels=2)
    assert node.targets == ("vocals", "drums", "bass", "other")
    spectra = np.ones((3, 2, 129), np.complex64)
    assert np.abs(node.process(spectra).sum(1) - spectra).max() <= FLOAT32
    card = tomllib.loads(target.with_suffix(".toml").read_text())
    assert (card["part_1"]["share"], card["part_2"]["share"]) == (2.0, 1.0)
    assert card["part_1"]["data"] == "three tones" and "data" not in card["part_2"]
    assert card["part_1"]["sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert card["level"] == node.network.value("level", float) == 0.05


def test_silent_masks_leave_the_others(tmp_path: Path) -> None:
    """A network whose masks are all 0 in a bin says nothing of it, and nothing becomes no number."""
    target = tmp_path / "both.onnx"
    blend_networks([small_file(), small_file(network="bands")], [1, 1], target, {})
    got = Network(target, "unmix").run({"magnitude": np.zeros((1, 2, 129), np.float32)})["mask"]
    assert np.isfinite(got).all()


def test_other_targets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="targets"):
        blend_networks([small_file(), small_file(targets=("a", "b"))], [1, 1], tmp_path / "x.onnx", {})


def test_a_stereo_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    odd = onnx.load(str(small_file()))
    next(entry for entry in odd.metadata_props if entry.key == "stereo").value = '"surround"'
    onnx.save(odd, str(tmp_path / "odd.onnx"))
    with pytest.raises(ModelError, match="mid-side, got 'surround'"):
        blend_networks([small_file(), tmp_path / "odd.onnx"], [1, 1], tmp_path / "x.onnx", {})


def test_what_is_no_bank_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="an ONNX network"):
        blend_networks([small_file(), tmp_path / "no.onnx"], [1, 1], tmp_path / "x.onnx", {})


@pytest.mark.parametrize("shares", [(1,), (-1, 2), (0, 0)])
def test_shares_that_make_no_mean_are_refused(files: list[Path], tmp_path: Path, shares: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="shares"):
        BlendConfig(files=tuple(files), output=tmp_path / "x.onnx", shares=shares, **FIELDS)
