"""From a folder of sounds to a file that the live node runs: mix, train, tune, measure, export."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from cli.data.scenes import ScenesOptions, mix_scenes
from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from engine.detection.event_decoder import DecisionConfig, Decisions
from engine.detection.frame_clock import SOUND_RATE, STEP
from engine.inference.network import Network
from models.detection.config import CrnnOptions, EmbeddingInput
from offline.datasets.scenes import SceneSet, open_scene_set
from offline.detection.clip_decisions import Probabilities
from offline.evaluation.detection.sound_events_tuning import (
    QuietScenes,
    TunedDecisions,
    _shrunk,
    tune_decisions,
    with_raised_limits,
)
from offline.synthesis.sound_bank import list_sounds
from offline.training.common.config import LoopConfig
from offline.training.detection import export
from offline.training.detection.config import DetectionExport, DetectionTraining
from offline.training.detection.export import export_detection, write_crnn
from offline.training.detection.init_weights import load_crnn
from offline.training.detection.train import scene_probabilities, train_detection
from tests.networks.detection import small_crnn
from tests.tolerances import EXPORT, FLOAT32

SMALL = CrnnOptions(filters=(4, 4, 8, 8, 8, 8, 8), causal=True, look_ahead=1)


def make_sounds(folder: Path) -> None:
    """Six sources each of a low and of a high class, and of noise to lie beneath."""
    rng = np.random.default_rng(0)
    time_s = np.arange(SOUND_RATE) / SOUND_RATE
    for label, hz in (("_background", 0), ("hum", 150), ("whistle", 2500)):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            tone = np.sin(2 * np.pi * hz * (1 + i / 20) * time_s) if hz else rng.standard_normal(SOUND_RATE)
            soundfile.write(folder / label / f"{i}.wav", 0.3 * tone, SOUND_RATE, subtype="FLOAT")


def trained(folder: Path, seed: int = 0) -> Path:
    """The checkpoint of a run of no steps on tones in `folder`."""
    sets = [folder / which for which in ("train", "validation", "test")]
    if not sets[0].exists():
        make_sounds(folder / "sounds")
        for path in sets:
            mix_scenes(ScenesOptions(sounds=folder / "sounds", output=path, which=path.name, scenes=6, alarms=False))
    config = DetectionTraining(
        sets=(sets[0],),
        validation=sets[1],
        output=folder / f"run{seed}",
        network=SMALL,
        batch=4,
        seed=seed,
        device="cpu",
        loop=LoopConfig(steps=0),
    )
    train_detection(config)
    return config.output / "checkpoint.pt"


def exporting(folder: Path, checkpoint: Path, name: str, **settings: Any) -> DetectionExport:
    return DetectionExport(
        checkpoint=checkpoint,
        output=folder / f"{name}.onnx",
        validation=folder / "validation",
        test=folder / "test",
        data="tones",
        licence="CC0-1.0",
        **settings,
    )


def test_a_user_s_sounds_become_a_detector(tmp_path: Path) -> None:
    config = exporting(tmp_path, trained(tmp_path), "mine", metrics="of tones")
    assert len(list_sounds(tmp_path / "sounds")) == 18
    assert export_detection(config) == tmp_path / "mine.onnx"
    card = tomllib.loads((tmp_path / "mine.toml").read_text())
    assert card["sha256"] == hashlib.sha256((tmp_path / "mine.onnx").read_bytes()).hexdigest()
    assert set(card["metrics"]) == {"published", "whole", "live", "classes", "remark"}
    assert set(card["metrics"]["classes"]) == {"hum", "whistle"}
    assert card["config"]["network"]["filters"] == [4, 4, 8, 8, 8, 8, 8]
    assert 0 <= card["checks"]["error"] <= EXPORT
    config = SoundConfig(model=tmp_path / "mine.onnx", decision=None)
    assert SoundDetector(config, AudioFormat(sample_rate=48000, n_channels=2)).classes == ("hum", "whistle")


@pytest.mark.slow
def test_decisions_of_before_the_validation_sources_were_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs of the checkpoint before are tuned on, the later one is exported."""
    before, after = trained(tmp_path), trained(tmp_path, seed=5)
    tuned = []

    def spy(scenes: SceneSet, steps: Probabilities, *others: Any) -> TunedDecisions:
        tuned.append(steps)
        return tune_decisions(scenes, steps, *others)

    monkeypatch.setattr(export, "tune_decisions", spy)
    export_detection(exporting(tmp_path, after, "after", decisions_of=before))
    validation, (own, later) = open_scene_set(tmp_path / "validation"), map(load_crnn, (before, after))
    assert all(np.array_equal(steps, scene_probabilities(own, validation)) for steps in tuned)
    assert len(tuned) == 2
    assert "learnt from too" in tomllib.loads((tmp_path / "after.toml").read_text())["split"]
    mel = torch.ones(8, 128)
    got = Network(tmp_path / "after.onnx", "crnn").run({"mel": mel.numpy()})["probability"]
    expected = torch.sigmoid(later.stream(mel[None], later.initial_state())[0])[0]
    assert np.abs(got - expected.detach().numpy()).max() < FLOAT32


