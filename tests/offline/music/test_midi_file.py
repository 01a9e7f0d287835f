"""Files: what is written is read back, and one piece gives one file."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from engine.core.errors import ScoreError
from offline.music.midi_file import read_midi, write_midi, write_wav
from offline.music.piece import Piece, from_grid
from tests.offline.music.test_codecs import random_grid, same


def piece(seed: int = 0) -> Piece:
    more = {"beats_per_bar": 3, "beat_unit": 4, "tempo_bpm": 90.0, "names": ("Soprano", "Alto", "Tenor", "Bass")}
    return from_grid(*random_grid(seed, length=36), **more)


def test_a_file_comes_back(tmp_path: Path) -> None:
    for seed in range(5):
        write_midi(piece(seed), tmp_path / "x.mid")
        back = read_midi(tmp_path / "x.mid")
        same(back, piece(seed))
        assert (back.beats_per_bar, back.beat_unit, back.names) == (3, 4, piece().names)
        assert back.tempo_bpm == pytest.approx(90, abs=1e-3)


def test_same_piece_same_bytes(tmp_path: Path) -> None:
    write_midi(piece(), tmp_path / "a.mid")
    write_midi(piece(), tmp_path / "b.mid")
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert mido.MidiFile(tmp_path / "a.mid").length == pytest.approx(36 / 4 * 60 / 90, rel=1e-6)


def test_what_is_no_music_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.mid").write_bytes(b"not music")
    with pytest.raises(ScoreError, match="MIDI file"):
        read_midi(tmp_path / "b.mid")


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="FluidSynth is not installed")
def test_a_piece_sounds(tmp_path: Path) -> None:
    write_wav(piece(), tmp_path / "a.wav")
    sound, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 44100
    assert len(sound) > 36 / 4 * 60 / 90 * rate
    assert np.abs(sound).max() > 0.01
