"""The small cases of reports by users, beside the project: files, folders and labels."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import soundfile

from engine.audio.suffixes import has_ffmpeg
from offline.datasets.desed import read_labels
from tests.cli.files import HPSS, collaparte, stems_below
from tests.networks.detection import small_crnn_file
from tests.networks.separation import small_file
from tests.places import SHARED

CASES = SHARED.parent / "cases" / "files"


@pytest.fixture
def files() -> Path:
    if not CASES.is_dir():
        pytest.skip("the cases in ../shared are not here")
    return CASES


def frames(path: Path) -> int:
    return int(soundfile.info(str(path)).frames)


def test_stems_do_not_overwrite_stems(files: Path, tmp_path: Path) -> None:
    songs = [files / "two" / name / "song.wav" for name in "ab"]
    assert collaparte("separate", *songs, "--output", tmp_path).status == 0
    assert stems_below(tmp_path) == {"a-song": [*HPSS], "b-song": [*HPSS]}
    assert [frames(tmp_path / f"{name}-song" / HPSS[0]) for name in "ab"] == [frames(song) for song in songs]


def test_one_name_in_latin_1_loses_nothing(files: Path, tmp_path: Path) -> None:
    shutil.copy(files / "good1.wav", tmp_path / os.fsdecode(b"latin\xe9.wav"))
    shutil.copy(files / "good2.wav", tmp_path / "good2.wav")
    assert collaparte("tag", tmp_path, "--model", small_crnn_file(), "-o", tmp_path / "t.tsv").status == 0
    content = (tmp_path / "t.tsv").read_bytes()
    assert b"\nlatin\xe9.wav\t" in content and b"\ngood2.wav\t" in content


@pytest.mark.parametrize("name", ["trunc.wav", "trunc.flac"])
def test_truncated_files_are_told(files: Path, tmp_path: Path, name: str) -> None:
    result = collaparte("separate", files / name, "--output", tmp_path / "z")
    assert result.status == 2 and len(result.errors) == 1 and not result.out
    assert f"{files / name}: expected" in result.errors[0] and "as its header says" in result.errors[0]
    events = tmp_path / "e.jsonl"
    run = ("run", "--input", files / name, "--separate", "hpss", "--output", tmp_path / "r", "--events", events)
    assert collaparte(*run).status == 2
    assert '"dropout"' in events.read_text()
    assert frames(tmp_path / "r" / HPSS[0]) == frames(tmp_path / "z" / "trunc" / HPSS[0]) > 20_000


def test_a_folder_of_a_phone(files: Path, tmp_path: Path) -> None:
    result = collaparte("separate", files / "phone", files / "phone/ok.wav", "--output", tmp_path)
    assert result.status == 0
    wanted = {"ok", "rec", "v", *(["voice1"] if has_ffmpeg() else [])}
    assert set(stems_below(tmp_path)) == wanted
    assert has_ffmpeg() or "1 left out (1 .m4a" in result.lines[-1]
    assert [line for line in result.lines if "the same file as one before: done once" in line]


def test_headers_of_streams_and_six_channels(files: Path, tmp_path: Path) -> None:
    assert collaparte("separate", files / "stream_size0.wav", "--output", tmp_path / "z").status == 0
    assert frames(tmp_path / "z/stream_size0" / HPSS[0]) == 22050
    result = collaparte("separate", files / "six.wav", "--model", small_file(), "--output", tmp_path / "y")
    assert result.status == 2 and len(result.lines) == 1
    assert result.lines[0].startswith(f"collaparte: {files / 'six.wav'}: n_channels: expected 1 or 2, got 6; choose")


def test_labels(files: Path) -> None:
    strong = read_labels(files / "ev/bom.tsv").strong
    assert strong is not None and set(strong) == {"a.wav", "b.wav"}
    model = ("--model", small_crnn_file())
    result = collaparte("evaluate", "detection", files / "ev", "--labels", files / "ev/overlap_nan.tsv", *model)
    assert result.status == 2 and len(result.lines) == 1
    assert "overlap_nan.tsv, line 4: expected filename, onset, offset, event_label" in result.lines[0]
