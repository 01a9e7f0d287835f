"""Find the installed soundfont with the instruments, in the usual places of Debian, Fedora, Arch and Homebrew."""

from __future__ import annotations

from importlib.util import find_spec
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
    """Return the first soundfont in the usual places, else that of the package pretty_midi, None if there is none."""
    return next((Path(path) for path in (*SOUNDFONTS, *_packaged()) if Path(path).exists()), None)


def _packaged() -> list[str]:
    """Return the soundfont that comes with pretty_midi, which is not imported."""
    spec = find_spec("pretty_midi")
    return [] if spec is None or spec.origin is None else [str(Path(spec.origin).with_name("TimGM6mb.sf2"))]
