"""Guitars of a game's songs: a folder written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.data.making import make_missing
from engine.core.errors import ConfigError
from offline.batch.jobs.corpora import GuitarSongsJob, guitar_items
from offline.datasets.songs.guitar_songs import find_guitars
from offline.synthesis.multitrack import Corpus, find_songs, load_stems
from offline.synthesis.songs_render import RATE

TARGETS = ("vocals", "drums", "bass", "other")


def recorded(folder: Path, rate: int = RATE) -> Path:
    folder.mkdir(parents=True)
    soundfile.write(folder / "guitar.ogg", np.sin(np.arange(rate) * 0.1), rate)
    return folder


def test_a_guitar_is_other_and_nothing_else_sounds(tmp_path: Path) -> None:
    recorded(tmp_path / "game" / "Some Song")
    for n in (1, 0):  # what is there stays
        assert make_missing(
            GuitarSongsJob(), guitar_items(find_guitars(tmp_path / "game")), tmp_path / "songs", ""
        ) == (n, 0)
    song = find_songs(Corpus(folder=tmp_path / "songs"))[0]
    assert song.name == "some-song"
    assert not song.inseparable(TARGETS)
    stems = load_stems(song, TARGETS, sample_rate=RATE)
    assert [bool(stem.any()) for stem in stems] == [False, False, False, True]


def test_no_guitar_and_another_rate_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="fretsonfire-songs-sectoid"):
        find_guitars(tmp_path / "nowhere")
    recorded(tmp_path / "slow", 22050)
    items = guitar_items(find_guitars(tmp_path / "slow"))
    assert make_missing(GuitarSongsJob(), items, tmp_path / "songs", "") == (0, 1)
    assert "44100 Hz" in capsys.readouterr().err
