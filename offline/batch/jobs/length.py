"""How long a recording is, told to whoever watches the task."""

from __future__ import annotations

from pathlib import Path

from engine.audio.files import AudioReader
from offline.batch.task import Pulse

__all__ = ["seconds_of"]


def seconds_of(path: Path, pulse: Pulse) -> float:
    """Return the seconds that a recording holds or promises, and tell the runner; AudioFileError if it is none."""
    with AudioReader(path) as reader:
        seconds = reader.format.seconds(reader.n_samples)
    pulse.on_audio(seconds)
    return seconds