@pytest.mark.slow
def test_what_learnt_from_the_quiet_sets_is_held_stricter(tmp_path: Path) -> None:
    """The same thresholds as without, but for the class that says too much where nothing sounds."""
    before, found = trained(tmp_path), []
    for name, tighten in (("loose", None), ("tight", 0.0)):
        quiet = {"decisions_of": before, "quiet": (tmp_path / "test",), "tighten": tighten}
        written = export_detection(exporting(tmp_path, before, name, **quiet))
        found.append(Decisions.from_dict(Network(written, "crnn").metadata["decisions"]).live)
    outputs = QuietScenes(scene_probabilities(load_crnn(before), open_scene_set(tmp_path / "test")), 0)
    raised = with_raised_limits(found[0], outputs, ("hum", "whistle"))
    assert raised.levels(("hum", "whistle")).tolist() == found[1].levels(("hum", "whistle")).tolist()
    assert raised.needs(("hum", "whistle")).tolist() == found[1].needs(("hum", "whistle")).tolist()
    with pytest.raises(ConfigError, match="--decisions-of"):
        exporting(tmp_path, before, "x", tighten=0.0)


def test_false_alarms_limit_the_live_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, allowed = trained(tmp_path), []

    def spy(scenes: SceneSet, steps: Probabilities, configs: Any, quiet: QuietScenes | None = None) -> TunedDecisions:
        allowed.append(quiet and quiet.allowed_per_hour)
        return tune_decisions(scenes, steps, configs, quiet)

    monkeypatch.setattr(export, "tune_decisions", spy)
    export_detection(exporting(tmp_path, checkpoint, "x", quiet=(tmp_path / "test",), false_alarms=0.4))
    assert allowed == [0.4, None]  # live, and of recordings, whose decisions are not limited


def test_limits_rise_until_it_is_quiet() -> None:
    """Ten minutes of a class at .62 all the time, half a nat of log-odds a step, and one that never sounds."""
    steps = np.zeros((1, int(600 * SOUND_RATE / STEP), 2), np.float32)
    steps[..., 0] = 0.62
    config = DecisionConfig(median=1, alignment="causal", log_odds_by_label={"a": 2.0})
    quiet = QuietScenes(steps, 0.5)
    assert quiet.false_alarms(config, ("a", "b"))[0] > 0.5
    raised = with_raised_limits(config, quiet, ("a", "b"))
    assert raised.thresholds == {"a": 0.8}  # from .5, with the evidence from 2 over 4, 8, 15, 30 and 60 to none
    assert raised.log_odds_by_label == {"a": 0.0}
    assert with_raised_limits(raised, quiet, ("a", "b")) == raised


def test_a_class_leans_on_all() -> None:
    """One class is best at the last threshold by a hair; all others say the first, by far."""
    values = np.array([[0.6, 0.8, 0.8], [0.3, 0.3, 0.3], [0.62, 0.2, 0.2]])
    assert values.argmax(0).tolist() == [2, 0, 0]
    assert _shrunk(values).argmax(0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("settings", [{}, {"causal": True, "look_ahead": 1}])
def test_a_file_with_embeddings_is_checked(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_crnn(embeddings=(EmbeddingInput(name="bands", n_in=6),), **settings)
    written = tmp_path / "fused.onnx"
    error = write_crnn(model, written, "CC0-1.0", "", Decisions())["error"]
    assert error <= EXPORT
    fused = Network.run
    monkeypatch.setattr(Network, "run", lambda self, inputs: fused(self, {**inputs, "bands": 0 * inputs["bands"]}))
    with pytest.raises(ModelError, match="an error up to"):
        write_crnn(model, written, "CC0-1.0", "", Decisions())
    assert not written.exists()
