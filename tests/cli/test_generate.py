"""The command by hand: tables, files, and a port that is played to until it is stopped."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest

from cli.commands.generate import GenerateOptions, generate, generate_command
from cli.common import settings_from
from engine.core.errors import ConfigError, EngineWarning, ScoreError
from offline.generation.players.markov import MarkovPlayer
from offline.music.midi_file import read_midi, write_midi
from offline.music.piece import from_grid, to_grid
from tests.engine.midi.probe import PATIENCE_S, MidiProbe
from tests.engine.score.midi_bytes import Tune, events_of, meta, smf
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


def test_markov_plays_without_a_corpus(tmp_path: Path) -> None:
    assert "2 bars" in run("--model", "Markov", "--bars", "2", "--key", "D", "-o", str(tmp_path / "x.mid"))


def test_jigs_are_written_as_jigs(tmp_path: Path) -> None:
    metres = set()
    for seed in range(6):
        run("--model", "Celtic", "--bars", "4", "--seed", str(seed), "-o", str(tmp_path / "x.mid"))
        marks = [m for track in mido.MidiFile(tmp_path / "x.mid").tracks for m in track if m.type == "time_signature"]
        metres |= {(mark.numerator, mark.denominator) for mark in marks}
    assert (6, 8) in metres and len(metres) > 1


def test_drums_obey_the_tempo_and_a_given_bass(tmp_path: Path) -> None:
    hats = []
    for tempo in ("80", "150"):
        run("--model", "Rhythm", "--tempo", tempo, "--seed", "2", "-o", str(tmp_path / "x.mid"))
        notes = read_midi(tmp_path / "x.mid", percussion=True).notes
        hats.append(int((notes["pitch"] == 42).sum()))
    assert hats[0] > 1.3 * hats[1]  # eighths at a slow tempo, quarters at a fast one
    kicks = []
    for beat in (3, 7):
        line = np.full((16, 1), -1, np.int16)
        line[[0, beat, beat + 1]] = [[36], [36], [38]]
        write_midi(from_grid(np.tile(line, (8, 1))), tmp_path / "bass.mid")
        run("--model", "Rhythm", "--band", str(tmp_path / "bass.mid"), "--bars", "8", "-o", str(tmp_path / "x.mid"))
        notes = read_midi(tmp_path / "x.mid", percussion=True).notes
        kicks.append(np.bincount(notes["onset"][notes["pitch"] == 36] % 16, minlength=16))
    assert kicks[0][3] > kicks[1][3] and kicks[1][7] > kicks[0][7]


def test_a_stop_keeps_what_is_written_in_a_folder_that_is_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, n = threading.Event(), 0
    step = MarkovPlayer.step

    def stopping(self: MarkovPlayer, given: np.ndarray | None = None) -> np.ndarray:
        nonlocal n
        n += 1
        if n == 40:
            stop.set()
        return step(self, given)

    monkeypatch.setattr(MarkovPlayer, "step", stopping)
    path = tmp_path / "new" / "folder" / "x.mid"
    words = ["--model", "Markov", "--data", str(folder), "--bars", "30000", "-o", str(path)]
    assert "2.5 bars of 30000, stopped" in run(*words, "-o", str(tmp_path / "x.wav"), stop=stop)
    assert read_midi(path).n_steps == 40
    assert not (tmp_path / "x.wav").exists()


@pytest.mark.parametrize("option", ["--melody", "--prime"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda tune: smf(meta(0x59, b"\x0c\x05") + events_of(tune)), None),
        (lambda tune: smf(meta(0x51, bytes(3)) + events_of(tune)), "tempi outside"),
        (lambda tune: smf(events_of(tune, endless=(1,))), "notes without an end: 1"),
        (lambda tune: smf(events_of(tune))[:-9], "track 1 is cut"),
        (lambda tune: smf(events_of(tune), division=0), ScoreError),
        (lambda tune: smf(events_of(tune), events_of(tune), form=2), ScoreError),
        (lambda tune: smf(events_of(Tune(tune.notes, channel=9))), ScoreError),
        (lambda tune: b"rubbish", ScoreError),
    ],
)
def test_melodies_and_beginnings_of_every_kind(
    folder: Path, tmp_path: Path, option: str, damage: Callable[[Tune], bytes], said: str | type | None
) -> None:
    given = tmp_path / "given.mid"
    given.write_bytes(damage(Tune(((0, 480, 67), (0, 480, 69), (0, 480, 67), (0, 480, 66)))))
    words = [
        "--model",
        "Markov",
        "--data",
        str(folder),
        "--bars",
        "1",
        option,
        str(given),
        "-o",
        str(tmp_path / "x.mid"),
    ]
    if said is ScoreError:
        with pytest.raises(ScoreError, match=r"given\.mid: expected "):
            run(*words)
        return
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", EngineWarning)
        run(*words)
    lines = [str(each.message) for each in found if issubclass(each.category, EngineWarning)]
    assert len(lines) == (0 if said is None else 1)
    assert all(str(said) in line for line in lines)
    written = read_midi(tmp_path / "x.mid")
    assert len(written.notes) > 4
    if option == "--melody" and said != "track 1 is cut":
        assert written.notes["pitch"][written.notes["voice"] == 0].tolist() == [67, 69, 67, 66]


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
        (["--model", "Celtic", "--key", "D", "-o", "y.mid"], r"--key: expected one of Markov, Frames.*got Celtic"),
        (["--model", "Markov", "--activity", "2", "-o", "y.mid"], "one of Frames, got Markov"),
        (["--model", "BachBot", "--free", "-o", "y.mid"], "one of Markov, Frames, got BachBot"),
        (["--model", "Frames", "--seconds", "3", "-o", "y.mid"], "use --bars"),
        (["--model", "Frames", "--data", "x", "-o", "y.mid"], "train generation learns a corpus"),
        (["--model", "Celtic", "--chords", "x.mid", "-o", "y.mid"], "takes --chords: MidiNet"),
        (["--model", "Celtic", "--band", "x.mid", "-o", "y.mid"], "takes --band: Rhythm"),
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
