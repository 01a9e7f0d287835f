"""Every representation gives back what it was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.music.codecs import (
    CODECS,
    AbcTokens,
    BarImage,
    ChoraleTokens,
    DrumTokens,
    HoldGrid,
    MelodyTokens,
    MuLaw,
    NoteTuples,
    Roll,
    Spectra,
    TuneTuples,
    VoiceGrid,
)
from offline.music.codecs.abc import key_signature, play, tokenize
from offline.music.piece import NOTE, Piece, attacks_of, from_grid, make_notes, to_grid


def random_grid(seed: int, n_voices: int = 4, length: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Lines that hold, repeat, leap and rest, each voice in its own octave, so that voices never cross."""
    rng = np.random.default_rng(seed)
    frames = np.full((length, n_voices), -1, np.int16)
    struck = np.zeros((length, n_voices), bool)
    for voice in range(n_voices):
        t = int(rng.integers(3))
        while t < length:
            end = t + int(rng.integers(1, 9))
            if rng.random() < 0.85:
                frames[t:end, voice] = 72 - 11 * voice + rng.integers(10)
                struck[t, voice] = True
            t = end
    return frames, struck


seeds = given(seed=st.integers(0, 10_000))


def same(a: Piece, b: Piece, *, velocity: bool = True) -> None:
    assert a.n_steps == b.n_steps
    names = [name for name in NOTE.names if velocity or name != "velocity"]
    for name in names:
        assert np.array_equal(a.notes[name], b.notes[name]), name


@seeds
def test_grid_and_piece(seed: int) -> None:
    frames, struck = random_grid(seed)
    back, attacks = to_grid(from_grid(frames, struck), 4)
    assert np.array_equal(back, frames)
    assert np.array_equal(attacks, struck)


@seeds
def test_hold_grid(seed: int) -> None:
    piece = from_grid(*random_grid(seed))
    codec = HoldGrid()
    tokens = codec.encode(piece)
    assert tokens.max() < codec.n_tokens
    same(codec.decode(tokens), piece)


@seeds
def test_voice_grid_melts_repeated_notes_and_nothing_else(seed: int) -> None:
    frames, _ = random_grid(seed)
    codec = VoiceGrid()
    same(codec.decode(codec.encode(from_grid(frames, attacks_of(frames)))), from_grid(frames))


def test_voice_grid_moves_by_octaves_what_lies_outside() -> None:
    codec = VoiceGrid(low=60, high=71)
    tokens = codec.tokens(np.array([[59, 60, 71, 72, 127, 0, -1]]))
    assert codec.pitches(tokens).tolist() == [[71, 60, 71, 60, 67, 60, -1]]


@seeds
def test_roll(seed: int) -> None:
    frames, struck = random_grid(seed)
    piece = from_grid(frames, struck)
    alone = make_notes([(int(n["onset"]), int(n["duration"]), int(n["pitch"]), 0) for n in piece.notes])
    same(Roll().decode(Roll().encode(piece)), Piece(notes=alone, n_steps=64))


@seeds
def test_roll_without_articulation(seed: int) -> None:
    frames, _ = random_grid(seed, n_voices=1)
    codec = Roll(articulate=False)
    same(codec.decode(codec.encode(from_grid(frames))), from_grid(frames))


@seeds
def test_chorale_tokens(seed: int) -> None:
    frames, struck = random_grid(seed)
    piece = from_grid(frames, struck, fermatas=np.array([3, 40], np.int32))
    codec = ChoraleTokens()
    tokens = codec.encode(piece)
    assert tokens.max() < codec.n_tokens
    back = codec.decode(tokens)
    assert back.fermatas.tolist() == [3, 40]
    full = (frames != -1).all(axis=1)
    if full.all():
        same(back, piece)
    sounding = [sorted(row[row != -1].tolist()) for row in to_grid(back, 4)[0]]
    assert sounding == [sorted(row[row != -1].tolist()) for row in frames]


@given(tokens=st.lists(st.integers(0, ChoraleTokens().n_tokens - 1), max_size=80))
def test_chorale_tokens_read_anything(tokens: list[int]) -> None:
    ChoraleTokens().decode(np.array(tokens, np.int64))


def test_chorale_tokens_full_chords_exactly() -> None:
    rng = np.random.default_rng(0)
    frames = np.repeat(np.array([[72, 65, 57, 48]]) + rng.integers(0, 5, (16, 4)), 3, axis=0).astype(np.int16)
    struck = attacks_of(frames) | (rng.random(frames.shape) < 0.2)
    piece = from_grid(frames, struck)
    same(ChoraleTokens().decode(ChoraleTokens().encode(piece)), piece)


