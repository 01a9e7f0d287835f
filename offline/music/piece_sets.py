"""Pieces packed into one compressed file, with metre and fermatas, which is read without music21."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from offline.music.piece import Piece

__all__ = ["load_pieces", "save_pieces"]


def save_pieces(path: Path, pieces: list[Piece]) -> None:
    """Pack pieces on the sixteenth grid."""
    np.savez_compressed(
        path,
        notes=np.concatenate([piece.notes for piece in pieces]),
        n_notes=np.array([len(piece.notes) for piece in pieces], np.int32),
        n_steps=np.array([piece.n_steps for piece in pieces], np.int32),
        metre=np.array([(p.beats_per_bar, p.beat_unit, p.pickup) for p in pieces], np.int32),
        fermatas=np.concatenate([piece.fermatas for piece in pieces]),
        n_fermatas=np.array([len(piece.fermatas) for piece in pieces], np.int32),
    )


def load_pieces(path: Path) -> list[Piece]:
    """Read a file of `save_pieces`; names of voices and tempo are not kept."""
    with np.load(path) as file:
        packed = {name: file[name] for name in file.files}
    notes = np.split(packed["notes"], np.cumsum(packed["n_notes"])[:-1])
    fermatas = np.split(packed["fermatas"], np.cumsum(packed["n_fermatas"])[:-1])
    return [
        Piece(
            notes=notes[i],
            n_steps=int(n_steps),
            beats_per_bar=int(beats),
            beat_unit=int(unit),
            pickup=int(pickup),
            fermatas=fermatas[i],
        )
        for i, (n_steps, (beats, unit, pickup)) in enumerate(zip(packed["n_steps"], packed["metre"], strict=True))
    ]
