"""A user's own classes: from a folder of recordings to a file that tags and detects."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from cli.app import main
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from models.detection.losses import LossConfig, sound_event_loss
from models.detection.reimport import crnn_from_file
from offline.synthesis.sound_bank import SoundFile
from offline.training.detection import finetune
from offline.training.detection.finetune import OwnSounds, _scenes, _with_classes, apart, fit_head
from offline.training.detection.finetune_recurrent import RecurrentFit
from tests.networks.detection import small_crnn_file
from tests.networks.embedding import embedding_file
from tests.offline.training.detection.test_export import make_sounds

START = small_crnn_file(causal=True, look_ahead=1)


def test_a_folder_becomes_a_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_sounds(tmp_path / "mine")
    out = tmp_path / "out" / "mine.onnx"
    options = ["--data", str(tmp_path / "mine"), "--start", str(START), "--scenes", "12", "--steps", "3"]
    assert main(["finetune", "detection", "-o", str(out), "--classes", "whistle", "hum", *options]) == 0
    assert "so far: clip F1" in capsys.readouterr().out
    assert tomllib.loads(out.with_suffix(".toml").read_text())["metrics"]["clip_f1"] >= 0
    detector = SoundDetector(SoundConfig(model=out), AudioFormat(sample_rate=48000, n_channels=1))
    assert detector.classes == ("whistle", "hum")
    assert detector.decision.alignment == "causal"  # the tuned decisions travel in the file
    assert set(detector.decision.thresholds or {}) == {"whistle", "hum"}


def test_an_embedding_is_heard_besides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "FUSION", RecurrentFit(steps=3, batch=4))  # that it learns is tested elsewhere
    make_sounds(tmp_path / "mine")
    out, given = tmp_path / "mine.onnx", f"bands={embedding_file()}"
    options = ["--data", str(tmp_path / "mine"), "--start", str(START), "--scenes", "8", "--steps", "0"]
    assert main(["finetune", "detection", "-o", str(out), "--classes", "whistle", *options, "--embedding", given]) == 0
    said = capsys.readouterr().out
    assert "learning to hear bands besides" in said and f"--embedding {given}" in said
    assert main(["tag", str(tmp_path / "mine" / "whistle"), "--model", str(out), "--embedding", given]) == 0
    assert main(["tag", str(tmp_path / "mine" / "whistle"), "--model", str(out)]) == 2
    assert "bands" in capsys.readouterr().err


def test_the_last_layer_learns(tmp_path: Path) -> None:
    make_sounds(tmp_path / "mine")
    job = OwnSounds(data=tmp_path / "mine", output=tmp_path / "x.onnx", start=START, classes=("hum",), scenes=16)
    scenes, kept, quiet = _scenes(job, tmp_path / "sets", print)
    assert (len(kept), len(quiet)) == (8, 8)
    assert quiet.steps.max() == 0  # the whistles are what must not be reported
    assert scenes.classes == ("hum",)
    model = _with_classes(crnn_from_file(START), scenes.classes)
    labels = torch.from_numpy(scenes.steps).float()

    def loss() -> float:
        with torch.inference_mode():
            logits = model(torch.from_numpy(np.asarray(scenes.mel, np.float32)))
        known = torch.full((len(scenes),), 2)
        return float(sound_event_loss(logits, labels, known, LossConfig(consistency=0))[0])

    before = loss()
    fit_head(model, scenes)
    assert loss() < 0.8 * before


def test_what_is_kept_apart() -> None:
    sounds = [SoundFile(Path(f"{i}.wav"), "cat", f"cat/{i}") for i in range(9)]
    sounds.append(SoundFile(Path("bell.wav"), "bell", "bell/0"))
    said: list[str] = []
    chosen = apart(sounds, said.append)
    assert sorted(chosen.values()).count("validation") == 2
    assert chosen["bell/0"] == "both"
    assert said == ["bell: one recording, so nothing of it can be kept apart: its figures will flatter"]


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    make_sounds(tmp_path / "mine")
    job = OwnSounds(data=tmp_path / "mine", output=tmp_path / "x.onnx", start=START, classes=("gong",))
    with pytest.raises(ConfigError, match=r"sub-folders of .* hum, whistle, got gong"):
        _scenes(job, tmp_path / "sets", print)
