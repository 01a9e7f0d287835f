"""What sounds: pitch, ties, cues, tempo, drums."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import ScoreError
from tests.engine.score.musicxml.writing import (
    attributes,
    backup,
    backward,
    ending,
    musicxml,
    note,
    pairs,
    read_text,
    rest,
    sound,
    words,
)


def transposed(inside: str, number: str = "") -> str:
    staff = f' number="{number}"' if number else ""
    return f"<transpose{staff}>{inside}</transpose>"


BFLAT = "<diatonic>-1</diatonic><chromatic>-2</chromatic>"


@pytest.mark.parametrize(
    ("inside", "sounding"),
    [
        (BFLAT, [58]),
        ("<chromatic>-7</chromatic>", [53]),
        ("<diatonic>0</diatonic><chromatic>0</chromatic><octave-change>-1</octave-change>", [48]),
        ("<diatonic>-1</diatonic><chromatic>-2</chromatic><octave-change>-1</octave-change>", [46]),
        ("<diatonic>-5</diatonic>", [51]),
        ("<diatonic>2</diatonic>", [64]),
        ("<chromatic>0</chromatic><double/>", [48, 60]),
        ('<chromatic>2</chromatic><double above="yes"/>', [62, 74]),
    ],
)
def test_instruments_sound_at_their_pitch(tmp_path: Path, inside: str, sounding: list[int]) -> None:
    score = read_text(tmp_path, musicxml([note()], first=attributes(transposed(inside))))
    assert score.note_pitch.tolist() == sounding


def test_a_change_of_instrument_holds_from_there_on(tmp_path: Path) -> None:
    change = f"<attributes>{transposed('<chromatic>0</chromatic>')}</attributes>"
    bars = [note(), note("C4", 2) + change + note("C4", 2), note() + backward()]
    score = read_text(tmp_path, musicxml(bars, first=attributes(transposed(BFLAT))))
    assert score.note_pitch.tolist() == [58, 58, 60, 60] * 2


def test_each_staff_has_its_own_transposition(tmp_path: Path) -> None:
    both = transposed("<chromatic>-2</chromatic>", "1") + transposed("<chromatic>-7</chromatic>", "2")
    bar = note("C5", 4, "<staff>1</staff>") + backup(4) + note("C4", 4, "<staff>2</staff>")
    assert read_text(tmp_path, musicxml([bar], first=attributes(both))).note_pitch.tolist() == [53, 70]


def test_an_octave_clef_changes_no_pitch(tmp_path: Path) -> None:
    clef = "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
    assert read_text(tmp_path, musicxml([note()], first=attributes(clef))).note_pitch.tolist() == [60]


def test_quarter_tones_and_signs_without_alter(tmp_path: Path) -> None:
    flat = note().replace("</step>", "</step><alter>-0.5</alter>")
    sharp = note("C4", 4, "<accidental>sharp</accidental>")
    assert read_text(tmp_path, musicxml([flat, sharp])).note_pitch.tolist() == [60, 61]


def test_cue_notes_take_time_but_are_anothers(tmp_path: Path) -> None:
    bars = [note("G5", 2, before="<cue/>") + note("C4", 2), note("D4", 4)]
    score = read_text(tmp_path, musicxml(bars))
    assert pairs(score) == [(0, 60), (2, 62)]
    assert score.bar_quarter.tolist() == [-2, 2]


def test_grace_notes_begin_with_their_note(tmp_path: Path) -> None:
    grace = "<note><grace/><pitch><step>B</step><octave>3</octave></pitch></note>"
    score = read_text(tmp_path, musicxml([note("C4", 2) + grace + note("D4", 2) + grace, note()]))
    assert pairs(score) == [(0, 60), (2, 59), (2, 62), (4, 59), (4, 60)]
    assert score.note_duration.tolist() == [2, 0, 2, 0, 4]


UNPITCHED = "<note><unpitched/><duration>16</duration></note>"


def test_drums_are_left_out_with_a_word(tmp_path: Path) -> None:
    score = read_text(tmp_path, musicxml([note()], [UNPITCHED], names=["Flute", "Drumset"]))
    assert score.note_pitch.tolist() == [60]
    assert "unpitched notes are left out: 1 of Drumset (P2)" in score.notices
    channel = "<midi-instrument><midi-channel>10</midi-channel></midi-instrument></score-part>"
    text = musicxml([note()], [note()]).replace("</score-part><part", "</score-part><part")
    head, middle, tail = text.rpartition("</score-part>")
    assert len(read_text(tmp_path, head + channel + tail).note_pitch) == 1 and middle


def test_drums_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"drums alone \(1 unpitched"):
        read_text(tmp_path, musicxml([UNPITCHED]))


START, STOP = '<tie type="start"/>', '<tie type="stop"/>'


def test_ties_join_what_is_joined_where_it_is_played(tmp_path: Path) -> None:
    """A tie over the barline, one that leaves a repeat, one into a second ending, and one that nothing meets."""
    bars = [
        note("C4", 4, START),
        note("C4", 2, STOP) + note("D4", 2, START),
        ending("1", "start") + note("D4", 4, STOP) + ending("1", "stop", repeat='<repeat direction="backward"/>'),
        ending("2", "start") + note("D4", 2, STOP) + note("E4", 2, START),
        note("F4", 4),
        note("G4", 4, STOP),
    ]
    score = read_text(tmp_path, musicxml(bars))
    assert pairs(score) == [(0, 60), (6, 62), (12, 60), (18, 62), (22, 64), (24, 65), (28, 67)]
    assert score.note_duration.tolist() == [6, 6, 6, 4, 2, 4, 4]


def test_a_tie_goes_on_in_another_voice_and_staff(tmp_path: Path) -> None:
    tied = note("C4", 4, f"{START}<voice>1</voice><staff>1</staff>")
    bars = [tied, rest() + backup(4) + note("C4", 4, f"{STOP}<voice>5</voice><staff>2</staff>")]
    assert read_text(tmp_path, musicxml(bars)).note_duration.tolist() == [8]


def test_every_note_has_the_id_of_its_print(tmp_path: Path) -> None:
    bars = [note("C4", 2, START) + note("C4", 2, STOP) + backward(), rest(2) + note("E4", 2)]
    score = read_text(tmp_path, musicxml(bars))
    assert score.note_id.tolist() == [0, 0, 3]


def test_a_simile_bar_repeats_the_bar_before(tmp_path: Path) -> None:
    simile = '<attributes><measure-style><measure-repeat type="{}">1</measure-repeat></measure-style></attributes>'
    bars = [note("C4", 3) + note("D4", 1), simile.format("start") + rest(), simile.format("stop") + note("E4")]
    assert pairs(read_text(tmp_path, musicxml(bars))) == [(0, 60), (3, 62), (4, 60), (7, 62), (8, 64)]


def metronome(inside: str) -> str:
    return f"<direction><direction-type><metronome>{inside}</metronome></direction-type></direction>"


def beat(unit: str, per_minute: str, dots: int = 0) -> str:
    dot = "<beat-unit-dot/>" * dots
    return metronome(f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{per_minute}</per-minute>")


@pytest.mark.parametrize(
    ("mark", "bpm"),
    [
        (beat("quarter", "72"), 72),
        (beat("half", "60"), 120),
        (beat("quarter", "50", 1), 75),
        (beat("eighth", "96"), 48),
        (beat("half", "40", 1), 120),
        (beat("quarter", "40", 2), 70),
        (beat("16th", "240"), 60),
        (beat("quarter", "c. 72"), 72),
        (beat("quarter", "ca.72"), 72),
        (beat("quarter", "72,5"), 72.5),
        (beat("quarter", "60-72"), 66),
        (beat("quarter", "= 63 "), 63),
        (sound(tempo="72,5"), 72.5),
        (words("Andante", tempo=80), 80),
        (words("x", tempo="") + beat("quarter", "66"), 66),
        (beat("quarter", "80").replace("</direction>", '<sound tempo="81"/></direction>'), 81),
    ],
)
def test_the_tempo_in_any_form(tmp_path: Path, mark: str, bpm: float) -> None:
    score = read_text(tmp_path, musicxml([mark + note()]))
    assert 60 / score.seconds(1.0) == pytest.approx(bpm)
    assert not [line for line in score.notices if "tempo" in line]


@pytest.mark.parametrize("mark", ["", beat("quarter", ""), beat("quarter", "fast"), words("Andante")])
def test_without_a_tempo_one_is_taken_and_said(tmp_path: Path, mark: str) -> None:
    score = read_text(tmp_path, musicxml([mark + note()]))
    assert 60 / score.seconds(1.0) == pytest.approx(110)
    assert score.notices == ("no tempo is told: read as 110 quarters a minute",)


def test_a_new_beat_as_long_as_the_old(tmp_path: Path) -> None:
    """A quarter before is a dotted quarter from here on."""
    equal = metronome("<beat-unit>quarter</beat-unit><beat-unit>quarter</beat-unit><beat-unit-dot/>")
    score = read_text(tmp_path, musicxml([sound(tempo=60) + note(), equal + note()]))
    assert score.seconds([4, 8]).tolist() == pytest.approx([4, 4 + 4 / 1.5])


@pytest.mark.parametrize(
    "broken",
    [
        "<note><pitch><step>H</step><octave>4</octave></pitch><duration>4</duration></note>",
        "<note><pitch><step>C</step></pitch><duration>4</duration></note>",
        "<note><pitch><step>C</step><octave>4</octave></pitch><duration>long</duration></note>",
        "<attributes><divisions>0</divisions></attributes>",
        "<attributes><divisions>1e9999</divisions></attributes>",
        "<note><pitch><step>C</step><octave>4</octave></pitch><duration>-4</duration></note>",
    ],
)
def test_what_is_no_music_is_refused_with_its_place(tmp_path: Path, broken: str) -> None:
    with pytest.raises(ScoreError, match="part P1, bar 2: expected") as error:
        read_text(tmp_path, musicxml([note(), broken]))
    assert "\n" not in str(error.value)
