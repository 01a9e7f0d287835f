"""A recorded soloist is accompanied: the mix, the table and the events are written, and every note ends."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.score.score import make_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform

RATE = 44100
STEADY = PerformConfig(arch=0.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=0.5)
MELODY = [(q / 2, 0.5, 67 + [0, 2, 4, 5, 7, 5, 4, 2][q % 8], 80) for q in range(24)]
NEAR_S = 0.08  # of a steady soloist, from the fourth quarter on: one decision and the follower's report


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a score for two parts, and the soloist's recording and truth."""
    folder = tmp_path_factory.mktemp("duo")
    song = mido.MidiFile()
    song.add_track().append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(100)))
    for name, rows in (("Solo", MELODY), ("Piano", [(q, 1, 48, 70) for q in range(12)])):
        track = song.add_track(name)
        changes = sorted((t, kind, p) for q, n, p, _ in rows for t, kind in ((q, "note_on"), (q + n, "note_off")))
        now = 0.0
        for at, kind, pitch in sorted(changes, key=lambda row: (row[0], row[1] == "note_on")):
            track.append(mido.Message(kind, note=pitch, time=round((at - now) * 480)))
            now = at
    song.save(folder / "score.mid")
    played = perform(make_score("solo", MELODY, tempi=[(0, 100.0)]), seed=0, config=STEADY)
    soundfile.write(folder / "solo.wav", additive(played, RATE), RATE)
    onsets = {"solo": np.arange(0, 12, 0.5), "accompaniment": np.arange(12)}
    rows = [(q, 0.5 + q * 0.6, part) for part, quarters in onsets.items() for q in quarters]
    with (folder / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("quarter", "audio_s", "part"), *rows])
    return folder


def test_a_recording_is_accompanied(duo: Path, tmp_path: Path) -> None:
    out = [tmp_path / name for name in ("mix.wav", "played.csv", "events.jsonl")]
    words = ["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav"), "--engine", "built-in"]
    assert main([*words, "-o", str(out[0]), "--scheduled", str(out[1]), "--events", str(out[2])]) == 0
    with out[1].open() as file:
        played = [(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)]
    assert [q for q, _ in played] == list(range(12))
    assert max(abs(at_s - (0.5 + 0.6 * q)) for q, at_s in played[4:]) < NEAR_S
    notes = [event for line in out[2].read_text().splitlines() if (event := json.loads(line))["type"] == "note"]
    assert sum(1 if note["active"] else -1 for note in notes) == 0
    mix, solo = soundfile.read(out[0])[0], soundfile.read(duo / "solo.wav")[0]
    assert len(mix) > len(solo), "the last chord dies away"
    assert np.abs(mix[: len(solo)] - solo).max() > 0.01, "the accompaniment sounds"


def test_the_table(duo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "accompany", str(duo), "--csv", str(tmp_path / "t.csv"), "--plots", str(tmp_path)]
    assert main(words) == 0
    assert "with solo %" in capsys.readouterr().out
    assert (tmp_path / f"{duo.name}.png").stat().st_size > 10_000
    with (tmp_path / "t.csv").open() as file:
        assert float(next(csv.DictReader(file))["100 ms"]) > 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--solo", "Viola"], "Viola"),
        ([], "-o mix.wav"),
        (["-o", "mix.mp3"], "one file .wav"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], said: str, duo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--scheduled", "x.csv"] if "--solo" in words else []
    assert main(["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav"), *words, *more]) != 0
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
