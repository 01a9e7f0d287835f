"""A score that simply plays: into files, and through a real JACK server into a MIDI port."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from tests.engine.midi.probe import MidiProbe
from tests.engine.score.musicxml.writing import FORWARD, backward, musicxml, note, words
from tests.jack_server import JackServer
from tests.places import ROOT

PEDAL = '<direction><direction-type><pedal type="start"/></direction-type></direction>'
FAST = words(tempo="240")  # a quarter is 0.25 s


@pytest.fixture
def score(tmp_path: Path) -> Path:
    path = tmp_path / "duo.musicxml"
    bars = [FORWARD + FAST + note("C5", 1) * 4, note("E5", 2) + note("G5", 2) + backward()]
    low = [PEDAL + note("C3", 4), note("G2", 4) + backward()]
    path.write_text(musicxml(bars, low, names=["Flute", "Piano"]))
    return path


def played(score: Path, folder: Path, *more: str) -> list[tuple[float, float]]:
    table = folder / "played.csv"
    assert main(["accompany", str(score), "--solo", "none", "--scheduled", str(table), *more]) == 0
    with table.open() as file:
        return [(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)]


def test_at_the_scores_own_tempo_and_any_other(score: Path, tmp_path: Path) -> None:
    rows = played(score, tmp_path)
    assert [quarter for quarter, _ in rows] == [0, 1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 14]
    assert np.allclose([at_s for _, at_s in rows], [0.5 + 0.25 * quarter for quarter, _ in rows], atol=2e-5)
    slow = played(score, tmp_path, "--tempo-ratio", "0.5")
    assert np.allclose([at_s for _, at_s in slow], [0.5 + 0.5 * quarter for quarter, _ in slow], atol=2e-5)
    named = played(score, tmp_path, "--tempo", "60")
    assert np.allclose([at_s for _, at_s in named], [0.5 + quarter for quarter, _ in named], atol=2e-5)
    assert [quarter for quarter, _ in played(score, tmp_path, "--mute", "Flute")] == [0, 4, 8, 12]


def test_a_mix_with_a_metronome(score: Path, tmp_path: Path) -> None:
    sounds = {}
    for name, more in (("plain", []), ("clicks", ["--metronome"]), ("soft", ["--part-gain", "Flute=-20"])):
        mix, events = tmp_path / f"{name}.wav", tmp_path / f"{name}.jsonl"
        played(score, tmp_path, "-o", str(mix), "--events", str(events), "--engine", "built-in", *more)
        sounds[name] = soundfile.read(mix)[0]
        rows = [json.loads(line) for line in events.read_text().splitlines()]
        assert sum(1 if row["active"] else -1 for row in rows if row["type"] == "note") == 0
        assert [row["value"] for row in rows if row["type"] == "control"][-1] == 0
        beats = [row["at_s"] for row in rows if row["type"] == "note" and row["channel"] == 9 and row["active"]]
        assert np.allclose(beats, [0.5 + 0.25 * i for i in range(16)] if more == ["--metronome"] else [], atol=1e-4)
    level = {name: float(np.sqrt(np.mean(sound**2))) for name, sound in sounds.items()}
    assert level["soft"] < level["plain"] < level["clicks"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input", "x.wav"], "follows nobody"),
        (["--report", "r.csv"], "follows nobody"),
        (["--play", "Harp"], "Flute (P1), Piano (P2)"),
        (["--mute", "Harp"], "Flute (P1), Piano (P2)"),
        (["--part-gain", "Flute"], "PART=DB"),
        (["--part-gain", "Harp=-3"], "Flute (P1), Piano (P2)"),
        (["--loop", "5-9"], "bars from 1 to 2"),
        (["--loop", "x"], "bars such as 5-8"),
        (["--mute", "Flute", "--mute", "Piano"], "a part that plays"),
        (["-o", "mix.wav", "--soundfont", str(Path(__file__))], "a soundfont (.sf2 or .sf3)"),
    ],
)
def test_one_line_for_what_is_wrong(
    words: list[str],
    said: str,
    score: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    more = [] if "-o" in words else ["--scheduled", "p.csv"]
    assert main(["accompany", str(score), "--solo", "none", *more, *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("collaparte: ") and "\n" not in error and said in error


@pytest.mark.jack
def test_into_a_midi_port_until_it_is_stopped(server: JackServer, score: Path) -> None:
    command = [*(sys.executable, "-m", "cli", "accompany", str(score), "--solo", "none"), "--loop", "1-2"]
    probe = MidiProbe("Band:out")
    with subprocess.Popen([*command, "--port", "Band"], cwd=ROOT, stderr=subprocess.PIPE, text=True) as child:
        probe.connected()
        probe.until(lambda messages: sum(m[0] & 0xF0 == 0x90 for _, m in messages) > 8)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=20)
    assert child.returncode == 130 and "Traceback" not in said
    heard = probe.heard()
    for key in {m[:2] for _, m in heard if m[0] & 0xF0 == 0x90}:
        of_key = [m[0] & 0xF0 for _, m in heard if m[0] & 0xE0 == 0x80 and (m[0] & 15, m[1]) == (key[0] & 15, key[1])]
        assert of_key[-1] == 0x80
    pedal = [m[2] for _, m in heard if m[0] & 0xF0 == 0xB0 and m[1] == 64]
    assert pedal[0] == 127 and pedal[-1] == 0
    struck = [frame for frame, m in heard if m[0] & 0xF0 == 0x90 and m[1] == 72]
    steps = np.diff(struck[:4])
    assert np.abs(steps - server.rate / 4).max() <= 1
