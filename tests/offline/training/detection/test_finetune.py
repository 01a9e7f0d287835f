"""A user's own classes: from a folder of recordings to a file that tags and detects."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cli.app import main
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from models.detection.config import LossConfig
from models.detection.losses import sound_event_loss
from models.detection.reimport import crnn_from_onnx
from offline.synthesis.sound_bank import SoundFile
from offline.training.common.config import LoopConfig
from offline.training.detection import finetune
from offline.training.detection.config import DetectionFinetuning, RecurrentFit
from offline.training.detection.finetune import (
    _mix_scenes,
    _with_classes,
    finetune_detection,
    fit_head,
    split_sources,
)
from tests.networks.detection import small_crnn_file
from tests.networks.embedding import embedding_file
from tests.offline.training.detection.test_export import make_sounds

START = small_crnn_file(causal=True, look_ahead=1)


def finetuning(folder: Path, *classes: str, steps: int = 0, scenes: int = 8, **settings: Any) -> DetectionFinetuning:
    """Settings that learn classes of `folder`/mine, whose sounds are made if they are not there."""
    if not (folder / "mine").exists():
        make_sounds(folder / "mine")
    return DetectionFinetuning(
        data=folder / "mine",
        output=folder / "out" / "mine.onnx",
        init_weights=START,
        classes=classes,
        scenes=scenes,
        loop=LoopConfig(steps=steps),
        **settings,
    )


def test_a_folder_becomes_a_detector(tmp_path: Path) -> None:
    lines: list[str] = []
    out = finetune_detection(finetuning(tmp_path, "whistle", "hum", steps=3, scenes=12), lines.append)
    assert out == tmp_path / "out" / "mine.onnx"
    assert [line.split(":")[0] for line in lines] == [
        "mixing scenes",
        "training the last layer",
        "so far",
        "training the whole network, 3 steps",
        "tuned",
    ]
    assert tomllib.loads(out.with_suffix(".toml").read_text())["metrics"]["clip_f1"] >= 0
    detector = SoundDetector(SoundConfig(model=out), AudioFormat(sample_rate=48000, n_channels=1))
    assert detector.classes == ("whistle", "hum")
    assert detector.decision.alignment == "causal"  # the tuned decisions travel in the file
    assert set(detector.decision.thresholds or {}) == {"whistle", "hum"}


@pytest.mark.slow
def test_an_embedding_is_fused_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "FUSION", RecurrentFit(steps=3, batch=4))  # that it learns is tested elsewhere
    given, lines = f"bands={embedding_file()}", []
    out = finetune_detection(finetuning(tmp_path, "whistle", embedding=(given,)), lines.append)
    assert "training to use bands too" in lines
    assert main(["tag", str(tmp_path / "mine" / "whistle"), "--model", str(out), "--embedding", given]) == 0
    assert main(["tag", str(tmp_path / "mine" / "whistle"), "--model", str(out)]) == 2
    assert "bands" in capsys.readouterr().err


@pytest.mark.slow
def test_the_last_layer_learns(tmp_path: Path) -> None:
    scenes, kept, quiet = _mix_scenes(finetuning(tmp_path, "hum", scenes=16), tmp_path / "sets", print)
    assert (len(kept), len(quiet)) == (8, 8)
    assert quiet.steps.max() == 0  # the whistles are what must not be reported
    assert scenes.classes == ("hum",)
    model = _with_classes(crnn_from_onnx(START), scenes.classes)
    labels = torch.from_numpy(scenes.steps).float()

    def loss() -> float:
        with torch.inference_mode():
            logits = model(torch.from_numpy(np.asarray(scenes.mel, np.float32)))
        known = torch.full((len(scenes),), 2)
        return float(sound_event_loss(logits, labels, known, LossConfig(consistency=0))[0])

    before = loss()
    fit_head(model, scenes)
    assert loss() < 0.8 * before


def test_which_sources_are_kept() -> None:
    sounds = [SoundFile(Path(f"{i}.wav"), "cat", f"cat/{i}") for i in range(9)]
    sounds.append(SoundFile(Path("bell.wav"), "bell", "bell/0"))
    lines: list[str] = []
    chosen = split_sources(sounds, lines.append)
    assert sorted(chosen.values()).count("validation") == 2
    assert chosen["bell/0"] == "both"
    assert lines == ["bell: one recording, so none can be kept to measure on: its figures will be too good"]


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    config = finetuning(tmp_path, "gong")
    with pytest.raises(ConfigError, match=r"sub-folders of .* hum, whistle, got gong"):
        _mix_scenes(config, tmp_path / "sets", print)
