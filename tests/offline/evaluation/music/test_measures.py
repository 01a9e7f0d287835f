"""The measures of music and sound, on what they must tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.evaluation.music.distance_overlap import distance_overlap
from offline.evaluation.music.excerpts import excerpts_of
from offline.evaluation.music.floors import CorpusValues, floors_table, measure_system, write_csv, write_floors
from offline.evaluation.music.note_measures import NOTE_MEASURES, measure_notes
from offline.evaluation.music.sound_measures import SOUND_MEASURES, measure_sound
from offline.generation.cards import card_of, floor_of
from offline.music.piece import Piece, from_grid, make_notes

RATE = 8000


def grid(*lines: list[int], held: int = 4) -> Piece:
    return from_grid(np.repeat(np.array(lines, np.int16).T, held, axis=0))


def test_every_measure_of_a_melody() -> None:
    frames = np.repeat(np.array([[60, 62, 64, 64] * 2], np.int16).T, 4, axis=0)
    found = measure_notes(from_grid(frames, np.tile([[True], [False], [False], [False]], (8, 1))))
    assert found["notes"] == 4
    assert found["polyphony"] == 1
    assert found["range"] == 4
    assert found["scale"] == 1
    assert found["entropy"] == pytest.approx(1.5)
    assert found["same bars"] == 1
    assert found["same notes"] == pytest.approx(2 / 7)
    assert found["leaps"] == pytest.approx((2 + 2 + 4 + 2 + 2) / 5)
    assert found["silence"] == 0


def test_silence_and_chords() -> None:
    piece = Piece(notes=make_notes([(0, 8, 60, 0), (0, 4, 64, 0)]), n_steps=16)
    found = measure_notes(piece)
    assert (found["silence"], found["polyphony"]) == (0.5, 1.5)
    nothing = measure_notes(Piece(notes=make_notes([]), n_steps=16))
    assert nothing["silence"] == 1 and sum(nothing.values()) == 1


def test_overlap_is_whole_for_the_same_and_nothing_for_another() -> None:
    rng = np.random.default_rng(0)
    corpus = rng.normal(10, 1, 200)
    assert distance_overlap(rng.normal(10, 1, 100), corpus, 0.01) > 0.9
    assert distance_overlap(np.full(8, 30.0), corpus, 0.01) < 0.01
    shares = [distance_overlap(rng.normal(10 + far, 1, 100), corpus, 0.01) for far in (0, 1, 2, 4)]
    assert shares == sorted(shares, reverse=True)
    assert distance_overlap(np.zeros(8), np.zeros(50), 0.01) == pytest.approx(1)


def test_excerpts_are_of_equal_length_and_of_one_metre() -> None:
    long = [grid([60 + i] * 20) for i in range(20)]
    assert {piece.n_steps for piece in excerpts_of(long, 16)} == {64} and len(excerpts_of(long, 16)) == 20
    short = [grid([60 + i] * 6) for i in range(9)]
    joined = excerpts_of(short, 16)
    assert [piece.n_steps for piece in joined] == [64] * 3
    assert all((p.notes["onset"] + p.notes["duration"]).max() <= 64 for p in joined)


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * hertz * t) * np.minimum(1, np.minimum(t, seconds - t) / 0.02)


def test_sound_measures_tell_noise_clicks_and_drones() -> None:
    rng = np.random.default_rng(0)
    line = np.concatenate([tone(hertz, 0.2) for hertz in (220, 277, 330, 440, 330)])
    music, noise = measure_sound(line, RATE), measure_sound(0.1 * rng.standard_normal(RATE), RATE)
    assert noise["flatness"] > -6 and music["flatness"] < -30
    clicked = tone(220)
    clicked[4000] += 0.9
    assert measure_sound(clicked, RATE)["clicks"] > measure_sound(tone(220), RATE)["clicks"] + 20
    cut = measure_sound(tone(220)[: RATE // 2 + 9], RATE)  # its end is a click
    assert cut["clicks"] > measure_sound(tone(220), RATE)["clicks"] + 6
    assert measure_sound(tone(220), RATE)["change"] < music["change"]
    assert measure_sound(np.zeros(RATE), RATE)["silence"] == 1
    assert set(music) == {one.name for one in SOUND_MEASURES}


def test_floors_are_written_onto_the_card_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    reference = CorpusValues(train=rng.random((30, len(NOTE_MEASURES))), valid=rng.random((12, len(NOTE_MEASURES))))
    floors = measure_system("Markov", reference, range(2), bars=2)
    assert not floors.reached and "below 0.6" in floors_table([floors])
    (tmp_path / "Markov.toml").write_text('licence = "MIT"\n\n[floors."Markov"]\nold = 1\n\n[network]\nn = 1\n')
    write_floors([floors], [0], tmp_path)
    monkeypatch.setattr("offline.generation.cards.FOLDER", tmp_path)
    card = card_of("Markov")
    assert card["network"] == {"n": 1} and set(card["floors"]["Markov"]) == {one.name for one in NOTE_MEASURES}
    assert floor_of("Markov", "Markov") == min(card["floors"]["Markov"].items(), key=lambda pair: pair[1])
    write_csv(tmp_path / "x.csv", [floors])
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1 + len(NOTE_MEASURES)
