"""Performances with truth: reproducible, split for ever, in time with their sound, hard in the ways that are asked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ConfigError, EngineError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig
from engine.score.score import make_score
from offline.batch.piece_folders import find_pieces
from offline.datasets.corpus_scores import Library, split_of
from offline.datasets.performances import Take, TakeConfig, cut_score, perform_piece, write_take
from offline.evaluation.onsets import read_truth
from offline.following.score_input import read_score_input
from offline.synthesis.demo_piece import minuet
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.pianist import PianistConfig, exact, play, random_pianist
from offline.synthesis.piano_sound import CHANNELS, OTHERS, Piano, add_recording_chain, midi_file, render_piano
from offline.synthesis.textures import LEFT, RIGHT, tidy
from tests.tolerances import MUSICAL_S

RATE = 22050
STRICT = PianistConfig(
    arch=0, wander=0, beat=0, jumps=0, fermatas=0, slowing=0, spread_ms=0, lead_ms=0, rolled=0, trills=0, wrong=0,
    missing=0, extra=0, twice=0, pedal=0,
)  # fmt: skip


def has_sound() -> bool:
    try:
        return bool(installed_soundfonts())
    except EngineError:
        return False


needs_sound = pytest.mark.skipif(not has_sound(), reason="needs fluidsynth and a soundfont")


def test_a_name_is_a_piece_for_ever() -> None:
    one, two = Library().score("composed-5"), Library().score("composed-5")
    assert np.array_equal(one.note_pitch, two.note_pitch) and np.array_equal(one.note_quarter, two.note_quarter)
    other = Library().score("composed-6")
    assert len(other.note_pitch) != len(one.note_pitch) or (other.note_pitch != one.note_pitch).any()


def test_splits_share_no_piece() -> None:
    names = {split: set(Library().names(split, 40)) for split in ("train", "validation", "test")}
    assert not names["train"] & names["validation"] and not names["train"] & names["test"]
    assert all(split_of(name) == split for split, found in names.items() for name in found)


def test_unknown_pieces_are_named() -> None:
    with pytest.raises(ConfigError, match="chorale-3"):
        Library().score("chorale-3")


@pytest.mark.parametrize("number", range(12))
def test_pieces_are_playable_piano_music(number: int) -> None:
    score = Library().score(f"composed-{number}")
    assert score.note_pitch.min() >= 21 and score.note_pitch.max() <= 108
    assert len(score.onset_quarter) / float(score.seconds(score.end_quarter)) < 15  # a second
    for pitch in np.unique(score.note_pitch):  # no key is struck while it is held
        mine = score.note_pitch == pitch
        ends = score.note_quarter[mine] + score.note_duration[mine]
        assert (ends[:-1] <= score.note_quarter[mine][1:] + 1e-6).all()


def test_every_texture_is_used() -> None:
    assert len(LEFT) >= 10 and len(RIGHT) >= 8
    assert tidy([(0.0, 2.0, 60, 50), (0.0, 1.0, 60, 70), (1.0, 1.0, 60, 70), (0.0, 1.0, 12, 60)]) == [
        (0.0, 1.0, 24, 60),
        (0.0, 1.0, 60, 70),
        (1.0, 1.0, 60, 70),
    ]


def test_a_strict_player_plays_what_is_written() -> None:
    score = minuet()
    played, plain = play(score, np.random.default_rng(0), replace(STRICT, start_s=0.5)), exact(score)
    assert np.allclose(played.audio_s, plain.audio_s, atol=1e-3)
    assert np.array_equal(np.sort(played.pitch), np.sort(score.note_pitch))


def test_players_differ_and_repeat_themselves() -> None:
    score = minuet()
    first, again, other = (play(score, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.start_s, again.start_s)
    assert abs(first.audio_s[-1] - other.audio_s[-1]) > 0.5


def test_mistakes_are_made_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    score = make_score("many", [(i / 2, 0.5, 40 + i % 37, 70) for i in range(2000)])
    missed = play(score, rng, replace(STRICT, missing=0.2))
    assert 0.15 < 1 - len(missed.pitch) / 2000 < 0.25
    assert len(missed.quarter) == len(missed.pitch)  # what was not struck has no truth
    assert len(play(score, rng, replace(STRICT, extra=0.2)).pitch) > 2300
    wrong = play(score, rng, replace(STRICT, wrong=0.2))
    assert 0.15 < np.mean(wrong.pitch != score.note_pitch[: len(wrong.pitch)]) < 0.25
    assert len(play(score, rng, replace(STRICT, trills=0.5, tempo=0.4)).pitch) > 2500


def test_no_key_is_struck_while_it_is_down() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        played = play(Library().score(f"composed-{seed}"), rng, random_pianist(rng))
        assert (played.end_s > played.start_s).all() and (played.start_s >= 0).all()
        assert np.isfinite(played.audio_s).all() and len(played.audio_s) == len(played.quarter)
        for pitch in np.unique(played.pitch):
            mine = played.pitch == pitch
            assert (played.end_s[mine][:-1] <= played.start_s[mine][1:] + 1e-9).all()


def test_a_cut_begins_at_zero_and_keeps_its_tempo() -> None:
    score = minuet()
    part = cut_score(score, 12.0, 30.0)
    assert part.note_quarter[0] == 0 and part.end_quarter <= 18 + 3
    assert np.isclose(part.seconds(6.0), score.seconds(18.0) - score.seconds(12.0))


@needs_sound
def test_sound_begins_when_the_truth_says() -> None:
    score = make_score("apart", [(2 * i, 1.0, 45 + i, 90) for i in range(12)])
    played = play(score, np.random.default_rng(0), replace(STRICT, arch=0.2, beat=0.05))
    audio = render_piano(played, Piano(soundfont=installed_soundfonts()[0]), RATE)
    for at_s in played.audio_s:
        at = round(at_s * RATE)
        before, after = (
            np.abs(audio[at - 400 : at - 20]).max(),
            np.abs(audio[at : at + round(MUSICAL_S / 2 * RATE)]).max(),
        )
        assert after > 3 * before


@needs_sound
def test_mistuning_moves_the_pitch() -> None:
    score = make_score("long", [(0.0, 8.0, 69, 90)])
    played = exact(score)
    heights = []
    for cents in (0.0, 50.0):
        audio = render_piano(played, Piano(soundfont=installed_soundfonts()[0]).shifted(cents), RATE)
        spectrum = np.abs(np.fft.rfft(audio[RATE : 3 * RATE] * np.hanning(2 * RATE), 16 * RATE))
        heights.append(400 + np.argmax(spectrum[400 * 16 : 480 * 16]) / 16)
    assert abs(1200 * np.log2(heights[1] / heights[0]) - 50) < 3  # cents


@pytest.fixture(scope="module")
def take() -> Take:
    return perform_piece(Library(), "composed-9", seed=1, config=TakeConfig(sample_rate=RATE, seconds=8))


@needs_sound
def test_other_instruments_play_the_same_performance(take: Take) -> None:
    other = perform_piece(Library(), "composed-9", seed=1, config=TakeConfig(sample_rate=RATE, seconds=8, others=1))
    assert other.piano.program in OTHERS and other.reference_piano == take.reference_piano
    assert np.array_equal(other.played.audio_s, take.played.audio_s)
    pedalled = replace(take.played, pedal=np.array([[0.0, 1.0]]))
    for program, n_presses in ((0, len(CHANNELS)), (OTHERS[0], 0)):
        track = midi_file(pedalled, Piano(soundfont=Path("-"), program=program)).tracks[0]
        assert sum(m.type == "control_change" and m.control == 64 and m.value > 0 for m in track) == n_presses


@needs_sound
def test_times_of_a_take_go_both_ways(take: Take) -> None:
    at_s = np.linspace(take.played.audio_s[0], take.played.audio_s[-1], 50)
    assert np.allclose(take.audio_times(take.reference_times(at_s)), at_s, atol=1e-6)
    assert np.isfinite(take.audio).all() and 0 < np.abs(take.audio).max() <= 1


@needs_sound
def test_the_synchronous_sound_lasts_as_long(take: Take) -> None:
    synchronous = take.synchronous()
    assert abs(len(synchronous) - len(take.audio)) <= 1
    old, new = (np.convolve(x.astype(float) ** 2, np.ones(2205), "same")[::441] for x in (take.audio, synchronous))
    assert np.corrcoef(np.log(old + 1e-6), np.log(new + 1e-6))[0, 1] > 0.5  # the same music at the same time


@needs_sound
def test_what_is_written_can_be_evaluated(take: Take, tmp_path: Path) -> None:
    write_take(tmp_path / "one", take)
    piece = find_pieces(tmp_path).pieces[0]
    score = read_score_input(piece.score, AudioFormat(sample_rate=RATE, n_channels=1), FollowConfig())
    assert np.allclose(score.onset_quarter, take.score.onset_quarter, atol=2e-3)  # type: ignore[union-attr]
    quarter, audio_s = read_truth(piece.truth)
    assert np.allclose(quarter, take.played.quarter, atol=1e-4) and np.allclose(audio_s, take.played.audio_s, atol=1e-4)


def test_recording_does_not_move_a_sound() -> None:
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 0.5
    for seed in range(20):
        heard = add_recording_chain(click, RATE, np.random.default_rng(seed))
        assert np.isfinite(heard).all() and abs(int(np.argmax(np.abs(heard))) - RATE // 2) < 0.003 * RATE


def test_no_synthesiser_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EngineError, match="apt-get install fluidsynth"):
        installed_soundfonts()
