"""The commands as a user types them: what they write, what they say, and how they end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from cli.app import main
from engine.core.events import Position, from_line
from engine.core.format import AudioFormat
from engine.detection.embedding import Embedding, read_embedding
from engine.separation.config import TUNED
from engine.separation.hpss import Hpss
from models.detection.tensor_bundle import read_variables
from models.detection.yamnet import SAMPLE_RATE, WINDOW, yamnet
from models.separation.config import SeparationNetworkConfig
from offline.run import run
from offline.separation.backfitting import separate_whole
from tests.models.detection.test_yamnet import save, variables
from tests.models.separation.test_import_open_unmix import umx_files
from tests.models.separation.test_network import SMALL
from tests.models.separation.test_published_separator import states_of
from tests.networks.separation import small_file
from tests.tolerances import FLOAT32

RATE = 22050
COMMANDS = (
    "run",
    "separate",
    "import-weights",
    "align",
    "demo",
    "devices",
    "doctor",
    "evaluate",
    "generate",
    "midi",
    "stage",
    "data",
    "tag",
    "train",
    "export",
    "finetune",
    "table",
    "average",
    "blend",
    "plot",
)


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def collaparte(*args: object) -> Result:
    """A command in this process, which has imported everything already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as end:
            code = int(end.code or 0)
    return Result(code, out.getvalue(), err.getvalue())


def failure(result: Result) -> str:
    """The one line of a user's mistake."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("collaparte: "), result.stderr
    return lines[0]


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A stereo file of tones and clicks that ends in the middle of a hop."""
    t = np.arange(3 * RATE + 777) / RATE
    audio = 0.2 * np.stack([np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 660 * t)], axis=1)
    audio[:: RATE // 2] += 0.7
    path = tmp_path / "tones.wav"
    soundfile.write(path, audio.astype(np.float32), RATE, "FLOAT")
    return path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A second of stereo noise at the networks' rate."""
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal((44100, 2)), 44100, "FLOAT")
    return path


def test_help_shows_examples() -> None:
    result = collaparte("--help")
    assert result.returncode == 0 and "examples:" in result.stdout
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = collaparte(name, "--help")
    assert result.returncode == 0 and f"Usage: collaparte {name}" in result.stdout


def test_run_writes_stems_that_sum_to_the_input(tones: Path, tmp_path: Path) -> None:
    result = collaparte("run", "--input", tones, "--separate", "hpss", "--output", tmp_path / "stems")
    assert result.returncode == 0, result.stderr
    audio, _ = soundfile.read(tones, dtype="float32")
    stems = [
        soundfile.read(tmp_path / "stems" / f"{name}.wav", dtype="float32")[0] for name in ("harmonic", "percussive")
    ]
    assert all(
        soundfile.info(str(tmp_path / "stems" / f"{n}.wav")).subtype == "FLOAT" for n in ("harmonic", "percussive")
    )
    assert stems[0].shape == audio.shape
    assert np.abs(sum(stems) - audio).max() <= FLOAT32 * audio.std()


@pytest.mark.parametrize("filters", ["--wiener", "--instant"])
def test_run_by_a_network_writes_stems_and_a_mix(song: Path, tmp_path: Path, filters: str) -> None:
    """Karaoke on a file: mix.wav is the input without the vocals."""
    options = ("--separate", small_file(), filters, "--gain", "vocals=-inf")
    result = collaparte("run", "--input", song, *options, "--output", tmp_path / "stems")
    assert result.returncode == 0, result.stderr
    audio, _ = soundfile.read(song, dtype="float32")
    names = ("vocals", "drums", "bass", "other", "mix")
    stems = {n: soundfile.read(tmp_path / "stems" / f"{n}.wav", dtype="float32")[0] for n in names}
    mix = stems.pop("mix")
    assert np.abs(sum(stems.values()) - audio).max() <= 10 * FLOAT32 * audio.std()
    assert np.abs(mix - (audio - stems["vocals"])).max() <= 10 * FLOAT32 * audio.std()


