"""Hard takes: always the same, their halves apart, in time with their truth, and what each situation promises."""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import AudioFileError, ConfigError
from engine.score.readers import read_score
from offline.datasets.corpus_scores import split_of
from offline.datasets.hard_pieces import PieceShelf
from offline.datasets.hard_plans import HardPlan
from offline.datasets.hard_set import HardJob, hard_names, read_manifest
from offline.datasets.hard_situations import N_TAKES, SITUATIONS, situation_plan
from offline.datasets.hard_takes import HardTake, make_take, write_hard_take
from offline.music.piece import Piece, make_notes
from offline.music.piece_sets import save_pieces
from offline.synthesis.instruments import INSTRUMENTS, render_tones
from offline.synthesis.pianist import Played
from offline.synthesis.recording_faults import clip_hard, noisy, telephone, with_hall
from tests.cli.files import collaparte
from tests.offline.datasets.test_performances import needs_sound

RATE = 44100
TUNE = ["M:4/4", "K:D", *["D", "F", "A", "d", "f", "d", "A", "F", "G", "B", "d", "g", "b", "g", "d", "B"] * 8]


def chorale(number: int) -> Piece:
    """Four voices of fourteen bars, no two chorales alike."""
    rng = np.random.default_rng(number)
    rows = [(4 * i, 4, int(low + rng.integers(0, 8)), v) for v, low in enumerate((67, 60, 53, 43)) for i in range(56)]
    return Piece(notes=make_notes(rows), n_steps=224)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    save_pieces(folder / "chorales.npz", [chorale(i) for i in range(3)])
    (folder / "tunes.json").write_text(str([TUNE]).replace("'", '"'), encoding="utf8")
    return folder


def plan(music: Path, situation: str, number: int = 0, half: str = "tuning") -> HardPlan:
    rng = np.random.default_rng(zlib.crc32(f"{situation}{number}{half}".encode()))
    return situation_plan(situation, number, PieceShelf.open(music, half), rng)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.slow
def test_every_situation_can_be_planned_for_every_take(music: Path, situation: str) -> None:
    for half in ("tuning", "judging"):
        for number in range(N_TAKES):
            made = plan(music, situation, number, half)
            assert set(made.band) <= set(made.piece.parts) and set(made.band.values()) <= set(INSTRUMENTS)
            assert all(0 <= span.first < span.last <= made.piece.end for span in made.spans)


def test_halves_share_no_piece(music: Path) -> None:
    some = ("clean", "one_hand", "long_rest", "violin", "organ")
    names = {half: {plan(music, s, 0, half).piece.name for s in some} for half in ("tuning", "judging")}
    assert not names["tuning"] & names["judging"]
    hand = PieceShelf.open(music, "judging").piece("hands", 2)
    assert split_of(hand.name) == "test"


def test_plans_say_what_they_are(music: Path) -> None:
    assert plan(music, "concert_pitch", 0).cents == pytest.approx(1200 * np.log2(415 / 440))
    assert plan(music, "transposed", 1).semitones == -2
    assert len(plan(music, "one_hand").band) == 1 and len(plan(music, "one_hand").score.parts) == 2
    loud = plan(music, "loud_accompaniment", 1)
    assert len(loud.score.parts) == 1 and len(loud.band) == 4
    assert [s.kind for s in plan(music, "long_rest").spans] == ["playing", "rest", "playing"]
    assert sum(s.disruption == "bar again" for s in plan(music, "bar_practised").spans) == 4
    left_out = plan(music, "repeat_left_out")
    assert left_out.score.repeat is not None and left_out.piece.n_bars == 3 * left_out.score.n_bars // 2
    assert plan(music, "phone").sample_rate == 8000


def take(music: Path, situation: str, number: int = 0) -> HardTake:
    from_system = pytest.importorskip("offline.synthesis.fluidsynth").installed_soundfonts()
    return make_take(plan(music, situation, number), np.random.default_rng(3), from_system)


