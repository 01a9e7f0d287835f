"""Find the installed soundfont with the instruments, in the usual places of Debian, Fedora, Arch and Homebrew."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_soundfont"]

SOUNDFONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/sounds/sf3/default-GM.sf3",
    "/usr/share/sounds/sf3/MuseScore_General.sf3",
    "/usr/share/soundfonts/default.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/opt/homebrew/share/soundfonts/default.sf2",
    "/usr/local/share/soundfonts/default.sf2",
)


def find_soundfont() -> Path | None:
    """Return the first soundfont in the usual places, None if there is none."""
    return next((Path(path) for path in SOUNDFONTS if Path(path).exists()), None)
