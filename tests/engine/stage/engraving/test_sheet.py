"""What the stage knows of a score before it is engraved, and the font of notes in text."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import pytest

from engine.core.errors import ScoreError
from engine.stage.engraving.font import music_font
from engine.stage.engraving.sheet import read_sheet
from engine.stage.server.routes import static_files
from offline.synthesis.demo_piece import write_musicxml
from tests.engine.score.musicxml.writing import musicxml, note, rest
from tests.optional import optional


def test_a_score_to_engrave(tmp_path: Path) -> None:
    write_musicxml(tmp_path / "minuet.musicxml")
    sheet = read_sheet(tmp_path / "minuet.musicxml")
    told = json.loads(json.dumps(sheet.json()))
    assert (told["title"], told["kind"], told["roll"]) == ("Minuet in G (Petzold)", "pages", None)
    assert told["parts"] == [
        {"name": "Right hand", "n_notes": 192, "solo": True},
        {"name": "Left hand", "n_notes": 110, "solo": True},
    ]
    assert told["bars"][:2] == [[0, 1, 0], [3, 2, 1]]
    assert [number for _, number, _ in told["bars"][14:18]] == [15, 16, 1, 2]
    assert told["end_quarter"] == sheet.score.end_quarter == told["tempo"][-1][0]
    assert told["onsets"] == sheet.score.onset_quarter.tolist()
    assert sheet.whole is sheet.score


def test_a_part_of_a_score(tmp_path: Path) -> None:
    path = tmp_path / "duo.musicxml"
    path.write_text(musicxml([rest(4), note("C5")], [note("C3"), note("D3")], names=["Flute", "Piano"]))
    sheet = read_sheet(path, ["Flute"])
    assert sheet.parts == (("Flute", 1, True), ("Piano", 2, False))
    assert (sheet.score.onset_quarter.tolist(), sheet.whole.onset_quarter.tolist()) == ([4], [0, 4])
    assert sheet.json()["onsets"] == [0, 4]


def test_midi_is_a_roll_of_all_parts(tmp_path: Path) -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    for name, pitch in (("Solo", 72), ("Bass", 48)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        for time, kind in ((480, "note_on"), (240, "note_off")):
            track.append(mido.Message(kind, note=pitch, time=time))
        file.tracks.append(track)
    file.save(tmp_path / "two.mid")
    told = read_sheet(tmp_path / "two.mid").json()
    assert told["kind"] == "roll"
    assert told["roll"] == [[0, 0.5, 48, 1], [0, 0.5, 72, 0]]
    assert [part["solo"] for part in told["parts"]] == [True, False]
    assert told["bars"] == [[-1, 1, 1]]


def test_what_is_no_score_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.musicxml").write_text("<html/>")
    with pytest.raises(ScoreError):
        read_sheet(tmp_path / "a.musicxml")


def test_the_music_font_is_served() -> None:
    optional("verovio")
    assert music_font().startswith(b"wOF2")
    assert static_files()["leipzig.woff2"] == (music_font(), "font/woff2")
