"""Tones that swell: onsets are told earlier by what the score's instruments are detected late."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.score.attack import attack_s
from engine.score.readers import read_score
from engine.score.score import Score, make_score
from tests.engine.following.play import RATE, follow, scale, sound

PIANO, ORGAN, VIOLIN = 0, 19, 40


def played_by(*programs: int) -> Score:
    rows = np.stack([scale().note_quarter, scale().note_duration, scale().note_pitch, scale().note_velocity], axis=1)
    return make_score("scale", rows, tempi=[(0.0, 100.0)], programs=programs)


def test_the_quickest_instrument_decides() -> None:
    assert 0 < attack_s(played_by(VIOLIN)) < attack_s(played_by(ORGAN)) < 0.05
    assert attack_s(played_by(ORGAN, VIOLIN)) == attack_s(played_by(VIOLIN))
    assert attack_s(played_by(PIANO, VIOLIN)) == attack_s(played_by()) == 0


def test_every_position_is_as_much_earlier() -> None:
    audio, _ = sound(scale())
    struck, swelling = follow(audio, played_by(PIANO)), follow(audio, played_by(ORGAN))
    shift = round(attack_s(played_by(ORGAN)) * RATE)
    told = [(event.at - shift, event.quarter) for event in struck if event.at >= shift]
    assert len(told) > len(struck) / 2 and told == [(event.at, event.quarter) for event in swelling[: len(told)]]


@pytest.mark.parametrize(("name", "slow"), [("Violin", True), ("Klavier", False), ("Melody", False)])
def test_the_name_of_a_part_tells(name: str, slow: bool, tmp_path: Path) -> None:
    path = tmp_path / "score.musicxml"
    path.write_text(
        f"""<score-partwise><part-list><score-part id="P1"><part-name>{name}</part-name></score-part></part-list>
        <part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>
        <note><pitch><step>A</step><octave>4</octave></pitch><duration>4</duration></note></measure></part>
        </score-partwise>"""
    )
    assert (attack_s(read_score(path)) > 0) == slow
