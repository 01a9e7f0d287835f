"""Recordings in folders: every readable suffix, each file once, and a word about what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.audio import folders, suffixes
from engine.audio.folders import find_recordings
from engine.audio.suffixes import FFMPEG_SUFFIXES, is_audio, readable_suffixes
from engine.core.errors import AudioFileError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.mark.parametrize(
    "name", ["a.wav", "a.WAVE", "a.Oga", "a.ogg", "a.opus", "a.mp3", "a.aif", "a.aifc", "a.snd", "a.w64", "a.caf"]
)
def test_every_name_of_a_readable_format(name: str) -> None:
    assert is_audio(Path(name))


@pytest.mark.parametrize("name", ["a", "a.txt", "a.mid", "a.raw", "a.mat", "wav", "a.wav.txt", "a.png"])
def test_what_is_no_recording(name: str) -> None:
    assert not is_audio(Path(name))


@pytest.fixture(params=[False, True], ids=["without FFmpeg", "with FFmpeg"])
def ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    there = bool(request.param)
    monkeypatch.setattr(suffixes, "has_ffmpeg", lambda: there)
    monkeypatch.setattr(folders, "has_ffmpeg", lambda: there)
    readable_suffixes.cache_clear()
    return there


@pytest.fixture(autouse=True)
def _forget() -> None:
    readable_suffixes.cache_clear()


def test_what_only_ffmpeg_reads_is_found_or_named(tmp_path: Path, ffmpeg: bool) -> None:
    touch(tmp_path / "a.wav", *(tmp_path / f"voice.{suffix}" for suffix in ("m4a", "wma")))
    assert {"m4a", "wma"} <= FFMPEG_SUFFIXES
    found = find_recordings([tmp_path])
    assert len(found.files) == (3 if ffmpeg else 1)
    said = "2 left out (1 .m4a, 1 .wma; pip install av reads more of them)"
    assert found.omissions == ("" if ffmpeg else said)


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.wav", "b.txt", "c.TXT", ".d.wav", "._a.wav", "README", "deep/e.pdf")))
    (tmp_path / ".git").mkdir()
    os.symlink("nowhere.wav", tmp_path / "dead.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    found = find_recordings([tmp_path])
    assert [each.name for each in found.files] == ["a.wav"]
    counts = {".txt": 2, "hidden": 3, "without suffix": 1, ".pdf": 1, "broken link": 1, "pipe": 1}
    assert found.left_out == counts
    assert found.omissions.startswith("9 left out (3 hidden, 2 .txt, ")


def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "rec/a.wav", tmp_path / "rec/sub/b.wav", tmp_path / "other/c.wav")
    os.symlink("..", tmp_path / "rec/sub/loop")
    os.symlink("../other", tmp_path / "rec/elsewhere")
    os.symlink("../other", tmp_path / "rec/twice")
    os.symlink("../other/c.wav", tmp_path / "rec/link.wav")
    found = find_recordings([tmp_path / "rec"])
    assert {each.path.name for each in found.files} == {"a.wav", "b.wav", "link.wav"}
    assert len(found.again) == 1  # c.wav, which link.wav is


def test_a_recording_that_is_named_twice_is_one(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav", tmp_path / "b.wav")
    other_way = tmp_path / ".." / tmp_path.name / "a.wav"
    found = find_recordings([tmp_path / "a.wav", tmp_path / "b.wav", other_way, tmp_path])
    assert [each.path for each in found.files] == [tmp_path / "a.wav", tmp_path / "b.wav"]
    assert found.again == [str(other_way), "a.wav", "b.wav"]


def test_two_copies_on_the_disk_are_two(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav")
    os.link(tmp_path / "a.wav", tmp_path / "copy.wav")  # one file of two names
    assert len(find_recordings([tmp_path]).files) == 2


def test_folders_without_recordings(tmp_path: Path) -> None:
    touch(tmp_path / "texts/a.txt", tmp_path / "good/a.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioFileError, match="empty: expected a folder with recordings, got an empty folder"):
        find_recordings([tmp_path / "empty"])
    found = find_recordings([tmp_path / "texts", tmp_path / "good"])
    assert len(found.files) == 1
    assert "texts: expected a folder with recordings, got 1 left out (1 .txt)" in str(found.empty[0])


def test_results_are_no_recordings(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav", tmp_path / "stems/a/harmonic.wav", tmp_path / "stems/mine.wav")
    found = find_recordings([tmp_path], skip=[tmp_path / "stems/a"])
    assert [each.name for each in found.files] == ["a.wav", "stems/mine.wav"]
    assert found.left_out == {"stems of ours": 1}


def test_names_of_any_bytes(tmp_path: Path) -> None:
    names = [b"latin\xe9.wav", b"new\nline.wav", b"tab\t.wav", "☺.wav".encode(), b"\x1b[31m.wav", b" .wav", b"-o.wav"]
    for name in names:
        touch(tmp_path / os.fsdecode(name))
    found = find_recordings([tmp_path])
    assert sorted(os.fsencode(each.name) for each in found.files) == sorted(names)
