"""Where stems go: every recording has a folder of its own, whatever it is called, and no run mixes with another."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import OutputError
from offline.batch.output_folders import (
    RECORD,
    StemFolder,
    StemJob,
    claim_folder,
    folder_names,
    results_below,
    stem_folders,
)

HPSS = StemJob(label="hpss", settings={"look_ahead": 5})
OTHER = StemJob(label="hpss", settings={"look_ahead": 0})
KAM = StemJob(label="kam", settings={})


def again(job: StemJob) -> StemJob:
    return StemJob(label=job.label, settings=job.settings, overwrite=True)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("a.wav b.wav b.flac", "a b.wav b.flac"),
        ("two/a/song.wav two/b/song.wav", "a-song b-song"),
        ("x/a/song.wav y/a/song.wav", "x-a-song y-a-song"),
        ("a/song.wav a/song.flac b/song.wav", "a-song.wav a-song.flac b-song.wav"),
        ("Song.wav song.wav", "Song song-2"),
        ("caf\u00e9.wav cafe\u0301.wav", "caf\u00e9 cafe\u0301-2"),
        ("a-song.wav a/song.wav b/song.wav", "a-song a-song.wav b-song.wav"),
        ("stra\u00dfe.wav STRASSE.wav", "stra\u00dfe STRASSE-2"),
    ],
)
def test_the_shortest_names_that_differ(files: str, names: str) -> None:
    assert folder_names([Path(name) for name in files.split()]) == names.split()


LETTERS = st.sampled_from("aAbéÅ\u0301\u030a☺ .-\n\udce9")
NAME = st.text(LETTERS, min_size=1, max_size=6).map(lambda text: text.strip(".") or "x")
FILE = st.tuples(st.sampled_from(["", "p", "P", "q/p"]), NAME, st.sampled_from([".wav", ".flac", ".WAV", ""]))


@settings(max_examples=300)
@given(st.lists(FILE, max_size=12, unique=True))
def test_all_names_differ_on_every_disk(files: list[tuple[str, str, str]]) -> None:
    names = folder_names([Path("/r", folder, name + suffix) for folder, name, suffix in files])
    keys = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(keys) == len(files)
    assert all(name not in ("", ".", "..") and "/" not in name and len(os.fsencode(name)) < 240 for name in names)


def test_very_long_names(tmp_path: Path) -> None:
    files = [tmp_path / f"{'é' * 124}{end}.wav" for end in "ab"]
    for folder in stem_folders(files, tmp_path / "out", HPSS):
        assert isinstance(folder, StemFolder)
        with folder.fill() as part:
            part.mkdir(parents=True)
            (part / "harmonic.wav").write_text("x")
    assert len([each for each in (tmp_path / "out").iterdir() if each.is_dir()]) == 2


def write(out: Path, file: Path, job: StemJob, *stems: str) -> str:
    """Separate one file by a stand-in; the name of its folder."""
    [folder] = stem_folders([file], out, job)
    if isinstance(folder, OutputError):
        raise folder
    with folder.fill() as part:
        part.mkdir(parents=True)
        for stem in stems:
            (part / f"{stem}.wav").write_text(job.label)
    return folder.path.name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_another_recording_gets_another_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write(out, tmp_path / "a/song.wav", HPSS, "harmonic") == "song"
    assert write(out, tmp_path / "b/song.wav", again(HPSS), "harmonic") == "b-song"
    assert write(out, tmp_path / "b/song.wav", HPSS, "harmonic") == "b-song"
    assert write(out, tmp_path / "a/song.wav", KAM, "harmonic") == "song-kam"


def test_other_settings_are_refused_or_replace_everything(tmp_path: Path) -> None:
    out, song = tmp_path / "out", tmp_path / "song.wav"
    write(out, song, HPSS, "harmonic", "residual")
    (out / "song" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="got the stems of hpss with other settings; --overwrite replaces them"):
        write(out, song, OTHER, "harmonic")
    assert names(out / "song") == ["harmonic.wav", "notes.txt", "residual.wav"]
    assert write(out, song, again(OTHER), "harmonic") == "song"
    assert names(out / "song") == ["harmonic.wav", "notes.txt"]
    assert (out / "song" / "notes.txt").read_text() == "mine"
    assert names(out) == [RECORD, "song"]


def test_the_same_again_replaces_its_own(tmp_path: Path) -> None:
    out, song = tmp_path / "out", tmp_path / "song.wav"
    for _ in range(2):
        assert write(out, song, HPSS, "harmonic", "percussive") == "song"
    assert names(out / "song") == ["harmonic.wav", "percussive.wav"]


def test_stems_without_a_record_are_not_touched(tmp_path: Path) -> None:
    out, song = tmp_path / "out", tmp_path / "song.wav"
    (out / "song").mkdir(parents=True)
    (out / "song" / "vocals.wav").write_text("of another program")
    (out / "song" / "lyrics.txt").write_text("mine")
    with pytest.raises(OutputError, match="of an earlier run"):
        write(out, song, HPSS, "harmonic")
    write(out, song, again(HPSS), "harmonic")
    assert names(out / "song") == ["harmonic.wav", "lyrics.txt"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "song").write_text("x")
    with pytest.raises(OutputError, match="a folder for the stems, got a file"):
        write(tmp_path, tmp_path / "song.wav", again(HPSS), "harmonic")


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text("{")
    assert write(tmp_path, tmp_path / "in/song.wav", HPSS, "harmonic") == "song"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    [folder] = stem_folders([tmp_path / "song.wav"], out, HPSS)
    assert isinstance(folder, StemFolder)
    with pytest.raises(KeyboardInterrupt), folder.fill() as part:
        part.mkdir(parents=True)
        (part / "harmonic.wav").write_text("half")
        raise KeyboardInterrupt
    assert names(out) == []


def test_a_folder_of_one_recording_is_claimed(tmp_path: Path) -> None:
    """As of `run`, which writes as it goes: old stems are deleted first, other files stay."""
    out = tmp_path / "out"
    claim_folder(out, tmp_path / "a.wav", HPSS, ("harmonic", "percussive"))
    for name in ("harmonic.wav", "percussive.wav", "picture.png"):
        (out / name).write_text("x")
    claim_folder(out, tmp_path / "a.wav", HPSS, ("harmonic", "percussive"))
    assert names(out) == [RECORD, "picture.png"]
    (out / "harmonic.wav").write_text("x")
    for recording, job in ((tmp_path / "b.wav", HPSS), (tmp_path / "a.wav", OTHER)):
        with pytest.raises(OutputError, match="--overwrite replaces them"):
            claim_folder(out, recording, job, ("harmonic",))
    claim_folder(out, tmp_path / "b.wav", again(KAM), ("harmonic",))
    assert names(out) == [RECORD, "picture.png"]


def test_a_live_recording_is_never_replaced_by_the_same_command(tmp_path: Path) -> None:
    live = StemJob(label="unmix", settings={}, again=False)
    claim_folder(tmp_path, Path("mic"), live, ())
    (tmp_path / "vocals.wav").write_text("a take")
    with pytest.raises(OutputError, match="got the stems of"):
        claim_folder(tmp_path, Path("mic"), live, ())


def test_results_of_recordings_in_a_folder_are_known(tmp_path: Path) -> None:
    write(tmp_path / "in/stems", tmp_path / "in/song.wav", HPSS, "harmonic")
    write(tmp_path / "in/kept", tmp_path / "elsewhere/song.wav", HPSS, "harmonic")
    assert results_below(tmp_path / "in") == [tmp_path / "in/stems/song"]
    assert results_below(tmp_path / "in/stems") == []  # whoever names the stems means them
