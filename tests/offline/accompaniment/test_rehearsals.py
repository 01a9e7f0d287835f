"""Takes become a tempo curve by alignment; the curve is kept in a file, and the accompaniment expects its tempo."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.tempo_curve import expected_score
from engine.core.errors import ScoreError
from engine.score.score import Score, make_score
from offline.accompaniment.tempo_curves import read_tempo_curve, write_tempo_curve
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform

RATE = 22050
N = 24  # notes
SCALE, OTHER = [0, 2, 4, 5, 7, 5, 4, 2], [0, 6, 1, 10, 3, 8, 11, 4]
RUBATO = PerformConfig(tempo=0.8, arch=0.3, phrase=12.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0)
FEATURES = ("--features", "bands")
PLAYED_S = 0.04  # of a beat in a take, by `align`
LESS = 0.95  # share of the error that is left: in so short a piece a curve has little time to prove itself
ALIKE = 0.9  # correlation of the expected with the played tempo


def melody(shape: list[int], n: int = N) -> Score:
    rows = [(q, 1.0, 67 + shape[q % 8] + 2 * (q // 8), 80) for q in range(n)]
    return make_score("melody", rows, tempi=[(0, 100.0)])


def save(path: Path, solo: Score) -> None:
    """A MIDI file of the solo, and a bass that plays two notes to each of it."""
    song = mido.MidiFile()
    song.add_track().append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(100)))
    for name, pitches, ticks in (("Solo", solo.note_pitch, 480), ("Piano", [48, 55] * len(solo.note_pitch), 240)):
        track = song.add_track(name)
        for pitch in pitches:
            track.append(mido.Message("note_on", note=int(pitch)))
            track.append(mido.Message("note_off", note=int(pitch), time=ticks))
    song.save(path)


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a score, three takes of its solo, another piece, and the curve of the first two takes."""
    folder = tmp_path_factory.mktemp("rehearsed")
    save(folder / "score.mid", melody(SCALE))
    for name, score, tempo in (("a", SCALE, 0.8), ("b", SCALE, 1.0), ("c", SCALE, 0.9), ("other", OTHER, 1.0)):
        played = perform(melody(score), seed=1, config=replace(RUBATO, tempo=tempo))
        soundfile.write(folder / f"{name}.wav", additive(played, RATE), RATE)
    takes = [str(folder / name) for name in ("a.wav", "b.wav")]
    assert main(["rehearse", str(folder / "score.mid"), *takes, "-o", str(folder / "curve.csv"), *FEATURES]) == 0
    return folder


def test_the_curve_has_each_beat_of_each_take(piece: Path) -> None:
    with (piece / "curve.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["quarter", "expected_s", "a.wav", "b.wav"]
    assert [float(row[0]) for row in rows] == list(range(N + 1))
    for column, tempo in ((2, 0.8), (3, 1.0)):
        truth = perform(melody(SCALE), seed=1, config=replace(RUBATO, tempo=tempo)).audio_s
        at_s = np.array([float(row[column]) for row in rows[:N]])
        assert np.abs(at_s - truth).max() < PLAYED_S


def test_the_expected_tempo_is_theirs(piece: Path) -> None:
    solo = read_accompaniment(piece / "score.mid").solo
    expected = expected_score(solo, read_tempo_curve(piece / "curve.csv", solo))
    truth = perform(melody(SCALE), seed=1, config=RUBATO).audio_s
    steps_s = np.diff(expected.seconds(np.arange(N)))
    assert np.corrcoef(steps_s, np.diff(truth))[0, 1] > ALIKE
    assert np.diff(truth).min() / (1.0 / 0.8) < np.median(steps_s) < np.diff(truth).max()


def test_a_curve_is_read_as_it_was_written_and_takes_join_it(piece: Path, tmp_path: Path) -> None:
    solo = read_accompaniment(piece / "score.mid").solo
    curve = read_tempo_curve(piece / "curve.csv", solo)
    write_tempo_curve(tmp_path / "again.csv", solo, curve)
    again = read_tempo_curve(tmp_path / "again.csv", solo)
    assert [take.name for take in again.takes] == [take.name for take in curve.takes]
    for one, other in zip(again.takes, curve.takes, strict=True):
        np.testing.assert_array_equal(one.at_s, other.at_s)
    words = [str(piece / "score.mid"), str(piece / "curve.csv"), str(piece / "c.wav"), "-o", str(tmp_path / "more.csv")]
    assert main(["rehearse", *words, *FEATURES]) == 0
    more = read_tempo_curve(tmp_path / "more.csv", solo)
    assert [take.name for take in more.takes] == ["a.wav", "b.wav", "c.wav"]


def test_a_take_of_another_piece_is_left_out_with_a_word(
    piece: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes = [str(piece / "curve.csv"), str(piece / "other.wav")]
    assert main(["rehearse", str(piece / "score.mid"), *takes, "-o", str(tmp_path / "x.csv"), *FEATURES]) == 0
    assert "other.wav: expected music of score" in capsys.readouterr().err
    solo = read_accompaniment(piece / "score.mid").solo
    assert len(read_tempo_curve(tmp_path / "x.csv", solo).takes) == 2


def test_takes_that_are_nothing_of_the_piece_are_an_error(
    piece: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    words = ["rehearse", str(piece / "score.mid"), str(tmp_path / "silence.wav"), "-o", str(tmp_path / "x.csv")]
    assert main([*words, *FEATURES]) != 0
    assert "silence.wav: expected music of score" in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "nothing"),
        ("quarter,expected_s\n0,0,0\n", "quarter, expected_s"),
        ("time,value\n1,2\n", "time, value"),
        ("quarter,expected_s\n0,x\n", "x"),
        ("quarter,expected_s,a\n0,0,0\n1,1,1\n", "2 beats"),
        ("quarter,expected_s,a\n0,0\n", ""),
    ],
)
def test_what_is_no_curve_of_the_score_is_refused(piece: Path, tmp_path: Path, text: str, got: str) -> None:
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(ScoreError, match=r"tempo curve") as error:
        read_tempo_curve(tmp_path / "curve.csv", read_accompaniment(piece / "score.mid").solo)
    assert got in error.value.got


def test_the_accompaniment_expects_the_tempo(piece: Path, tmp_path: Path) -> None:
    """The bass between the beats comes nearer to the soloist whose rubato was rehearsed."""
    truth = perform(melody(SCALE), seed=1, config=replace(RUBATO, tempo=0.9)).audio_s
    between = {q + 0.5: (truth[q] + truth[q + 1]) / 2 for q in range(6, N - 1)}
    late_s = {}
    for name, more in (("without", []), ("with", ["--rehearsals", str(piece / "curve.csv")])):
        table = tmp_path / f"{name}.csv"
        words = ["accompany", str(piece / "score.mid"), "--input", str(piece / "c.wav"), *FEATURES, *more]
        assert main([*words, "--scheduled", str(table)]) == 0
        with table.open() as file:
            played = {float(row["quarter"]): float(row["audio_s"]) for row in csv.DictReader(file)}
        late_s[name] = np.mean([abs(played[q] - at_s) for q, at_s in between.items()])
    assert late_s["with"] < LESS * late_s["without"]
