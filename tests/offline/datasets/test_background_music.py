"""Songs as beds: the stems' sum, with and without the voice, where the mixer of soundscapes finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from offline.datasets.background_music import make_beds
from offline.synthesis.sound_bank import list_sounds

RATE = 44100


def level(audio: np.ndarray, freq_hz: float) -> float:
    return float(abs(np.exp(-2j * np.pi * freq_hz / 22050 * np.arange(22050)) @ audio[:22050])) / 11025


def write_songs(folder: Path, *names: str) -> Path:
    """Songs of a voice at 440 Hz and drums at 1 kHz, equally loud."""
    t = np.arange(2 * RATE) / RATE
    for song in names:
        (folder / song).mkdir(parents=True)
        for name, freq_hz in (("vocals", 440), ("drums", 1000)):
            wave = 0.3 * np.sin(2 * np.pi * freq_hz * t)
            soundfile.write(folder / song / f"{name}.wav", np.stack([wave, wave], 1), RATE)
    return folder


def test_every_other_song_keeps_its_voice(tmp_path: Path) -> None:
    songs = write_songs(tmp_path / "songs", "a", "b", "left-out")
    assert make_beds(songs, tmp_path / "beds", exclude=["left-out"]) == 2
    sounds = {s.source: s for s in list_sounds(tmp_path / "beds")}
    assert {s.label for s in sounds.values()} == {"_background"}
    assert set(sounds) == {"a", "b"}
    with_voice, without = (soundfile.read(sounds[name].path)[0] for name in ("a", "b"))
    assert level(with_voice, 440) > 0.3
    assert level(without, 440) < 0.01
    assert abs(level(without, 1000) - 0.9) < 0.02


def test_every_song_with_its_voice_and_with_twice_of_it(tmp_path: Path) -> None:
    songs = write_songs(tmp_path / "songs", "a", "b")
    assert make_beds(songs, tmp_path / "beds", voices=True) == 2
    sounds = {s.path.stem: s.source for s in list_sounds(tmp_path / "beds")}
    assert sounds == {"a": "a", "a-voice": "a", "b": "b", "b-voice": "b"}
    for name, times in (("b", 1), ("b-voice", 2)):
        audio = soundfile.read(tmp_path / f"beds/_background/{name}.wav")[0]
        assert abs(level(audio, 440) / level(audio, 1000) - times) < 0.02
