"""Tracker modules taken apart: a module made here, byte by byte, whose instruments are known."""

from __future__ import annotations

import ctypes.util
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import AudioFileError, ConfigError
from offline.datasets.songs.module_songs import (
    Traits,
    find_modules,
    kind_of,
    sorted_instruments,
    traits,
)
from offline.datasets.songs.tracker import TrackerModule
from offline.synthesis.multitrack import Corpus, find_songs, load_stems
from tests.cli.files import collaparte

openmpt = pytest.mark.skipif(ctypes.util.find_library("openmpt") is None, reason="needs libopenmpt")
PERIODS = (428, 381, 339, 320, 285)  # C-5 D-5 E-5 F-5 G-5 of an Amiga
SUM_TOLERANCE = 1e-3  # the mixer ramps volumes where notes begin
NOISE, TONE, BASS = 1, 2, 3


def module(path: Path, n_patterns: int = 8) -> Path:
    """A four-channel MOD: noise hits of one pitch, a tone of five and a bass of two, each on a channel of its own."""
    rng = np.random.default_rng(5)
    t = np.arange(4000)
    waves = {
        NOISE: (rng.uniform(-120, 120, 1200) * np.linspace(1, 0, 1200)).astype(np.int8),
        TONE: (90 * np.sin(2 * np.pi * t / 16)).astype(np.int8),
        BASS: (110 * np.sin(2 * np.pi * t / 100)).astype(np.int8),
    }
    data = b"known".ljust(20, b"\0")
    for i in range(1, 32):
        wave = waves.get(i, np.zeros(0, np.int8))
        name = {NOISE: b"hit", TONE: b"tone", BASS: b"deep"}.get(i, b"")
        loop = (0, len(wave) // 2) if i in (TONE, BASS) else (0, 1)
        data += name.ljust(22, b"\0") + struct.pack(">HBBHH", len(wave) // 2, 0, 64, *loop)
    data += bytes([n_patterns, 127, *range(n_patterns), *[0] * (128 - n_patterns)]) + b"M.K."
    for _ in range(n_patterns):
        for row in range(64):
            for channel in range(4):
                data += cell(row, channel)
    path.write_bytes(data + b"".join(waves[i].tobytes() for i in sorted(waves)))
    return path


def cell(row: int, channel: int) -> bytes:
    """What a channel does in a row."""
    if channel == 0 and row % 4 == 0:
        instrument, period = NOISE, PERIODS[0]
    elif channel == 1 and row % 2 == 0:
        instrument, period = TONE, PERIODS[row // 2 % 5]
    elif channel == 2 and row % 8 == 0:
        instrument, period = BASS, PERIODS[row // 8 % 2]
    else:
        return bytes(4)
    return bytes([(instrument & 0xF0) | period >> 8, period & 0xFF, (instrument & 0x0F) << 4, 0])


@openmpt
def test_instruments_sum_up_to_the_song(tmp_path: Path) -> None:
    with TrackerModule(module(tmp_path / "a.mod")) as song:
        assert song.names[:3] == ["hit", "tone", "deep"]
        assert [sum(notes.values()) for notes in song.notes()][:4] == [128, 256, 64, 0]
        assert [len(notes) for notes in song.notes()][:3] == [1, 5, 2]
        whole = song.render(range(song.n_instruments), 44100, 4.0)
        parts = [song.render([i], 44100, 4.0) for i in range(3)]
        assert whole.shape == (4 * 44100, 2)
        assert all(np.abs(part).max() > 0.01 for part in parts)
        assert np.abs(sum(parts) - whole).max() < SUM_TOLERANCE


@openmpt
def test_channels_come_together(tmp_path: Path) -> None:
    with TrackerModule(module(tmp_path / "a.mod")) as song:
        song.narrow(0)
        left, right = song.render([1], 44100, 1.0).T
        assert np.abs(left).max() > 0.01
        assert np.abs(left - right).max() < SUM_TOLERANCE


@openmpt
def test_sound_and_notes_tell_what_an_instrument_is(tmp_path: Path) -> None:
    with TrackerModule(module(tmp_path / "a.mod")) as song:
        assert sorted_instruments(song) == {"drums": [0], "bass": [2], "other": [1]}


@openmpt
def test_what_is_no_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mod").write_text("no module")
    with pytest.raises(AudioFileError, match="tracker module"):
        TrackerModule(tmp_path / "a.mod")


@openmpt
def test_songs_are_stems_that_training_reads(tmp_path: Path) -> None:
    (tmp_path / "mods").mkdir()
    module(tmp_path / "mods/Long.mod")
    module(tmp_path / "mods/jingle.mod", n_patterns=1)
    (tmp_path / "mods/broken.xm").write_text("no module")
    assert collaparte("data", "modules", tmp_path / "mods", "-o", tmp_path / "songs", "--seconds", "40").status == 0
    (song,) = find_songs(Corpus(folder=tmp_path / "songs"))
    assert song.name.endswith("-long")
    targets = ("vocals", "drums", "bass", "other")
    assert song.inseparable(targets) == frozenset()
    stems = load_stems(song, targets, sample_rate=44100)
    assert stems.shape == (4, 40 * 44100, 2)
    assert [bool(stem.any()) for stem in stems] == [False, True, True, True]


@pytest.mark.parametrize(
    ("name", "sound", "kind"),
    [
        ("BD 1", Traits(0.9, 80, 0.0, 0.2, 0.3, 5), "drums"),
        ("hihat open", Traits(0.0, 6000, 0.3, 0.1, 1.0, 1), "drums"),
        ("slap bass", Traits(0.5, 300, 0.0, 0.5, 0.3, 5), "bass"),
        ("for the party", Traits(0.9, 70, 0.0, 0.1, 1.0, 1), "drums"),
        ("visit my page", Traits(0.1, 900, 0.001, 0.4, 0.3, 6), "other"),
        ("voice", Traits(0.1, 900, 0.001, 0.4, 1.0, 1), None),
    ],
)
def test_names_come_first_then_the_sound(name: str, sound: Traits, kind: str | None) -> None:
    assert kind_of(name, sound) == kind


def test_what_hardly_plays_has_no_traits() -> None:
    noise = np.random.default_rng(0).standard_normal(22050).astype(np.float32)
    assert traits(noise, Counter({60: 3})) is None
    assert traits(np.zeros(22050, np.float32), Counter({60: 9})) is None


def test_a_folder_without_modules_is_named(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("no module")
    with pytest.raises(ConfigError, match="tracker modules"):
        find_modules(tmp_path)
