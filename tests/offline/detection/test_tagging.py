"""Recordings to events and tags: what the network says of the whole, at any rate, and files that are none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.audio.folders import find_recordings
from engine.detection.crnn import SoundConfig
from engine.detection.event_decoder import DecisionConfig, Decisions, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP
from models.detection.graph import export_crnn
from offline.datasets.scenes import log_mel, read_tsv
from offline.detection.clip_decisions import clip_probabilities, intervals
from offline.detection.tagging import Tagger
from tests.cases.sounds import noise
from tests.networks.detection import small_crnn, small_crnn_file
from tests.networks.embedding import embedding_file
from tests.tolerances import EXPORT

WHOLE = DecisionConfig(median=3, release=0.8)


def model_file(folder: Path) -> Path:
    tuned = Decisions(live=DecisionConfig(median=1), whole=WHOLE, tags=dict.fromkeys("ab", 0.3))
    export_crnn(small_crnn(causal=True, look_ahead=1), folder / "m.onnx", licence="-", training="-", decisions=tuned)
    return folder / "m.onnx"


def record(path: Path, rate: int, n_channels: int) -> np.ndarray:
    audio = noise(rate, n_channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return audio


def test_a_recording_is_tagged_as_a_whole(tmp_path: Path) -> None:
    audio = record(tmp_path / "a.wav", SOUND_RATE, 1)
    model = small_crnn(causal=True, look_ahead=1)
    with torch.inference_mode():
        expected = torch.sigmoid(model(torch.from_numpy(log_mel(audio[:, 0]))[None]))[0].numpy()
    tagger = Tagger(SoundConfig(model=model_file(tmp_path)))
    _, steps, n_samples = tagger.probabilities(tmp_path / "a.wav")
    assert n_samples == len(audio)
    n = len(audio) // STEP - 2  # after the end the whole has no input, the live network silence
    assert np.abs(steps[:n] - expected[:n]).max() <= EXPORT
    tagged = tagger.tag(tmp_path / "a.wav")
    wanted = intervals(EventDecoder(tagger.classes, WHOLE), steps)
    assert len(wanted) > 10
    assert [e.label for e in tagged.events] == [e.label for e in wanted]
    assert np.abs([a.onset_s - b.onset_s for a, b in zip(tagged.events, wanted, strict=True)]).max() < 1e-4
    clip = clip_probabilities(steps)
    assert tagged.tags == {
        label: pytest.approx(float(clip[i]))
        for i, label in enumerate(tagger.classes)
        if clip[i] >= (0.3 if label in "ab" else 0.5)
    }


def test_windows_cover_the_whole(tmp_path: Path) -> None:
    """Of a recording within one window, a bidirectional network has the output that it has on the whole."""
    audio = record(tmp_path / "a.wav", SOUND_RATE, 1)
    _, steps, _ = Tagger(SoundConfig(model=small_crnn_file())).probabilities(tmp_path / "a.wav")
    assert len(steps) == pytest.approx(len(audio) / STEP, abs=2)
    assert steps.std() > 0.1


def test_files_and_folders_go_on_past_what_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "in/deep/a.wav", 48000, 2)
    record(tmp_path / "b.flac", 8000, 1)
    (tmp_path / "in/bad.wav").write_bytes(b"RIFF no more")
    events, tags = tmp_path / "out/events.tsv", tmp_path / "out/tags.csv"
    model = ["--model", str(model_file(tmp_path)), "--threshold", "0.4"]
    inputs = [str(tmp_path / "in"), str(tmp_path / "b.flac")]
    assert main(["tag", *inputs, "-o", str(events), "--tags", str(tags), *model]) == USER_ERROR
    printed = capsys.readouterr().err
    assert printed.count("collaparte: ") == 1
    assert "bad.wav" in printed
    found = read_tsv(events)
    assert set(found) == {"deep/a.wav", "b.flac"}
    assert len(found["deep/a.wav"]) > 5
    assert all(0 <= e.onset_s < e.offset_s <= 3 for of in found.values() for e in of)
    rows = list(csv.DictReader(tags.open()))
    assert {r["filename"] for r in rows} == set(found)
    assert main(["tag", str(tmp_path / "b.flac"), "-o", "-", "--tags", str(tags), *model]) == 0
    assert capsys.readouterr().out.startswith("filename\tonset\toffset\tevent_label\nb.flac\t")
    assert not Path("-").exists()


def test_two_of_one_name_keep_their_paths(tmp_path: Path) -> None:
    for folder in "xy":
        record(tmp_path / folder / "a.wav", 8000, 1)
    assert [f.name for f in find_recordings([tmp_path / "x", tmp_path / "y"]).files] == [
        str(tmp_path / folder / "a.wav") for folder in "xy"
    ]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["--model", "none.onnx"], "none.onnx: expected the network, got nothing there"),
        (["--embedding", "bands"], "expected NAME=FILE"),
        (["--embedding", "mel=x.onnx"], "not mel or steps"),
        (["--embedding", "../x=x.onnx"], "a plain word"),
        (["--embedding", f"bands={embedding_file()}"], "expected embeddings none, got bands"),
        (["--threshold", "2"], "expected a number from 0 to 1"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str], printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "a.wav", 8000, 1)
    given = options if options[0] == "--model" else ["--model", str(model_file(tmp_path)), *options]
    assert main(["tag", str(tmp_path / "a.wav"), *given]) == USER_ERROR
    assert printed in capsys.readouterr().err
