"""In which order bars are played: the same signs as sounds, as signs and as words, in any part."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import EngineWarning
from tests.engine.score.musicxml.writing import (
    FORWARD,
    REPEATED,
    attributes,
    backward,
    ending,
    musicxml,
    note,
    pairs,
    played_bars,
    read_text,
    rest,
    sound,
    words,
)

PLAIN = [note()] * 6
CODA = [1, 2, 3, 4, 5, 2, 3, 6]


def with_signs(signs: dict[int, str], n: int = 6) -> list[str]:
    """Bars of a whole note with signs: after the note, or before it where the text begins with <."""
    return [signs.get(-i, "") + note() + signs.get(i, "") for i in range(1, n + 1)]


AL_CODA = {
    "sounds in directions": {
        -2: words(sign="segno", segno="segno"),
        3: words("To Coda", tocoda="coda"),
        5: words("D.S. al Coda", dalsegno="segno"),
        -6: words(sign="coda", coda="coda"),
    },
    "sounds at the level of the bar": {
        -2: sound(segno="1"),
        3: sound(tocoda="1"),
        5: sound(dalsegno="1"),
        -6: sound(coda="1"),
    },
    "labels that do not agree": {
        -2: words(sign="segno", segno="a"),
        3: words("To Coda", tocoda="b"),
        5: words("D.S. al Coda", dalsegno="c"),
        -6: words(sign="coda", coda="d"),
    },
    "signs and words without sounds": {
        -2: words(sign="segno"),
        3: words("To Coda", sign="coda"),
        5: words("D.S. al Coda"),
        -6: words(sign="coda"),
    },
    "signs alone: the first coda sign is To Coda": {
        -2: words(sign="segno"),
        3: words(sign="coda"),
        5: words("Dal Segno al Coda"),
        -6: words(sign="coda"),
    },
    "words alone": {-2: words("Segno"), 3: words("al Coda"), 5: words("D. S.  AL  CODA"), -6: words("Coda")},
    "marks before the note of their bar": {
        -2: words(sign="segno", segno="x"),
        -3: words("To Coda", tocoda="x"),
        -5: words("D.S. al Coda", dalsegno="x"),
        -6: words("Coda", coda="x"),
    },
    "words in German": {
        -2: words(sign="segno"),
        3: words("zur Coda"),
        5: words("Vom Zeichen zur Coda"),
        -6: words("Coda"),
    },
    "words in Spanish": {
        -2: words(sign="segno"),
        3: words("a la Coda"),
        5: words("Desde el signo a la Coda"),
        -6: words("Coda"),
    },
    "no sign at the coda": {-2: words(sign="segno"), 3: words("To Coda"), 5: words("D.S. al Coda")},
}


@pytest.mark.parametrize("name", AL_CODA)
def test_dal_segno_al_coda(tmp_path: Path, name: str) -> None:
    assert played_bars(tmp_path, with_signs(AL_CODA[name])) == CODA


@pytest.mark.parametrize("name", AL_CODA)
def test_signs_may_be_spread_over_the_parts(tmp_path: Path, name: str) -> None:
    signs = AL_CODA[name]
    upper = with_signs({bar: text for bar, text in signs.items() if bar in (-2, 3, -3)})
    lower = with_signs({bar: text for bar, text in signs.items() if bar not in (-2, 3, -3)})
    score = read_text(tmp_path, musicxml(PLAIN, upper, lower))
    assert score.bar_number.tolist() == CODA
    assert len(score.note_quarter) == 3 * len(CODA)


AL_FINE = {
    "sounds": {2: words("Fine", fine="yes"), 4: words("D.C. al Fine", dacapo="yes")},
    "words": {2: words("Fine"), 4: words("D.C. al Fine")},
    "capital words with blanks": {2: words(" FINE. "), 4: words("Da  Capo  al  fine")},
    "words in two directions": {2: words("Fine"), 4: words("D.C.") + words("al Fine")},
    "words of one, sound of another": {2: words("Fine") + sound(fine="yes"), 4: words("D.C.") + sound(dacapo="yes")},
    "French": {2: words("Fin"), 4: words("du début à la fin")},
    "German": {2: words("Ende"), 4: words("von vorne bis Ende")},
    "Fine at the beginning of its bar": {-2: words("Fine", fine="yes"), 4: words("D.C. al Fine", dacapo="yes")},
}


@pytest.mark.parametrize("name", AL_FINE)
def test_da_capo_al_fine(tmp_path: Path, name: str) -> None:
    assert played_bars(tmp_path, with_signs(AL_FINE[name], 4)) == [1, 2, 3, 4, 1, 2]


@pytest.mark.parametrize("text", ["D C G", "Capo 3", "senza D.C.", "Allegro", "Finely", "codas of the trio are longer"])
def test_other_words_mean_nothing(tmp_path: Path, text: str) -> None:
    assert played_bars(tmp_path, with_signs({2: words(text)}, 3)) == [1, 2, 3]


MINUET = {2: backward(), -3: FORWARD, 4: words("D.C.", dacapo="yes") + backward()}


def test_repeats_after_a_da_capo_only_where_asked(tmp_path: Path) -> None:
    bars = with_signs(MINUET, 4)
    once = [1, 2, 1, 2, 3, 4, 3, 4]
    assert played_bars(tmp_path, bars) == [*once, 1, 2, 3, 4]
    assert played_bars(tmp_path, bars, repeats_after_jump=True) == [*once, *once]
    said = with_signs(MINUET | {4: words("D.C. con repetizione", dacapo="yes") + backward()}, 4)
    assert played_bars(tmp_path, said) == [*once, *once]


FINAL = '<barline location="right"><bar-style>light-heavy</bar-style></barline>'
MENUET = [note() + backward(), FORWARD + note() + backward()]
TRIO = [words("Trio") + FORWARD + note() + backward(), note() + words("Menuetto D.C.")]


def test_a_da_capo_after_a_trio_ends_before_it(tmp_path: Path) -> None:
    assert played_bars(tmp_path, MENUET + TRIO) == [1, 1, 2, 2, 3, 3, 4, 1, 2]
    late = FORWARD + note("C4", 1) + words("Trio") + note("C4", 3) + backward()
    score = read_text(tmp_path, musicxml([*MENUET, late, note() + words("Menuetto D.C.")]))
    assert score.end_quarter == pytest.approx(4 * 9)


@pytest.mark.parametrize("text", ["M.D.C.", "Menuetto da capo senza Ritornello.", "Scherzo D. C."])
def test_a_da_capo_that_names_its_dance_has_a_trio(tmp_path: Path, text: str) -> None:
    trio = [FORWARD + note() + backward(), FORWARD + note() + words(text), note() + backward()]
    assert played_bars(tmp_path, MENUET + trio) == [1, 1, 2, 2, 3, 3, 4, 5, 4, 5, 1, 2]


def test_a_second_trio_follows_the_first_da_capo(tmp_path: Path) -> None:
    second = [words("Trio II") + note(), note() + words("D.C.", dacapo="yes")]
    assert played_bars(tmp_path, MENUET + TRIO + second) == [1, 1, 2, 2, 3, 3, 4, 1, 2, 5, 6, 1, 2]


def test_a_da_capo_stays_in_its_movement(tmp_path: Path) -> None:
    """A movement before and one after; Fine has a final barline too, but begins nothing."""
    dance = [note(), note() + words("Fine", fine="yes") + FINAL, note() + words("D.C. al Fine", dacapo="yes") + FINAL]
    bars = [note(), note() + FINAL, *dance, note(), note()]
    assert played_bars(tmp_path, bars) == [1, 2, 3, 4, 5, 3, 4, 6, 7]
    numbers = [f'number="{n}"' for n in (1, 2, 1, 2, 3, 1, 2)]
    anew = [bar.replace(FINAL, "") for bar in bars]
    score = read_text(tmp_path, musicxml(anew, numbers=numbers))
    assert score.bar_place.tolist() == [0, 1, 2, 3, 4, 2, 3, 5, 6]


def test_a_coda_after_a_final_barline_is_no_movement(tmp_path: Path) -> None:
    signs = {
        1: words("To Coda", tocoda="x"),
        3: words("D.C. al Coda", dacapo="yes") + FINAL,
        -4: words("Coda", coda="x"),
    }
    assert played_bars(tmp_path, with_signs(signs, 4)) == [1, 2, 3, 1, 4]


def test_words_alone_are_said_and_sounds_are_not(tmp_path: Path) -> None:
    with pytest.warns(EngineWarning, match=r"piece\.musicxml: read from words or signs alone: Fine \(bar 2\)"):
        said = read_text(tmp_path, musicxml(with_signs(AL_FINE["words"], 4))).notices
    assert said[0] == "read from words or signs alone: Fine (bar 2), D.C. al Fine (bar 4)"
    sure = read_text(tmp_path, musicxml(with_signs(AL_FINE["sounds"], 4))).notices
    assert not [line for line in sure if "alone" in line]


ENDINGS = {
    "plain": [
        note(),
        ending("1", "start") + note() + ending("1", "stop", repeat=REPEATED),
        ending("2", "start") + note(),
    ],
    "with points": [
        note(),
        ending("1.", "start") + note() + ending("1.", "stop", repeat=REPEATED),
        ending("2.", "start") + note() + ending("2.", "discontinue"),
    ],
    "without stops": [note(), ending("1", "start") + note() + backward(), ending("2", "start") + note()],
    "without numbers": [note(), ending("", "start") + note() + backward(), ending("", "start") + note()],
    "without a repeat sign": [
        note(),
        ending("1", "start") + note() + ending("1", "stop"),
        ending("2", "start") + note(),
    ],
    "a first ending that only stops": [
        note(),
        note() + ending("", "stop", repeat=REPEATED),
        ending("2", "start") + note() + ending("2", "discontinue"),
    ],
    "begun at the barline before": [
        note() + ending("1", "start", "right"),
        note() + ending("1", "stop", repeat=REPEATED) + ending("2", "start", "right"),
        note(),
    ],
}


@pytest.mark.parametrize("name", ENDINGS)
def test_endings_in_every_form(tmp_path: Path, name: str) -> None:
    assert played_bars(tmp_path, [*ENDINGS[name], note()]) == [1, 2, 1, 3, 4]


@pytest.mark.parametrize("number", ["1, 2", "1,2", "1-2", "1.-2.", "1. 2."])
def test_an_ending_for_several_passes(tmp_path: Path, number: str) -> None:
    first = ending(number, "start") + note() + ending(number, "stop", repeat=REPEATED)
    assert played_bars(tmp_path, [note(), first, ending("3", "start") + note()]) == [1, 2, 1, 2, 1, 3]


def test_nested_repeats_and_times(tmp_path: Path) -> None:
    bars = [FORWARD + note(), FORWARD + note() + backward(times=3), note() + backward(), note()]
    assert played_bars(tmp_path, bars) == [1, 2, 2, 2, 3, 1, 2, 2, 2, 3, 4]


def test_a_forward_sign_of_a_sound_counts(tmp_path: Path) -> None:
    assert played_bars(tmp_path, [note(), sound(forward_repeat="yes") + note(), note() + backward()]) == [1, 2, 3, 2, 3]


def test_a_barline_without_location_stands_where_it_is_written(tmp_path: Path) -> None:
    sign = '<barline><repeat direction="{}"/></barline>'
    bars = [note(), sign.format("forward") + note(), note() + sign.format("backward"), note()]
    assert played_bars(tmp_path, bars) == [1, 2, 3, 2, 3, 4]


def test_a_repeat_sign_inside_a_bar_divides_it(tmp_path: Path) -> None:
    middle = '<barline location="middle"><repeat direction="backward"/></barline>'
    score = read_text(tmp_path, musicxml([note("C4", 2) + middle + note("D4", 2), note("E4")]))
    assert pairs(score) == [(0, 60), (2, 60), (4, 62), (6, 64)]
    assert score.bar_number.tolist() == [1, 1, 2]
    assert score.bar_place.tolist() == [0, 0, 2]


def test_fine_inside_a_bar_ends_there_if_a_sound_says_so(tmp_path: Path) -> None:
    fine = note("D4", 3) + words("Fine", fine="yes") + note("E4", 1)
    score = read_text(tmp_path, musicxml([note(), fine, note() + sound(dacapo="yes")]))
    assert score.end_quarter == pytest.approx(12 + 4 + 3)
    word = note("D4", 3) + words("Fine") + note("E4", 1)
    score = read_text(tmp_path, musicxml([note(), word, note() + words("D.C. al Fine")]))
    assert score.end_quarter == pytest.approx(12 + 8)


def test_fine_before_an_upbeat_ends_there(tmp_path: Path) -> None:
    """A piece with an upbeat of a quarter: its bar of Fine has three quarters, and the trio's upbeat follows in it."""
    fine = note("D4", 3) + words("Fine") + note("E4", 1)
    bars = [note("G4", 1), note(), fine, note("A4", 3) + words("D.C. al Fine")]
    numbers = ['number="0" implicit="yes"', 'number="1"', 'number="2"', 'number="3"']
    score = read_text(tmp_path, musicxml(bars, numbers=numbers))
    assert pairs(score)[-3:] == [(12, 67), (13, 60), (17, 62)]
    assert score.bar_number.tolist() == [0, 1, 2, 3, 0, 1, 2]