def test_separate_names_a_folder_for_every_file(tones: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.flac"
    soundfile.write(other, soundfile.read(tones)[0], RATE)
    result = collaparte("separate", tones, other, "--model", "hpss", "--output", tmp_path / "stems")
    assert result.returncode == 0, result.stderr
    for name in ("tones", "other"):
        assert {p.name for p in (tmp_path / "stems" / name).iterdir()} == {"harmonic.wav", "percussive.wav"}


@pytest.mark.parametrize("model", ["hpss", "kam"])
def test_separate_with_a_residual(tones: Path, tmp_path: Path, model: str) -> None:
    options = ("--model", model, "--published", "--residual", "2", "--iterations", "2")
    result = collaparte("separate", tones, *options, "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    audio, _ = soundfile.read(tones, dtype="float32")
    names = ("harmonic", "percussive", "residual")
    stems = [soundfile.read(tmp_path / "tones" / f"{name}.wav", dtype="float32")[0] for name in names]
    assert np.abs(sum(stems) - audio).max() <= FLOAT32 * audio.std()


TYPED = {
    "--span-harmonic": 9,
    "--span-percussive": 21,
    "--exponent": 0.75,
    "--n-fft": 1024,
    "--hop": 512,
    "--iterations": 2,
}


@pytest.mark.parametrize("model", ["hpss", "kam"])
def test_the_settings_of_hpss_and_kam_are_options(tones: Path, tmp_path: Path, model: str) -> None:
    """What is typed is what the functions behind the command do with these settings."""
    typed = [text for name, value in TYPED.items() for text in (name, str(value))]
    result = collaparte("separate", tones, "--model", model, *typed, "--no-covariance", "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    audio, _ = soundfile.read(tones, dtype="float32", always_2d=True)
    changed = {name[2:].replace("-", "_"): value for name, value in TYPED.items()}
    config = replace(TUNED, spatial=False, look_ahead=min(TUNED.look_ahead, 4), **changed)
    audio_format = AudioFormat(sample_rate=RATE, n_channels=audio.shape[1])
    expected = run(Hpss(audio_format, config), audio) if model == "hpss" else separate_whole(audio, RATE, config)
    for i, name in enumerate(config.targets):
        stem, _ = soundfile.read(tmp_path / "tones" / f"{name}.wav", dtype="float32", always_2d=True)
        np.testing.assert_array_equal(stem, expected[:, i])


def test_separate_by_networks_of_both_kinds(tones: Path, tmp_path: Path) -> None:
    """Live weights, and weights of two directions, at a rate that is not the file's; both sum to the input."""
    audio, _ = soundfile.read(tones, dtype="float32")
    files = small_file(), small_file(cross=False, bidirectional=True), small_file(network="bands")
    for i, file in enumerate(files):
        result = collaparte("separate", tones, "--model", file, "--wiener", "--output", tmp_path / str(i))
        assert result.returncode == 0, result.stderr
        names = ("vocals", "drums", "bass", "other")
        stems = [soundfile.read(tmp_path / str(i) / "tones" / f"{n}.wav", dtype="float32")[0] for n in names]
        assert np.abs(sum(stems) - audio).max() <= 10 * FLOAT32 * audio.std()


def test_weights_of_others_separate_a_file(song: Path, tmp_path: Path) -> None:
    files, _ = umx_files(tmp_path)
    out = tmp_path / "umx.onnx"
    result = collaparte("import-weights", *files, "--licence", "MIT", "-o", out)
    assert result.returncode == 0 and f"--model {out}" in result.stdout, result.stderr
    card = tomllib.loads(out.with_suffix(".toml").read_text())
    assert card["licence"] == "MIT" and set(card["sources"]) == {path.name for path in files}
    result = collaparte("separate", song, "--model", out, "--output", tmp_path / "stems")
    assert result.returncode == 0, result.stderr
    names = "vocals", "drums", "other", "rest"  # the published networks have a bass, too
    assert {p.stem for p in (tmp_path / "stems" / "song").iterdir()} == set(names)
    said = failure(collaparte("run", "--input", "mic", "--separate", out, "--output", "x"))
    assert "a network of one direction" in said
    assert "did you mean unmix?" in failure(collaparte("separate", song, "--model", "unmx"))
    assert "--licence" in collaparte("import-weights", *files, "-o", out).stderr
    files[0].write_bytes(b"nothing")
    assert files[0].name in failure(collaparte("import-weights", *files, "--licence", "MIT", "-o", out))


def test_one_target_alone_leaves_the_rest(song: Path, tmp_path: Path) -> None:
    """The vocals are not the mixture, and what they leave is a stem with a gain of its own."""
    states = states_of(SeparationNetworkConfig(**SMALL, cross=False, targets=("vocals",)))
    torch.save(states["vocals"], tmp_path / "vocals.pth")
    out = tmp_path / "voice.onnx"
    result = collaparte("import-weights", tmp_path / "vocals.pth", "--licence", "MIT", "-o", out)
    assert result.returncode == 0 and "vocals, and the rest of the mixture" in result.stdout, result.stderr
    options = ("--separate", out, "--wiener", "--gain", "rest=-inf", "--output", tmp_path / "stems")
    result = collaparte("run", "--input", song, *options)
    assert result.returncode == 0, result.stderr
    audio, _ = soundfile.read(song, dtype="float32")
    names = "vocals", "rest", "mix"
    vocals, rest, mix = (soundfile.read(tmp_path / "stems" / f"{n}.wav", dtype="float32")[0] for n in names)
    assert np.abs(vocals + rest - audio).max() <= 10 * FLOAT32 * audio.std()
    assert np.abs(mix - vocals).max() <= 10 * FLOAT32 * audio.std()
    assert (vocals - audio).std() > 0.05 * audio.std()
    result = collaparte("separate", song, "--model", out, "--rest", "never", "--output", tmp_path / "alone")
    assert result.returncode == 0, result.stderr
    assert [p.name for p in (tmp_path / "alone" / "song").iterdir()] == ["vocals.wav"]


def test_an_embedding_of_others_becomes_a_file(tmp_path: Path) -> None:
    folder, out = save(tmp_path / "yamnet", variables()), tmp_path / "yamnet.onnx"
    result = collaparte("import-weights", folder, "--licence", "Apache-2.0", "-o", out)
    assert result.returncode == 0 and f"--embedding yamnet={out}" in result.stdout, result.stderr
    node = Embedding(read_embedding(out), AudioFormat(sample_rate=SAMPLE_RATE, n_channels=1))
    audio = 0.1 * np.random.default_rng(0).standard_normal((5 * node.config.hop, 1)).astype(np.float32)
    with torch.no_grad():
        expected = yamnet(read_variables(folder), folder)(torch.from_numpy(audio[-WINDOW:, 0])[None]).numpy()
    assert np.abs(node.process(audio)[-1] - expected).max() < 10 * FLOAT32 * expected.std()
    said = failure(collaparte("import-weights", folder, folder, "--licence", "Apache-2.0", "-o", out))
    assert "the folder alone" in said
    said = failure(collaparte("import-weights", folder, "--licence", "-", "--hop", "20000", "-o", out))
    assert "--hop: expected a number from 1 to 15600" in said
    assert "SavedModel" in failure(collaparte("import-weights", tmp_path, "--licence", "-", "-o", out))


def test_evaluate_networks(song: Path, tmp_path: Path) -> None:
    stems = tmp_path / "songs" / "one"
    stems.mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal((4, 44100, 2)) * 0.05
    for name, audio in zip(("vocals", "drums", "bass", "other"), noise, strict=True):
        soundfile.write(stems / f"{name}.wav", audio, 44100)
    table = tmp_path / "table.csv"
    files = ("--model", small_file(), "--model", small_file(cross=False, bidirectional=True))
    result = collaparte("evaluate", "unmix", stems.parent, *files, "--wiener", "--csv", table)
    assert result.returncode == 0, result.stderr
    assert "+ Wiener filter | vocals |" in result.stdout and "ideal ratio mask" in result.stdout
    n_rows = 4 * (1 + 4 + 1) + 1  # mixture, two networks twice, mask; kernel back-fitting knows drums alone
    assert len(table.read_text().splitlines()) == 1 + 2 * n_rows
    few = small_file(targets=("vocals", "drums"))
    said = failure(collaparte("evaluate", "unmix", stems.parent, "--model", small_file(), "--model", few))
    assert "networks for vocals, drums, bass, other at 44100 Hz" in said


def test_one_bad_file_does_not_stop_the_others(tones: Path, tmp_path: Path) -> None:
    result = collaparte("separate", tmp_path / "none.wav", tones, "--output", tmp_path / "stems")
    assert result.returncode == 2 and "nothing there" in result.stderr
    assert (tmp_path / "stems" / "tones" / "harmonic.wav").is_file()


def test_the_demo_follows_and_separates(whole_demo: Path) -> None:
    demo, said = whole_demo / "demo", (whole_demo / "demo.txt").read_text()
    assert {p.name for p in demo.iterdir()} >= {"harmonic.wav", "percussive.wav", "events.jsonl", "picture.png"}, said
    lines = (demo / "events.jsonl").read_text().splitlines()
    events = [from_line(line, 44100) for line in lines]
    assert sum(isinstance(event, Position) for event in events) > 100
    assert all(json.loads(line)["emitted_at_s"] >= json.loads(line)["at_s"] for line in lines)
    assert "within 50 ms" in said
    duet = {p.name for p in (demo / "duet").iterdir()}
    assert duet == {"score.musicxml", "solo.wav", "truth.csv", "duet.wav", "scheduled.csv", "duet.png"}
    (share,) = re.findall(r"([\d.]+) % came within 50 ms", said)
    assert float(share) > 60


STEMS = ("--separate", "hpss", "--output", "{tones}.stems")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "--input", "none.wav", "--separate", "hpss"), "none.wav: expected an audio file, got nothing there"),
        (("run", "--input", "{tones}"), "something to do"),
        (("run", "--input", "{tones}", "--score", "none.musicxml"), "none.musicxml"),
        (("run", "--input", "{tones}", "--score", "{tones}.txt"), "expected one of"),
        (("run", "--input", "{tones}", "--separate", "hpss", "--look-ahead", "-1", "--output", "x"), "--look-ahead: "),
        (("run", "--input", "{tones}", "--separate", "none.onnx", "--output", "x"), "a readable ONNX file"),
        (("separate", "{tones}", "--model", "hpss", "--wiener"), "--wiener: expected --model unmix or another"),
        (
            ("separate", "{tones}", "--model", "unmix", "--look-ahead", "3"),
            "--look-ahead: expected --model hpss",
        ),
        (("run", "--input", "{tones}", "--separate", "unmix", "--look-ahead", "3", "--output", "x"), "--look-ahead"),
        (
            ("run", "--input", "{tones}", "--separate", "unmix", "--wiener", "--instant", "--output", "x"),
            "instant: expected no Wiener filter beside it",
        ),
        (
            ("run", "--input", "{tones}", "--separate", "unmix", "--turns", "2", "--output", "x"),
            "--turns: expected --instant",
        ),
        (
            ("run", "--input", "{tones}", "--separate", "hpss", "--wiener", "--output", "x"),
            "--wiener: expected --separate",
        ),
        (
            ("separate", "{tones}", "--model", "kam", "--look-ahead", "3"),
            "--look-ahead: expected --model hpss, got kam",
        ),
        (
            ("separate", "{tones}", "--model", "unmix", "--no-covariance"),
            "--no-covariance: expected --model hpss or kam",
        ),
        (("separate", "{tones}", "--model", "hpss", "--rest", "always"), "--rest: expected --model unmix or another"),
        (("separate", "{tones}", "--span-percussive", "8"), "--span-percussive: expected an odd number"),
        (("separate", "{tones}", "--published", "--look-ahead", "9"), "look_ahead: expected a number from 0 to 8"),
        (("run", "--input", "{tones}", "--hop", "64", "--score", "x"), "--hop: expected --separate hpss, got none"),
        (("run", "--input", "{tones}", "--separate", "hpss", "--gain", "harmonic=3"), "an --output for the stems"),
        (("run", "--input", "{tones}", "--separate", "hpss"), "--separate: expected an --output for the stems"),
        (("run", "--input", "{tones}", "--separate", "hpps", "--output", "x"), "did you mean hpss?"),
        (("run", "--input", "{tones}", "--separate", "hpss", "--gain-midi", "x"), "--gain-midi: expected a device"),
        (("run", "--input", "{tones}", "--separate", "hpss", "--output", "{tones}"), "a folder for the stems"),
        (("run", "--input", "{tones}", *STEMS, "--events", "{tones}/x.jsonl"), "a place to write events"),
    ],
)
def test_a_mistake_is_one_line(tones: Path, args: tuple[str, ...], said: str) -> None:
    assert said in failure(collaparte(*(arg.format(tones=tones) for arg in args)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_done(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 44100, 1) as file:
        block = (0.1 * np.random.default_rng(0).standard_normal(44100)).astype(np.float32)
        for _ in range(1200):
            file.write(block)
    command = [
        sys.executable,
        "-m",
        "cli",
        "run",
        "--input",
        path,
        "--separate",
        "hpss",
        "--output",
        tmp_path / "o",
    ]
    child = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    harmonic = tmp_path / "o" / "harmonic.wav"
    deadline = time.monotonic() + 600
    while not (harmonic.exists() and os.path.getsize(harmonic) > 500_000):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(number)
    _, said = child.communicate(timeout=600)
    assert child.returncode == 130 and "Traceback" not in said
    lengths = {soundfile.info(str(tmp_path / "o" / f"{name}.wav")).frames for name in ("harmonic", "percussive")}
    assert len(lengths) == 1 and 100_000 < lengths.pop() < 1200 * 44100
