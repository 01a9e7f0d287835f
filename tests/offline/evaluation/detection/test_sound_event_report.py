"""Labels as in DESED are read, and a folder's figures are those of the network's probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.core.errors import ConfigError
from engine.detection.crnn import SoundConfig
from engine.detection.event_decoder import DecisionConfig, Decisions, Interval
from engine.detection.frame_clock import SOUND_RATE
from engine.inference.network import Network
from models.detection.graph import export_crnn
from offline.datasets.desed import find_audio, find_labels, read_labels
from offline.datasets.scenes import SceneSet, label_steps, log_mel, write_tsv
from offline.detection.tagging import Tagger
from offline.evaluation.detection.sound_event_report import (
    detect_recordings,
    detect_scenes,
    label_metrics,
    mel_probabilities,
    sound_event_metrics,
)
from offline.evaluation.detection.sound_events_tuning import TunedDecisions
from offline.evaluation.detection.sound_events_tuning import decision_metrics as figures_of_set
from tests.models.detection.test_network import CLASSES
from tests.networks.detection import small_crnn

DECISION = DecisionConfig(median=3, threshold=0.6)
EVENTS = {"0.wav": [Interval(0.4, 1.1, "a"), Interval(1.5, 2.9, "b")], "1.wav": [], "2.wav": [Interval(0, 2, "j")]}


def recordings(folder: Path) -> SceneSet:
    """Three recordings with strong labels, in a folder and as a set."""
    (folder / "audio").mkdir(parents=True)
    mels, steps = [], []
    for i, (name, events) in enumerate(EVENTS.items()):
        audio = np.random.default_rng(i).standard_normal(3 * SOUND_RATE).astype(np.float32) * 0.2
        audio *= np.abs(np.sin((5 + i) * np.arange(len(audio)) / SOUND_RATE)).astype(np.float32)
        soundfile.write(folder / "audio" / name, audio, SOUND_RATE, subtype="FLOAT")
        mels.append(log_mel(audio))
        steps.append(label_steps(events, CLASSES, len(mels[-1]) // 4))
    write_tsv(folder / "strong.tsv", EVENTS)
    return SceneSet(CLASSES, np.stack(mels), np.stack(steps), EVENTS)


def tagger(folder: Path) -> Tagger:
    tuned = Decisions(whole=DECISION, tags=dict.fromkeys(CLASSES, 0.6))
    model = small_crnn(causal=True, look_ahead=1)
    export_crnn(model, folder / "m.onnx", licence="-", training="-", decisions=tuned)
    return Tagger(SoundConfig(model=folder / "m.onnx"))


def test_figures_of_recordings_and_of_scenes(tmp_path: Path) -> None:
    scenes, listener = recordings(tmp_path), tagger(tmp_path)
    network = Network(tmp_path / "m.onnx", "crnn")
    steps = np.stack([mel_probabilities(network, mel) for mel in scenes.mel])
    tuned = TunedDecisions(events=DECISION, tags=listener.levels)
    expected = figures_of_set(scenes, steps, tuned)
    assert expected["segment_f1"] > 0.05
    assert sound_event_metrics(detect_scenes(scenes, listener), listener) == pytest.approx(expected)
    clips = detect_recordings(tmp_path, find_labels(tmp_path), listener)
    assert sound_event_metrics(clips, listener) == pytest.approx(
        expected, abs=0.03
    )  # the last step ends with the recording
    assert set(label_metrics(clips, CLASSES)) == set(CLASSES)


def test_the_command_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings(tmp_path)
    tagger(tmp_path)
    (tmp_path / "audio" / "2.wav").unlink()
    (tmp_path / "audio" / "1.wav").write_bytes(b"nothing")
    options = ["--model", str(tmp_path / "m.onnx"), "--csv", str(tmp_path / "t.csv")]
    assert main(["evaluate", "crnn", str(tmp_path), *options]) == USER_ERROR
    printed = capsys.readouterr()
    assert "1 of the 3 labelled recordings are not there" in printed.err
    assert "1.wav: expected an audio file" in printed.err
    assert printed.out.splitlines()[1].split()[0] == "all"
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 12


def test_labels_of_both_kinds(tmp_path: Path) -> None:
    weak, strong = tmp_path / "a_weak.tsv", tmp_path / "meta" / "s.tsv"
    strong.parent.mkdir()
    weak.write_text("filename\tevent_labels\nx.wav\tcat,dog\ny.wav\t\n")
    strong.write_text("filename\tonset\toffset\tevent_label\nx.wav\t0\t2\tcat\nx.wav\t1\t3\tcat\ny.wav\t\t\t\n")
    assert read_labels(weak).weak == {"x.wav": {"cat", "dog"}, "y.wav": set()}
    found = find_labels(tmp_path)
    assert found.path == strong
    assert found.strong == {"x.wav": [Interval(0, 3, "cat")], "y.wav": []}
    assert found.labels == {"cat"}
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.wav").touch()
    assert find_audio(tmp_path, {"x.wav": 1, "z.wav": 2}) == {"x.wav": tmp_path / "sub" / "x.wav"}


@pytest.mark.parametrize("text", ["", "a\tb\n", "filename\tonset\toffset\tevent_label\nx\tsoon\t2\tcat\n"])
def test_what_is_no_label_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text(text)
    with pytest.raises(ConfigError, match="expected"):
        read_labels(tmp_path / "x.tsv")
    with pytest.raises(ConfigError, match="name the file with --labels"):
        find_labels(tmp_path)