def test_uncounted_bars_keep_the_number_they_belong_to(tmp_path: Path) -> None:
    numbers = ['number="0" implicit="yes"', 'number="1"', 'number="X1" implicit="yes"', 'number="2"', 'number="2a"']
    bars = [note("C4", 1), note("D4", 3) + backward(), note("E4", 1), note(), note()]
    score = read_text(tmp_path, musicxml(bars, numbers=numbers))
    assert score.bar_number.tolist() == [0, 1, 0, 1, 1, 2, 2]
    assert score.bar_quarter.tolist() == [0, 1, 4, 5, 8, 9, 13]
    assert score.bar_place.tolist() == [0, 1, 0, 1, 2, 3, 4]


def test_bars_without_numbers_are_counted(tmp_path: Path) -> None:
    score = read_text(tmp_path, musicxml([note()] * 3, numbers=["", 'number="x"', ""]))
    assert score.bar_number.tolist() == [1, 2, 3]


def test_a_bar_is_as_long_as_its_longest_part(tmp_path: Path) -> None:
    """An incomplete bar in one part, an empty one in all, a rest over a bar that says four quarters in 3/4."""
    upper = [note("C5", 2), "", note("C5", 3), note("C5", 3)]
    lower = [note("C3", 3), "", rest(4, ' measure="yes"'), note("C3", 3)]
    score = read_text(tmp_path, musicxml(upper, lower, first=attributes(beats=3)))
    assert score.bar_quarter.tolist() == [0, 3, 6, 9]
    assert pairs(score) == [(0, 48), (0, 72), (6, 72), (9, 48), (9, 72)]


def test_the_tempo_is_that_of_the_place_as_played(tmp_path: Path) -> None:
    bars = [sound(tempo=60) + note() + backward(), sound(tempo=120) + note() + sound(dacapo="yes")]
    score = read_text(tmp_path, musicxml(bars))
    assert score.seconds([0, 4, 8, 12, 16, 20]).tolist() == [0, 4, 8, 10, 14, 16]
