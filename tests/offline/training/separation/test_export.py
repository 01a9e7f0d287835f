"""A checkpoint becomes a file that runs live, with a card that tells what is in it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import ModelError
from engine.inference.network import Network
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import StreamingSeparator
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.separation.config import SeparationExport
from offline.training.separation.export import export_separation
from offline.training.separation.train import restore_separation
from tests.offline.training.separation.test_train import BANDS, SONGS, task
from tests.songs import write_songs

FIELDS = {"licence": "CC0-1.0", "data": "three tones", "split": "none", "training": "by a test", "metrics": ""}


def exported(checkpoint: Path, target: Path, **more: object) -> dict[str, Any]:
    """The card of a network that is exported."""
    config = SeparationExport(checkpoint=checkpoint, output=target, **FIELDS, **more)  # type: ignore[arg-type]
    assert export_separation(config) == target
    return tomllib.loads(target.with_suffix(".toml").read_text())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(task(write_songs(folder / "songs", SONGS)), folder, LoopConfig())
    trainer._update(0)
    trainer.save()
    return folder / "checkpoint.pt"


@pytest.mark.parametrize(("bits", "precision"), [(None, "int4"), (4, "int4"), (8, "int8"), (32, "fp32")])
def test_ships_a_file_that_runs_and_its_card(
    bits: int | None, precision: str, checkpoint: Path, tmp_path: Path
) -> None:
    target = tmp_path / "tones.onnx"
    card = exported(checkpoint, target, bits=bits)
    assert card["checks"]["error_fp32"] < 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {"tones.onnx", "tones.toml"}
    assert card["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert card["network"]["targets"] == ["vocals", "drums", "other"]
    assert card["checks"]["steps"] == 1
    node = StreamingSeparator(MaskNetworkConfig(model=target), n_channels=2)
    assert node.targets == ("vocals", "drums", "other")
    assert node.network.value("precision", str) == precision
    assert node.process(np.ones((2, 2, 129), np.complex64)).shape == (2, 3, 2, 129)


def test_the_level_of_live_input_can_be_set(checkpoint: Path, tmp_path: Path) -> None:
    card = exported(checkpoint, tmp_path / "tones.onnx", level=0.045)
    assert Network(tmp_path / "tones.onnx", "unmix").value("level", float) == 0.045
    assert card["network"]["level"] == 0.045


def test_a_temperature_is_in_the_file_and_on_its_card(tmp_path: Path) -> None:
    """Masks of twice the temperature are less far from equal shares."""
    trainer = Trainer(task(write_songs(tmp_path / "songs", SONGS), BANDS), tmp_path, LoopConfig())
    trainer.task.scale_input()  # type: ignore[attr-defined]
    trainer.begin()
    trainer.save()
    spread = []
    for name, temperature in (("cold", 1.0), ("warm", 2.0)):
        exported(tmp_path / "checkpoint.pt", tmp_path / f"{name}.onnx", bits=32, temperature=temperature)
        masks = Network(tmp_path / f"{name}.onnx", "unmix").run({"magnitude": np.ones((1, 2, 129), np.float32)})["mask"]
        spread.append(float(np.abs(np.log(masks[:, 0] / masks[:, 1])).max()))
    assert spread[1] == pytest.approx(spread[0] / 2, rel=1e-3)  # of a softmax's logarithm in single precision
    assert tomllib.loads((tmp_path / "warm.toml").read_text())["network"]["temperature"] == 2


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="checkpoint of `train separation`"):
        restore_separation(tmp_path / "checkpoint.pt")
