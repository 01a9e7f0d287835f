"""LMMS projects taken apart: a project written here, whose tracks are known."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import pytest

from engine.core.errors import ConfigError, ScoreError
from offline.datasets.songs import lmms_songs
from offline.datasets.songs.lmms_songs import (
    LARGEST,
    kind_of_track,
    make_lmms_song,
    only_kind,
    read_project,
    render_project,
)
from offline.synthesis.multitrack import Corpus, find_songs, load_stems

lmms = pytest.mark.skipif(shutil.which("lmms") is None, reason="needs the program lmms")
SUM_TOLERANCE = 1e-6  # of 32-bit samples, summed in another order

TRACK = """<track type="0" name="{name}" muted="{muted}"><instrumenttrack vol="60" fxch="0" basenote="57">
<instrument name="{plugin}"><{plugin} {more}/></instrument></instrumenttrack>
<pattern type="1" pos="0" len="1536" steps="16">{notes}</pattern></track>"""
NOTE = '<note pos="{pos}" len="48" key="57" vol="90" pan="0"/>'
PROJECT = """<?xml version="1.0"?><!DOCTYPE lmms-project>
<lmms-project type="song" version="1.0" creator="LMMS" creatorversion="1.2.0">
<head bpm="100" mastervol="100" masterpitch="0" timesig_numerator="4" timesig_denominator="4"/>
<song><trackcontainer type="song">{tracks}</trackcontainer></song></lmms-project>"""


def written(name: str, plugin: str = "tripleoscillator", more: str = "", muted: int = 0) -> str:
    notes = "".join(NOTE.format(pos=pos) for pos in range(0, 1536, 192))
    return TRACK.format(name=name, plugin=plugin, more=more, muted=muted, notes=notes)


def project(folder: Path, name: str = "song.mmp") -> Path:
    """A kick by name, a snare by its sample, two basses, and a pad that is mute; one bass has no sample everywhere."""
    tracks = [
        written("Kick"),
        written("tick", "audiofileprocessor", 'src="drums/snare01.ogg"'),
        written("Mute Bass", "audiofileprocessor", 'src="drumsynth/mute_bass.ds"'),
        written("Bass line"),
        written("Default preset"),
        written("Pad", muted=1),
    ]
    text = PROJECT.format(tracks="".join(tracks)).encode()
    if name.endswith(".mmpz"):
        text = len(text).to_bytes(4, "big") + zlib.compress(text)
    path = folder / name
    path.write_bytes(text)
    return path


def muted(root: Element) -> dict[str, bool]:
    return {track.get("name", ""): track.get("muted") == "1" for track in root.iter("track")}


@pytest.mark.parametrize("name", ["song.mmp", "song.mmpz"])
def test_drums_and_basses_are_told_by_sample_and_name(tmp_path: Path, name: str) -> None:
    root = read_project(project(tmp_path, name))
    told = {track.get("name"): kind_of_track(track) for track in root.iter("track")}
    kinds = {"Kick": "drums", "tick": "drums", "Mute Bass": "bass", "Bass line": "bass"}
    assert told == {**kinds, "Default preset": "other", "Pad": "other"}


def test_what_was_mute_stays_mute_and_each_other_track_sounds_once(tmp_path: Path) -> None:
    root = read_project(project(tmp_path))
    drums, bass, rest = (muted(only_kind(root, kind)) for kind in ("drums", "bass", "other"))
    assert drums.pop("Pad") and bass.pop("Pad") and rest.pop("Pad")
    assert all(drums[name] + bass[name] + rest[name] == 2 for name in drums)
    assert not drums["Kick"]
    assert not bass["Mute Bass"]
    assert muted(root)["Pad"]
    assert not muted(root)["Kick"]  # the project itself is untouched


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\0\4abcd", b"\0\0\0\4" + zlib.compress(b"<score/>"), b"\0\0\0\4" + zlib.compress(b"<a>")[:-4]],
    ids=["empty", "no zlib", "another root", "truncated"],
)
def test_no_project_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.mmpz"
    path.write_bytes(data)
    with pytest.raises(ScoreError, match="an LMMS project"):
        read_project(path)


def test_hostile_projects_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.mmp"
    bomb.write_text('<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><lmms-project>&d;</lmms-project>')
    with pytest.raises(ScoreError, match="an LMMS project"):
        read_project(bomb)
    swollen = tmp_path / "swollen.mmpz"
    swollen.write_bytes(b"\0\0\0\4" + zlib.compress(b"<lmms-project>" + b" " * LARGEST + b"</lmms-project>"))
    with pytest.raises(ScoreError, match="an LMMS project"):
        read_project(swollen)


def test_without_the_program_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install lmms"):
        make_lmms_song(project(tmp_path), tmp_path / "song")
    with pytest.raises(ConfigError, match="LMMS projects"):
        lmms_songs.find_projects(tmp_path / "nowhere")


@lmms
def test_stems_sum_to_the_song(tmp_path: Path) -> None:
    path = project(tmp_path)
    make_lmms_song(path, tmp_path / "songs" / path.stem)
    song = find_songs(Corpus(folder=tmp_path / "songs"))[0]
    stems = load_stems(song, ("vocals", "drums", "bass", "other"), sample_rate=44100)
    assert not stems[0].any()
    assert all(np.abs(stem.astype(np.float32)).max() > 0 for stem in stems[1:])
    root = read_project(path)
    whole, *parts = (
        render_project(each) for each in (root, *(only_kind(root, kind) for kind in song.stems if kind != "vocals"))
    )
    n = min(map(len, (whole, *parts)))
    assert np.sqrt(np.mean((whole[:n] - sum(part[:n] for part in parts)) ** 2)) < SUM_TOLERANCE
