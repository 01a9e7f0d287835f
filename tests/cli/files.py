"""What tests of commands on files share: small recordings, and a command in this process."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from cli.app import main

__all__ = ["HPSS", "Ended", "collaparte", "record", "stems_below"]

HPSS = ("harmonic.wav", "percussive.wav")


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it printed, and its lines on standard error without progress bars."""

    status: int
    out: str
    lines: list[str]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.lines if line.startswith("collaparte: ")]


def collaparte(*args: object) -> Ended:
    """A command in this process, which has imported everything already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(arg) for arg in args])
    text = re.sub(r"\x1b\[A", "", err.getvalue()).replace("\r", "\n")
    lines = [line for line in text.splitlines() if line.strip() and "%|" not in line and "/s]" not in line]
    assert "Traceback" not in text, text
    return Ended(status, out.getvalue(), lines)


def record(path: Path, n: int = 8000, n_channels: int = 1, rate: int = 8000, **options: str) -> Path:
    """A recording of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(len(path.name)).standard_normal((n, n_channels))
    container = {".aif": "AIFF", ".oga": "OGG", ".wave": "WAV"}.get(path.suffix.lower())
    with path.open("wb") as file:
        soundfile.write(file, noise, rate, format=container or path.suffix[1:].upper(), **options)
    return path


def stems_below(folder: Path) -> dict[str, Sequence[str]]:
    """The stems of each folder below, by the folder's path."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for path in folder.rglob("*.wav") if path.is_file()):
        found.setdefault(path.parent.relative_to(folder).as_posix(), []).append(path.name)
    return found
