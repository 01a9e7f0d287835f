"""The Mazurka Project's files as pieces: beats become quarters from the first note, what does not fit is left out."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from engine.core.errors import AudioFileError, EngineWarning
from offline.batch.piece_folders import find_pieces
from offline.datasets.mazurkas import find_mazurkas, write_mazurkas
from offline.evaluation.onsets import read_truth

QUARTER, N = 480, 13
TIMES = 1.5 + np.arange(N) * 0.45


def write_recording(folder: Path, name: str, *, first: float = 2.0, n_beats: int = N) -> None:
    """Twelve quarters from the third beat of a bar on, an eighth before it, and their beats; the fifth is no onset."""
    place = folder / name
    place.mkdir(parents=True)
    track, now = mido.MidiTrack(), 0
    for quarter in (first - 0.5, *(first + np.delete(np.arange(N - 1), 4))):
        at = round(quarter * QUARTER)
        track.append(mido.Message("note_on", note=64, velocity=80, time=at - now))
        track.append(mido.Message("note_off", note=64, time=QUARTER // 2))
        now = at + QUARTER // 2
    mido.MidiFile(tracks=[track], ticks_per_beat=QUARTER).save(place / f"{name}.mid")
    beats = (f"{t:.9f}\t{(i + 2) // 3}:{(i + 2) % 3 + 1}" for i, t in enumerate(TIMES[:n_beats]))
    (place / f"{name}-clean.txt").write_text("\n".join(["# annotated by hand", *beats]) + "\n")


def write_sound(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / f"{name}.flac", np.zeros(22050), 22050)


def test_beats_become_the_truth(tmp_path: Path) -> None:
    write_recording(tmp_path / "mazurka06-4", "pid9048-04")
    write_sound(tmp_path / "sounds", "pid9048-04")
    assert write_mazurkas(find_mazurkas(tmp_path / "mazurka06-4", tmp_path / "sounds"), tmp_path / "pieces") == 1
    piece = find_pieces(tmp_path / "pieces").pieces[0]
    quarter, audio_s = read_truth(piece.truth)
    beats = np.delete(np.arange(N - 1), 4)
    assert np.allclose(quarter, 0.5 + beats, atol=1e-4) and np.allclose(audio_s, TIMES[beats], atol=1e-4)
    assert piece.performance.samefile(tmp_path / "sounds/pid9048-04.flac")


def test_what_does_not_fit_is_left_out_and_told(tmp_path: Path) -> None:
    for name, n_beats in (("pid1-01", N), ("pid2-01", 3), ("pid3-01", N)):
        write_recording(tmp_path, name, n_beats=n_beats)
    for name in ("pid1-01", "pid2-01"):
        write_sound(tmp_path, name)
    with pytest.warns(EngineWarning, match="pid3-01-clean.txt: left out: no recording pid3-01"):
        found = find_mazurkas(tmp_path)
    with pytest.warns(EngineWarning, match="left out: .*expected about 12 beats, as the score has, got 3"):
        assert write_mazurkas(found, tmp_path / "pieces") == 1


def test_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="of the Mazurka Project"):
        find_mazurkas(tmp_path)