@needs_sound
def test_truth_lies_on_the_score_and_in_time(music: Path, tmp_path: Path) -> None:
    made, again = take(music, "repeat_left_out"), take(music, "repeat_left_out")
    assert np.array_equal(made.audio, again.audio) and made.truth == again.truth
    write_hard_take(tmp_path, made)
    onsets = read_score(tmp_path / "score.musicxml").onset_quarter
    with (tmp_path / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(np.abs(onsets - float(row["quarter"])).min() < 1e-3 for row in rows)
    times = [float(row["audio_s"]) for row in rows]
    assert times == sorted(times) and times[-1] < len(made.audio) / RATE
    assert {int(row["segment"]) for row in rows} == set(range(len(made.segments)))


@needs_sound
def test_the_manifest_lists_what_was_made(music: Path, tmp_path: Path) -> None:
    words = ("--data", music, "--situations", "another_piece", "--n", "1")
    assert collaparte("data", "hard", "-o", tmp_path, *words).status == 0
    made = read_manifest(tmp_path)
    assert [row.half for row in made] == ["tuning", "judging"]
    job = HardJob(music=music, soundfonts=(), situations=("another_piece",), n_takes=1)
    assert hard_names(job) == [row.take for row in made]
    assert (tmp_path / made[0].take / "truth.csv").read_text().split() == ["quarter,audio_s,segment"]


def test_missing_music_and_takes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data music21"):
        PieceShelf.open(tmp_path, "tuning")
    with pytest.raises(AudioFileError, match="data hard"):
        read_manifest(tmp_path)


def one_note(seconds: float) -> Played:
    ones = np.ones(1, np.int64)
    return Played(
        start_s=np.array([0.5]), end_s=np.array([0.5 + seconds]), pitch=69 * ones, velocity=100 * ones,
        pedal=np.zeros((0, 2)), quarter=np.zeros(1), audio_s=np.array([0.5]),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["violin", "flute", "horn", "organ", "clarinet", "strings"])
def test_tones_begin_as_slowly_as_they_say_and_in_tune(name: str) -> None:
    sound = render_tones(one_note(1.5), INSTRUMENTS[name], np.random.default_rng(1), RATE, cents=-100.0)
    hop = 441
    level = np.sqrt((sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1))
    steady = np.median(level[100:190])
    assert (level[:49] == 0).all()
    rise_ms = 10 * (np.argmax(level > 0.9 * steady) - 50)
    assert 0.5 * INSTRUMENTS[name].attack_ms <= rise_ms <= 2 * INSTRUMENTS[name].attack_ms + 10
    spectrum = np.abs(np.fft.rfft(sound[RATE : 2 * RATE] * np.hanning(RATE)))
    band = np.arange(385, 446)  # Hz
    centre = np.average(band, weights=spectrum[band] ** 2)
    assert abs(1200 * np.log2(centre / 415.3)) < 15  # cents, its vibrato averaged


def test_a_plucked_string_is_in_tune_and_decays() -> None:
    sound = render_tones(one_note(1.5), INSTRUMENTS["guitar"], np.random.default_rng(1), RATE)
    spectrum = np.abs(np.fft.rfft(sound[RATE : 2 * RATE] * np.hanning(RATE)))
    assert abs(np.argmax(spectrum[400:480]) + 400 - 440) <= 2
    assert np.abs(sound[int(0.5 * RATE) : RATE]).max() > 2 * np.abs(sound[int(1.5 * RATE) : 2 * RATE]).max()


def test_recordings_are_spoilt_as_they_say() -> None:
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE) * (np.arange(2 * RATE) < RATE)
    burst = rng.standard_normal(RATE) * (np.arange(RATE) < RATE // 10)
    tail = with_hall(burst, RATE, rng, decay_s=2.5, wet=1.0)[RATE // 10 + 4000 :]
    early, late = (np.mean(tail[k * RATE : k * RATE + RATE // 2] ** 2) for k in (0, 1))
    assert 10 * np.log10(early / late) == pytest.approx(60 / 2.5, abs=3)
    assert np.std(noisy(tone, rng, ratio_db=5.0) - tone) == pytest.approx(
        np.std(tone) * 10 ** (-5 / 20), rel=0.15
    )  # it swells by up to 3 dB
    assert np.mean(np.abs(clip_hard(tone, gain_db=20.0)[:RATE]) == 1) > 0.8
    low = np.sin(2 * np.pi * 60 * np.arange(RATE) / RATE)
    assert np.abs(telephone(tone[:RATE] + low, RATE) - telephone(tone[:RATE], RATE)).max() < 0.1
