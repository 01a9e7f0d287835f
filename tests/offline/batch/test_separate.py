"""Many files: each is whole or not there, and none stops the others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import AudioFileError, EngineError, OutputError
from engine.core.format import AudioFormat
from offline.batch.output_folders import StemJob
from offline.batch.outputs import stem_places as batch
from offline.batch.separate import SeparatedFiles, separate_files


@dataclass
class StandIn:
    """Writes its label; cannot read bad.wav, and is asked to stop at last.wav."""

    label: str

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        return ("harmonic", "percussive")

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        folder.mkdir(parents=True)
        (folder / "harmonic.wav").write_text(self.label)
        if file.name == "bad.wav":
            raise AudioFileError(
                str(folder / "harmonic.wav"), expected="room", got="none", remedy="free some; all stays"
            )
        if file.name == "last.wav":
            stop.set()
        return "cut off" if file.name == "short.wav" else ""


def run(output: Path, label: str, *names: str) -> SeparatedFiles:
    files = [output.parent / name for name in names]
    job = StemJob(label=label, settings={})
    return separate_files(files, output, StandIn(label), job=job, stop=threading.Event())


def names(result: SeparatedFiles) -> list[str]:
    return [folder.name for folder in result.done]


def test_stems_of_two_models_lie_beside_each_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert names(run(out, "hpss", "song.wav")) == ["song"]
    assert names(run(out, "kam", "song.wav")) == ["song-kam"]
    assert names(run(out, "hpss", "song.wav")) == ["song"]  # its own are written anew
    assert names(run(out, "kam", "song.wav")) == ["song-kam"]
    assert (out / "song" / "harmonic.wav").read_text() == "hpss"
    assert (out / "song-kam" / "harmonic.wav").read_text() == "kam"


def test_a_bad_file_is_counted_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    result = run(out, "hpss", "bad.wav", "song.wav", "short.wav")
    assert (names(result), result.failed, result.short) == (["song", "short"], 1, 1)
    assert not (out / "bad").exists()
    assert sorted(path.name for path in out.iterdir()) == [".collaparte.json", "short", "song"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "collaparte: " in line]
    assert f"{tmp_path / 'bad.wav'}: {out / 'bad' / 'harmonic.wav'}: expected room, got none; free" in lines[0]
    assert len(lines) == 2


def test_what_is_half_done_at_a_stop_is_no_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(out, "hpss", "song.wav", "last.wav", "never.wav")
    assert (names(result), result.failed) == (["song"], 0)
    assert sorted(path.name for path in out.iterdir()) == [".collaparte.json", "song"]


def test_a_disk_without_room_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros((8000, 2)), 8000)
    asked: list[int] = []

    def full(folder: Path, n_bytes: int, what: str) -> None:
        asked.append(n_bytes)
        raise OutputError(str(folder), expected=what, got="none")

    monkeypatch.setattr(batch, "require_room", full)
    with pytest.raises(EngineError):
        run(tmp_path / "out", "hpss", "none.wav", "song.wav")
    assert asked == [8000 * 2 * 2 * 4] and not (tmp_path / "out").exists()