@seeds
def test_melody_tokens(seed: int) -> None:
    piece = from_grid(*random_grid(seed, n_voices=1))
    codec = MelodyTokens()
    assert codec.n_tokens == 38
    same(codec.decode(codec.encode(piece)), piece)


@seeds
def test_drum_tokens(seed: int) -> None:
    codec = DrumTokens()
    tokens = np.random.default_rng(seed).integers(0, codec.n_tokens, 50)
    assert np.array_equal(codec.encode(codec.decode(tokens)), tokens)


@seeds
def test_tune_tuples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codec = TuneTuples()
    line, struck = random_grid(seed, n_voices=1)
    line = np.where(line < codec.low, -1, line)
    struck &= line != -1
    starts = np.flatnonzero(struck[:, 0] | np.diff(line[:, 0], prepend=-2).astype(bool))
    chords = np.zeros((len(line), 1), np.int16)
    for start in starts:  # a chord begins with a note or a rest
        chords[start:] = rng.integers(1, codec.n_chords)
    frames = np.hstack([line, chords])
    piece = from_grid(frames, np.hstack([struck, np.zeros_like(struck)]))  # the chord voice is struck by its changes
    same(codec.decode(codec.encode(piece)), piece)


@seeds
def test_bar_image(seed: int) -> None:
    frames = np.random.default_rng(seed).integers(40, 90, (48, 1)).astype(np.int16)
    image = BarImage().encode(from_grid(frames))
    assert image.shape == (3, 128, 16)
    same(BarImage().decode(image), from_grid(frames))


@seeds
def test_note_tuples(seed: int) -> None:
    frames, struck = random_grid(seed)
    grid = from_grid(frames, struck)
    notes = make_notes([(int(n[0]), int(n[1]), int(n[2]), 0) for n in grid.notes])
    piece = Piece(notes=notes, n_steps=int((notes["onset"] + notes["duration"]).max()))
    same(NoteTuples().decode(NoteTuples().encode(piece)), piece)


def test_note_tuples_survive_wild_numbers() -> None:
    piece = NoteTuples().decode(np.array([[np.nan, np.inf, -np.inf, 5], [99, -9, 2, -1]], np.float32))
    assert sorted(piece.notes["pitch"].tolist()) == [21, 108]


def test_mu_law_is_exact_on_its_tokens_and_close_on_sound() -> None:
    codec = MuLaw()
    tokens = np.arange(256)
    assert np.array_equal(codec.encode(codec.decode(tokens)), tokens)
    sound = np.linspace(-1, 1, 999)
    half_step = (np.abs(sound) + 1 / 255) * np.log(256) / 255  # of the law, at that level, to first order
    assert np.all(np.abs(codec.decode(codec.encode(sound)) - sound) <= 1.05 * half_step)


def test_spectra_give_back_a_tone() -> None:
    tone = np.sin(2 * np.pi * 440 / 16000 * np.arange(16000))
    codec = Spectra()
    sound = codec.decode(codec.encode(tone))
    assert abs(int(np.argmax(np.abs(np.fft.rfft(sound[4000:12000])))) - 220) <= 2  # of 2 Hz: phase is only guessed
    error = np.abs(codec.encode(sound) - codec.encode(tone)[: len(codec.encode(sound))])[8:-8]
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(codec.encode(tone))


TUNE = "M:6/8\nK:Edor\n|:B2e edB|^cAd (3Bcd e2|G>A B/2c/2z2:|"


def test_abc_tokens() -> None:
    tokens = tokenize(TUNE)
    assert "".join(tokens) == TUNE.replace("\n", "").replace(" ", "")
    codec = AbcTokens.of([tokens])
    assert codec.texts(codec.encode(tokens)) == tokens


def test_abc_plays() -> None:
    piece = play(tokenize(TUNE))
    # E dorian has two sharps; ^c holds for its bar; (3 squeezes three into two; > dots; z rests
    assert piece.notes["pitch"].tolist() == [71, 76, 76, 74, 71, 73, 69, 74, 71, 73, 74, 76, 67, 69, 71, 73]
    assert piece.notes["duration"].tolist() == [24, 12, 12, 12, 12, 12, 12, 12, 8, 8, 8, 24, 18, 6, 6, 6]
    assert (piece.beats_per_bar, piece.beat_unit) == (6, 8)
    assert piece.n_steps == piece.notes["onset"][-1] + 6 + 24


@pytest.mark.parametrize(("key", "sharps"), [("G", 1), ("Am", 0), ("Edor", 2), ("Amix", 2), ("F#min", 3), ("Bb", -2)])
def test_key_signatures(key: str, sharps: int) -> None:
    assert sum(key_signature(key).values()) == sharps


def test_every_codec_is_tested_here() -> None:
    with open(__file__, encoding="utf8") as file:
        text = file.read()
    assert all(f"{kind.__name__}" in text for kind in CODECS.values())
