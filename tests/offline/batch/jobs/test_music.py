"""Jobs that make something of a seed say how long it is before they begin: a busy machine has that much patience."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.batch.jobs import music
from offline.batch.jobs.music import GenerateJob, SongsJob
from offline.batch.task import BatchItem, LocalFiles, Pulse
from offline.synthesis.songs_render import SongSettings


class Begun(Exception):
    """The work itself has begun."""


def begin_at_once(*args: object, **more: object) -> None:
    raise Begun


@pytest.mark.parametrize(
    ("job", "maker", "seconds"),
    [
        (SongsJob(song=SongSettings(seconds=70.0)), "drawn_stems", 70.0),
        (GenerateJob(model="BachBot", bars=30, tempo=120.0), "open_generator", 60.0),
    ],
)
def test_the_length_is_told_first(
    job: SongsJob | GenerateJob, maker: str, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(music, maker, begin_at_once)
    told: list[float] = []
    work = job._render if isinstance(job, SongsJob) else job._write
    files = LocalFiles(Path(), Path())
    with pytest.raises(Begun):
        work(BatchItem("piece-00001"), files, tmp_path / "out", Pulse(on_audio=told.append))
    assert told == [seconds]
