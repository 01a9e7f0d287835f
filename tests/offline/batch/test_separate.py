"""Where the stems of many files and of several models go."""

from __future__ import annotations

import threading
from pathlib import Path

from engine.core.errors import AudioFileError
from offline.batch.separate import folders, separate_files


def run(output: Path, label: str, *names: str) -> list[str]:
    """Separate by a stand-in that writes its label; the folders that were written."""

    def separate(file: Path, folder: Path, stop: threading.Event) -> None:
        if file.name == "bad.wav":
            raise AudioFileError(str(file), expected="an audio file", got="nothing there")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "harmonic.wav").write_text(label)

    done, _ = separate_files([Path(name) for name in names], output, separate, label=label, stop=threading.Event())
    return [folder.name for folder in done]


def test_a_folder_is_named_like_its_file() -> None:
    found = folders([Path("a.wav"), Path("b.wav"), Path("b.flac")], Path("out"))
    assert [folder.name for folder in found] == ["a", "b.wav", "b.flac"]


def test_stems_of_two_models_lie_beside_each_other(tmp_path: Path) -> None:
    assert run(tmp_path, "hpss", "song.wav") == ["song"]
    assert run(tmp_path, "kam", "song.wav") == ["song-kam"]
    assert run(tmp_path, "hpss", "song.wav") == ["song"]  # its own are written anew
    assert run(tmp_path, "kam", "song.wav") == ["song-kam"]
    assert (tmp_path / "song" / "harmonic.wav").read_text() == "hpss"
    assert (tmp_path / "song-kam" / "harmonic.wav").read_text() == "kam"


def test_a_bad_file_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    assert run(tmp_path, "hpss", "bad.wav", "song.wav") == ["song"]
