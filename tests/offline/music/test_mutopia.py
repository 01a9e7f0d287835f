"""Scores of the Mutopia project: what their headers say, and, where LilyPond is installed, their notes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.app import main
from engine.core.errors import DeviceError
from offline.music.midi_file import write_midi
from offline.music.mutopia import convert_mutopia, find_scores, header, licence_of, lilypond_path
from offline.music.own_corpus import load_own
from offline.music.piece import from_grid
from offline.music.piece_sets import load_pieces

SCORE = """\\version "2.24.0"
\\header { title = "Study" mutopiainstrument = "Guitar" %s }
\\score { \\new Staff { \\time 3/4 \\tempo 4 = 90 c'4 e' g' c''2. } \\layout {} \\midi {} }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    licences = {"a": 'license = "Public Domain"', "b": 'copyright = "Creative Commons Attribution-ShareAlike 4.0"'}
    for name, line in (licences | {"c": 'copyright = "All rights reserved"'}).items():
        text = (
            SCORE.replace(" mutopia", "\n  mutopia")
            .replace(" %s", "\n  " + line + "\n")
            .replace("{ title", "{\n  title")
        )
        (tmp_path / f"{name}.ly").write_text(text)
    return tmp_path


def test_headers_say_the_licence(folder: Path) -> None:
    assert header((folder / "a.ly").read_text())["title"] == "Study"
    assert [path.stem for path, _, _ in find_scores(folder, ["pd"])] == ["a"]
    assert [path.stem for path, _, _ in find_scores(folder, ["pd", "by-sa"])] == ["a", "b"]
    assert licence_of({"license": "Creative Commons Attribution 3.0"}) == "by"
    assert licence_of({"copyright": "by the author"}) is None


def test_lilypond_gives_the_notes(folder: Path, tmp_path: Path) -> None:
    try:
        lilypond_path()
    except DeviceError as error:
        pytest.skip(str(error))
    assert convert_mutopia(folder, tmp_path / "out") == "1 pieces of 1 scores"
    piece = load_pieces(tmp_path / "out" / "guitar.npz")[0]
    assert piece.notes["pitch"].tolist() == [60, 64, 67, 72]
    assert piece.notes["onset"].tolist() == [0, 4, 8, 12]
    assert (piece.beats_per_bar, piece.beat_unit) == (3, 4)
    assert json.loads((tmp_path / "out" / "guitar.json").read_text())[0]["licence"] == "pd"


def test_a_folder_of_midi_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_midi(from_grid(np.repeat([[60], [62]], 4, axis=0).astype(np.int16)), tmp_path / "a.mid")
    (tmp_path / "b.mid").write_bytes(b"nonsense")
    assert main(["data", "midi", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert "1 pieces of 8 sixteenths" in capsys.readouterr().out
    assert load_own(tmp_path / "out" / "corpus.npz").pieces[0].piece.notes["pitch"].tolist() == [60, 62]
    assert main(["data", "midi", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert "expected midi files, got none" in capsys.readouterr().err
