"""music21's corpus as arrays: what is known of a chorale and a tune, and the way through the packed file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

music21_corpus = pytest.importorskip("offline.music.music21_corpus")

from offline.music.codecs.abc import play  # noqa: E402
from offline.music.piece import to_grid  # noqa: E402
from offline.music.piece_sets import load_pieces  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus")
    music21_corpus.convert_music21(path, n_chorales=3)
    return path


def test_chorales_have_voices_metre_and_fermatas(folder: Path) -> None:
    pieces = load_pieces(folder / "chorales.npz")
    assert len(pieces) == 3
    for piece in pieces:
        frames, attacks = to_grid(piece, 4)
        assert (frames[piece.pickup : -1] != -1).mean() > 0.95
        assert (np.diff(frames.mean(axis=0)) < 0).all()  # soprano on top
        repeated = attacks[1:] & (frames[1:] == frames[:-1])
        assert repeated.any()  # what the grid without ties cannot know
        assert len(piece.fermatas)
        assert piece.phase()[piece.pickup] == 0


def test_the_first_chorale_is_bwv_269(folder: Path) -> None:
    """Aus meines Herzens Grunde: three quarters in G, upbeat of a quarter, soprano g' g' d'' b' ..."""
    piece = load_pieces(folder / "chorales.npz")[0]
    assert (piece.beats_per_bar, piece.beat_unit, piece.pickup) == (3, 4, 4)
    soprano = piece.notes[piece.notes["voice"] == 0]["pitch"][:4]
    assert soprano.tolist() == [67, 67, 74, 71]


def test_tunes_are_whole_and_play(folder: Path) -> None:
    tunes = json.loads((folder / "tunes.json").read_text())
    assert 2000 < len(tunes) < 2400
    assert all(tokens[0].startswith("M:") and tokens[1].startswith("K:") for tokens in tunes)
    bars = [play(tokens) for tokens in tunes[:50]]
    assert all(len(piece.notes) > 20 for piece in bars)
