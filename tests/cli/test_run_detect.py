"""`run --detect` on files: the detector's own events in the log, guesses on the screen, mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.run import collect_frames
from tests.cases.sounds import noise
from tests.networks.detection import small_crnn_file

RATE = 44100
CAUSAL = small_crnn_file(causal=True, look_ahead=1)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "take.wav", noise(RATE, 2), RATE, subtype="FLOAT")
    return tmp_path / "take.wav"


def logged(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_heard_as_live(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detector = SoundDetector(SoundConfig(model=CAUSAL), AudioFormat(sample_rate=RATE, n_channels=2))
    expected = [e for e in collect_frames(detector, noise(RATE, 2)) if e.at < 3 * RATE]
    log = tmp_path / "out.jsonl"
    stems = ["--separate", "hpss", "--output", str(tmp_path / "stems")]
    for more in ([], stems):
        options = ["--detect", str(CAUSAL), "--top", "2", "--events", str(log), *more]
        assert main(["run", "--input", str(recording), *options]) == 0
        assert [(e["at_s"], e["label"], e["active"]) for e in logged(log)] == [
            (pytest.approx(e.at / RATE, abs=1e-6), e.label, e.active) for e in expected
        ]
    assert len(expected) > 10
    said = capsys.readouterr().err
    assert f"{expected[0].label} begins" in said
    assert said.count("0:02.") >= 1
    assert f"at most {1000 * detector.latency / RATE:.0f} ms" in said


def test_a_network_of_both_directions_hears_windows(recording: Path, tmp_path: Path) -> None:
    log = tmp_path / "out.jsonl"
    options = ["--detect", str(small_crnn_file()), "--window", "2", "--threshold", "0.4"]
    assert main(["run", "--input", str(recording), *options, "--events", str(log)]) == 0
    events = logged(log)
    assert len(events) > 5
    assert all(e["emitted_at_s"] - e["at_s"] > 0.066 * (8 + 8) for e in events if e["at_s"])  # ahead, and deferred


def test_the_pipeline_says_how_long_sounds_take() -> None:
    audio = AudioFormat(sample_rate=RATE, n_channels=1)
    config = SoundConfig(model=CAUSAL, alignment="centred")
    pipeline = Pipeline(audio, PipelineConfig(detect=config))
    assert pipeline.latency == 0
    assert pipeline.lag == SoundDetector(config, audio).latency
    soon = SoundDetector(SoundConfig(model=CAUSAL, alignment="causal"), audio).latency
    assert pipeline.lag - soon == pytest.approx(3 * 0.0664 * RATE, abs=2)  # half of seven steps


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--separate", "hpss", "--output", "stems", "--top", "3"],
            "--top: expected --detect, got none; leave --top out",
        ),
        (["--detect", str(CAUSAL), "--window", "2"], "--window: expected a bidirectional network"),
        (["--detect", "none.onnx"], "none.onnx: expected the network, got nothing there"),
        (["--detect", str(CAUSAL), "--threshold", "7"], "--threshold: expected a number from 0 to 1"),
        ([], "--detect to detect sounds"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str],
    said: str,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(recording.parent)
    assert main(["run", "--input", str(recording), *options]) == USER_ERROR
    assert said in capsys.readouterr().err
