"""The command by hand: tables, files, and a port that is played to until it is stopped."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import mido
import numpy as np
import pytest

from cli.commands.generate import GenerateOptions, generate, generate_command
from cli.common import settings_from
from engine.core.errors import ConfigError
from offline.music.midi_file import read_midi, write_midi
from offline.music.piece import from_grid, to_grid
from tests.engine.midi.probe import PATIENCE_S, MidiProbe
from tests.jack_server import JackServer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    chords = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 60, 57, 50], [66, 62, 57, 43]])
    order = np.random.default_rng(0).integers(0, 4, (3, 40))
    pieces = {s: [np.repeat(chords[o], 4, axis=0).tolist() for o in order] for s in ("train", "valid", "test")}
    (path / "Jsb16thSeparated.json").write_text(json.dumps(pieces))
    return path


def run(*words: str, stop: threading.Event | None = None) -> str:
    with generate_command.make_context("generate", list(words)) as context:
        return generate(settings_from(GenerateOptions, context.params), stop or threading.Event())


def test_the_list_names_every_system() -> None:
    assert "DeepBach" in run("--list")


def test_same_seed_same_file(folder: Path, tmp_path: Path) -> None:
    base = ["--model", "Markov", "--data", str(folder), "--bars", "4", "--tempo", "90"]
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert "4 bars" in run(*base, "--seed", seed, "-o", str(tmp_path / f"{name}.mid"))
    a, b, c = ((tmp_path / f"{name}.mid").read_bytes() for name in "abc")
    assert a == b != c
    file = mido.MidiFile(tmp_path / "a.mid")
    assert [t.name for t in file.tracks[1:]] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert file.length == pytest.approx(16 * 60 / 90, rel=1e-6)


def test_a_melody_is_kept_and_harmonised(folder: Path, tmp_path: Path) -> None:
    melody = from_grid(np.repeat([[67], [69], [67], [66]], 8, axis=0).astype(np.int16))
    write_midi(melody, tmp_path / "melody.mid")
    run(
        "--model",
        "Markov",
        "--data",
        str(folder),
        "--melody",
        str(tmp_path / "melody.mid"),
        "-o",
        str(tmp_path / "x.mid"),
    )
    frames, _ = to_grid(read_midi(tmp_path / "x.mid"), 4)
    assert np.array_equal(frames[:, 0], to_grid(melody, 1)[0][:, 0])
    assert (frames[:, 1:] != -1).any()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "--list"),
        (["--model", "x", "-o", "y.mid"], "DeepBach.*NAME.onnx"),
        (["--model", "Markov", "-o", "y.mid"], "Jsb16th"),
    ],
)
def test_what_is_missing_is_said(words: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        run(*words)


@pytest.mark.jack
def test_it_waits_for_a_server_that_died_and_plays_on(
    folder: Path, own_server: JackServer, capfd: pytest.CaptureFixture
) -> None:
    stop, said = threading.Event(), []
    words = ["--model", "Markov", "--data", str(folder), "--port", "band", "--backend", "jack", "--look-ahead", "0.5"]
    player = threading.Thread(target=lambda: said.append(run(*words, stop=stop)))
    player.start()
    for _ in range(2):
        probe = MidiProbe("band:out")
        probe.connected()
        probe.until(lambda messages: sum(m[0] & 0xF0 == 0x90 for _, m in messages) > 4)
        probe.process.kill()
        own_server.kill()
        own_server.start()
    probe = MidiProbe("band:out")
    probe.connected()
    stop.set()
    player.join(PATIENCE_S)
    probe.heard()
    assert "steps in" in said[0]
    lines = capfd.readouterr().err.splitlines()
    assert sum("the JACK server" in line and "waiting for it" in line for line in lines) == 2
    assert sum("it is back" in line for line in lines) == 2


@pytest.mark.jack
def test_it_plays_until_it_is_stopped(folder: Path) -> None:
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=1024, realtime=True):  # a short one loses messages on a busy machine
        stop = threading.Event()
        probe = MidiProbe("band:out")
        words = ["--model", "Markov", "--data", str(folder), "--port", "band", "--backend", "jack", "--send-clock"]
        words += ["--tempo", "150", "--look-ahead", "0.5"]
        said: list[str] = []
        player = threading.Thread(target=lambda: said.append(run(*words, stop=stop)))
        player.start()
        probe.connected()
        probe.until(lambda messages: sum(m[0] & 0xF0 == 0x90 for _, m in messages) > 4 and len(messages) > 40)
        stop.set()
        player.join(PATIENCE_S)
        heard = probe.heard()
    struck = [(frame, m) for frame, m in heard if m[0] & 0xF0 == 0x90]
    assert len(struck) > 4
    if "; 0 messages late, 0 cycles lost" in said[0]:  # else the machine had no time, and said so
        assert len({frame % 4800 for frame, _ in struck}) == 1  # sixteenths at 150
    assert sum(m[0] == 0xF8 for _, m in heard) > 24
    assert any(m[0] == 0xFC for _, m in heard)
    for key in {m[0] & 15 | m[1] << 4 for _, m in struck}:
        assert [m[0] >> 4 for _, m in heard if m[0] < 0xB0 and (m[0] & 15 | m[1] << 4) == key][-1] == 8
