"""Which instrument plays a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.score.instruments import PIANO, program_of_name
from engine.score.parts import PartNotes
from engine.score.readers import list_parts

NAMES = {
    "Violin I": 40, "Violini II": 40, "Vl.": 40, "Geige": 40, "Violons": 40,
    "Viola": 41, "Bratsche": 41, "Viola da gamba": 42, "Violoncello": 42, "Vc.": 42,
    "Kontrabass": 43, "Contrabbasso": 43, "Contrebasse": 43, "Double Bass": 43, "Bass": 52, "Bass Guitar": 33,
    "Clarinet in Bb 1": 71, "Clarinette en si♭": 71, "Klarinette in B": 71, "Bass Clarinet in B♭": 71,
    "Horn in F": 60, "2 Corni in Es": 60, "Corno inglese": 69, "Cor anglais": 69, "Englischhorn": 69,
    "Hautbois": 68, "Flöte": 73, "Flûte à bec": 74, "Blockflöte": 74, "Ottavino": 72, "Petite flûte": 72,
    "Tromba in C": 56, "Posaune": 57, "Bass Trombone": 57, "Pauken": 47, "Harpe": 46, "Clavecin": 6,
    "Pianoforte": PIANO, "Klavier": PIANO, "Soprano": 52, "Chœur": 52, "Alto Saxophone": 65, "Altsaxophon": 65,
    "Fg.": 70, "S": 52, "Organ": 19,
}  # fmt: skip
UNKNOWN = ["Solo", "Part_1", "", "Accompaniment", "Staff 3", "A little song"]


@pytest.mark.parametrize(("name", "program"), NAMES.items())
def test_names_of_four_languages(name: str, program: int) -> None:
    assert program_of_name(name) == program


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_names_are_a_piano(name: str) -> None:
    assert program_of_name(name) is None
    assert PartNotes(id="P1", name=name).instrument == PIANO


def test_the_file_comes_first_then_the_name_then_the_abbreviation() -> None:
    assert PartNotes(id="P1", name="Violin", abbreviation="Fl.", program=68).instrument == 68
    assert PartNotes(id="P1", name="Violin", abbreviation="Fl.").instrument == 40
    assert PartNotes(id="P1", name="Solo", abbreviation="Fl.").instrument == 73


@pytest.mark.parametrize(("told", "program"), [("69", 68), ("1", 0), ("128", 127), ("0", None), ("x", None)])
def test_the_program_of_musicxml(tmp_path: Path, told: str, program: int | None) -> None:
    path = tmp_path / "score.musicxml"
    path.write_text(
        '<score-partwise><part-list><score-part id="P1"><part-name>Oboe</part-name><score-instrument id="I1">'
        "<instrument-name>Oboe</instrument-name></score-instrument>"
        f'<midi-instrument id="I1"><midi-program>{told}</midi-program></midi-instrument></score-part></part-list>'
        '<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes><note><pitch><step>A</step>'
        "<octave>4</octave></pitch><duration>4</duration></note></measure></part></score-partwise>"
    )
    assert list_parts(path)[0].program == program
