"""A user's pieces as the grids that two families of systems read: drums with their conditions, and blues."""

from __future__ import annotations

import numpy as np

from offline.music.codecs import DrumTokens
from offline.music.home_key import home_pieces
from offline.music.own_corpus import OwnPiece, by_height
from offline.music.piece import REST
from offline.music.rules import groove_condition

__all__ = ["blues_of", "groove_of", "onsets_of_bass_and_guitar"]

BASSES, GUITARS = range(32, 40), range(24, 32)  # General MIDI
LOW = 48  # without instruments, notes below C3 are the bass and the others the guitar
# Keys of General MIDI that the eight drums of `DrumTokens` stand for.
NEAREST = {
    35: 36,
    37: 38,
    39: 38,
    40: 38,
    44: 42,
    41: 45,
    43: 45,
    47: 45,
    50: 48,
    52: 49,
    55: 49,
    57: 49,
    53: 51,
    59: 51,
}


def groove_of(own: OwnPiece) -> tuple[np.ndarray, np.ndarray] | None:
    """Return drum tokens (step,) and conditions (step, 22); None without drums."""
    if not len(own.drums):
        return None
    codec, n_steps = DrumTokens(), max(own.piece.n_steps, 16)
    tokens = np.zeros(n_steps, np.int64)
    for note in own.drums:
        key = NEAREST.get(int(note["pitch"]), int(note["pitch"]))
        if key in codec.drums and note["onset"] < n_steps:
            tokens[note["onset"]] |= 1 << codec.drums.index(key)
    bass, guitar = onsets_of_bass_and_guitar(own, n_steps)
    return tokens, groove_condition(bass, guitar, own.piece.tempo_bpm, -own.piece.pickup)


def onsets_of_bass_and_guitar(own: OwnPiece, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where a bass and where a guitar begins a note, each (step,) bool: by instruments, else by height."""
    notes = own.piece.notes
    programs = np.array([-1 if program is None else program for program in own.programs] or [-1])
    played = programs[np.minimum(notes["voice"], len(programs) - 1)]
    bass, guitar = np.isin(played, BASSES), np.isin(played, GUITARS)
    if not (bass.any() or guitar.any()):
        bass = notes["pitch"] < LOW
        guitar = ~bass
    found = np.zeros((2, n_steps), bool)
    for row, chosen in zip(found, (bass, guitar), strict=True):
        row[notes["onset"][chosen & (notes["onset"] < n_steps)]] = True
    return found[0], found[1]


def blues_of(own: OwnPiece) -> tuple[np.ndarray] | None:
    """Return bits (eighth, 25): pitch classes of what sounds below the highest note, and that note, in the home key.

    None if nothing sounds.
    """
    if not len(own.piece.notes):
        return None
    (piece,) = home_pieces([own.piece])
    grid = by_height(piece)[::2]
    roll = np.zeros((len(grid), 25), np.float32)
    for row, pitches in zip(roll, grid, strict=True):
        sounding = pitches[pitches != REST]
        row[sounding[1:] % 12] = 1
        if len(sounding):
            row[12 + int(sounding[0]) % 12] = 1
    return (roll,)
