"""Find the recordings that files and folders name: each once, and what is left out by its kind."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.audio.ffmpeg import is_for_ffmpeg
from engine.audio.suffixes import has_ffmpeg, is_audio
from engine.core.errors import AudioFileError, printable

__all__ = ["Found", "FoundRecordings", "find_recordings"]

HIDDEN, NO_SUFFIX, BROKEN, ODD, CLOSED, OWN = (
    "hidden",
    "without suffix",
    "broken link",
    "pipe",
    "closed folder",
    "stems of ours",
)
SHOWN_KINDS = 6


class Found(NamedTuple):
    """A recording: its name in results, and its file."""

    name: str
    path: Path


@dataclass(slots=True)
class FoundRecordings:
    """What was found.

    files: in order, each file once
    again: recordings that were named more than once, by the name of the later one
    left_out: how many files of folders were left out, by suffix or kind
    empty: what is to say of folders in which there is none
    """

    files: list[Found] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    empty: list[AudioFileError] = field(default_factory=list)

    @property
    def omissions(self) -> str:
        """Return what is said of the files that were left out; empty if there are none."""
        n = self.left_out.total()
        if not n:
            return ""
        most = self.left_out.most_common(SHOWN_KINDS)
        kinds = [f"{count} {printable(kind)}" for kind, count in most]
        if others := n - sum(count for _, count in most):
            kinds.append(f"{others} others")
        hint = any(is_for_ffmpeg(Path(f"x{kind}")) for kind in self.left_out) and not has_ffmpeg()
        return f"{n} left out ({', '.join(kinds)}{'; pip install av reads more of them' if hint else ''})"


def find_recordings(paths: Iterable[Path], *, skip: Collection[Path] = ()) -> FoundRecordings:
    """List files, and all recordings below folders; AudioFileError if there is none at all.

    Names that begin with a dot are left out, links are followed once, and a file is never listed twice.
    skip: folders and files below folders that are results, not recordings
    """
    found, seen = FoundRecordings(), set[tuple[int, int] | str]()
    skipped = {os.path.realpath(path) for path in skip}
    for path in paths:
        if not os.path.isdir(path):
            _add(found, seen, Found(path.name, path), named=True)
            continue
        before = len(found.files) + len(found.again)
        for inside in _walk(path, found.left_out, skipped):
            _add(found, seen, Found(inside.relative_to(path).as_posix(), inside), named=False)
        if len(found.files) + len(found.again) == before:
            got = found.omissions or "an empty folder"
            found.empty.append(AudioFileError(str(path), expected="a folder with recordings", got=got))
    if not found.files and found.empty:
        raise found.empty[0]
    found.files = _by_unique_names(found.files)
    return found


def _add(found: FoundRecordings, seen: set[tuple[int, int] | str], one: Found, *, named: bool) -> None:
    key = _identity(one.path)
    if key not in seen:
        seen.add(key)
        found.files.append(one)
    elif named:
        found.again.append(str(one.path))
    else:
        found.again.append(one.name)


def _identity(path: Path) -> tuple[int, int] | str:
    """What two paths of one recording share, also on disks to which capital letters are small ones."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    return (status.st_dev, status.st_ino) if status.st_nlink == 1 else os.path.realpath(path)


def _by_unique_names(files: list[Found]) -> list[Found]:
    count = Counter(each.name for each in files)
    return [each if count[each.name] == 1 else Found(str(each.path), each.path) for each in files]


def _walk(folder: Path, left_out: Counter[str], skipped: Collection[str]) -> Iterator[Path]:
    """Recordings below a folder, in order of their names; each folder once, whatever leads to it."""
    entered, stack = set[str](), [folder]
    while stack:
        place = stack.pop()
        if (real := os.path.realpath(place)) in entered:
            continue
        entered.add(real)
        try:
            inside = sorted(place.iterdir())
        except OSError:
            left_out[CLOSED] += 1
            continue
        folders = []
        for path in inside:
            if (kind := _kind(path, skipped)) == "folder":
                folders.append(path)
            elif kind:
                left_out[kind] += 1
            else:
                yield path
        stack += reversed(folders)


def _kind(path: Path, skipped: Collection[str]) -> str:
    """Why a path is left out; `folder` for one to look into, empty for a recording."""
    if path.name.startswith("."):
        return HIDDEN
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return BROKEN
    if skipped and os.path.realpath(path) in skipped:
        return OWN
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        return ODD
    return "" if is_audio(path) else path.suffix.lower() or NO_SUFFIX
