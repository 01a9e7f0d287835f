"""Songs as beds: the stems' sum, with and without the voice, where the mixer of soundscapes finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from offline.data.music_beds import make_beds
from offline.data.sounds import list_sounds

RATE = 44100


def level(audio: np.ndarray, freq_hz: float) -> float:
    return float(abs(np.exp(-2j * np.pi * freq_hz / 22050 * np.arange(22050)) @ audio[:22050])) / 11025


def test_every_other_song_keeps_its_voice(tmp_path: Path) -> None:
    t = np.arange(2 * RATE) / RATE
    for song in ("a", "b", "left-out"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for name, freq_hz in (("vocals", 440), ("drums", 1000)):
            wave = 0.3 * np.sin(2 * np.pi * freq_hz * t)
            soundfile.write(tmp_path / "songs" / song / f"{name}.wav", np.stack([wave, wave], 1), RATE)
    assert make_beds(tmp_path / "songs", tmp_path / "beds", exclude=["left-out"]) == 2
    sounds = {s.source: s for s in list_sounds(tmp_path / "beds")}
    assert {s.label for s in sounds.values()} == {"_background"}
    assert set(sounds) == {"a", "b"}
    with_voice, without = (soundfile.read(sounds[name].path)[0] for name in ("a", "b"))
    assert level(with_voice, 440) > 0.3
    assert level(without, 440) < 0.01
    assert abs(level(without, 1000) - 0.9) < 0.02
