"""A checkpoint becomes a file that runs live, with a card that tells what is in it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ModelError
from engine.inference.network import Network
from engine.separation.mask_network import Unmix, UnmixConfig
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.separation.export import load_checkpoint, main, ship
from tests.offline.training.separation.test_train import BANDS, SONGS, task
from tests.songs import write_songs

FIELDS = {"licence": "CC0-1.0", "data": "three tones", "split": "none", "training": "by a test", "metrics": ""}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(task(write_songs(folder / "songs", SONGS)), folder, LoopConfig())
    trainer._update(0)
    trainer.save()
    return folder / "checkpoint.pt"


@pytest.mark.parametrize("int8", [False, True])
def test_ships_a_file_that_runs_and_its_card(int8: bool, checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "tones.onnx"
    found = ship(checkpoint, target, FIELDS, int8=int8)
    assert found["error_fp32"] < 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {"tones.onnx", "tones.toml"}
    card = tomllib.loads(target.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert card["network"]["targets"] == ["vocals", "drums", "other"]
    assert card["checks"]["steps"] == 1
    node = Unmix(UnmixConfig(model=target), n_channels=2)
    assert node.targets == ("vocals", "drums", "other")
    assert node.network.value("precision", str) == ("int8" if int8 else "fp32")
    assert node.process(np.ones((2, 2, 129), np.complex64)).shape == (2, 3, 2, 129)


def test_the_level_of_live_input_can_be_set(checkpoint: Path, tmp_path: Path) -> None:
    ship(checkpoint, tmp_path / "tones.onnx", FIELDS, level=0.045)
    assert Network(tmp_path / "tones.onnx", "unmix").value("level", float) == 0.045
    assert tomllib.loads((tmp_path / "tones.toml").read_text())["network"]["level"] == 0.045


def test_a_temperature_is_in_the_file_and_on_its_card(tmp_path: Path) -> None:
    """Masks of twice the temperature are less far from equal shares."""
    trainer = Trainer(task(write_songs(tmp_path / "songs", SONGS), BANDS), tmp_path, LoopConfig())
    trainer.task.start_from_statistics()  # type: ignore[attr-defined]
    trainer.begin()
    trainer.save()
    spread = []
    for name, more in (("cold", []), ("warm", ["--temperature", "2"])):
        said = [part for name, value in FIELDS.items() for part in (f"--{name}", value)]
        main([str(tmp_path / "checkpoint.pt"), str(tmp_path / f"{name}.onnx"), *said, "--fp32", *more])
        masks = Network(tmp_path / f"{name}.onnx", "unmix").run({"magnitude": np.ones((4, 2, 129), np.float32)})["mask"]
        spread.append(float(np.abs(np.log(masks[:, 0] / masks[:, 1])).max()))
    assert spread[1] == pytest.approx(spread[0] / 2, rel=1e-3)  # of a softmax's logarithm in single precision
    assert tomllib.loads((tmp_path / "warm.toml").read_text())["network"]["temperature"] == 2


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="checkpoint of `train unmix`"):
        load_checkpoint(tmp_path / "checkpoint.pt")
