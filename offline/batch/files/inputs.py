"""Find the inputs of a batch: files, folders, globs, lists, tables of pairs, and addresses."""

from __future__ import annotations

import csv
import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from engine.audio.folders import find_recordings
from engine.core.errors import AudioFileError, ConfigError
from engine.core.whole_file import open_text
from offline.batch.files.found import FoundItems
from offline.batch.files.storage import is_address, remote_storage
from offline.batch.output_folders import results_below
from offline.batch.task import BatchItem

__all__ = ["find_items", "find_pairs"]

LIST_SUFFIXES = (".txt", ".m3u", ".m3u8")
GLOB = "*?["
SCORE, AUDIO = "score", "audio"


def find_items(texts: Sequence[str], *, output: str = "") -> FoundItems:
    """Return the recordings that texts name; EngineError if there are none.

    A text is a file, a folder, a pattern such as `songs/**/*.flac`, a list with a name a line (.txt, .m3u), or an
    address of a file, a folder or a pattern.
    output: a folder or an address whose files are results, not recordings
    """
    found = FoundItems()
    named = list(_listed(texts))
    local = [Path(text) for text in named if not is_address(text)]
    if local:
        results = [each for path in local for each in results_below(path)]
        results += [Path(output)] if output and not is_address(output) else []
        here = find_recordings(local, skip=results)
        found.items = [_item(name, path) for name, path in here.files]
        found.again, found.omissions = here.again, here.omissions
        found.empty = [str(error) for error in here.empty]
    if addresses := [text for text in named if is_address(text)]:
        remote = remote_storage().find_remote(addresses, output)
        found.items += remote.items
        found.again += remote.again
        found.omissions = "; ".join(filter(None, (found.omissions, remote.omissions)))
    if not found.items:
        raise AudioFileError(" ".join(texts) or "inputs", expected="recordings", got="none")
    return found


def _listed(texts: Iterable[str]) -> Iterator[str]:
    """The names that texts stand for: those of lists and local patterns in their place."""
    for text in texts:
        if is_address(text):
            yield text
        elif text.lower().endswith(LIST_SUFFIXES) and os.path.isfile(text):
            yield from _listed(_lines(Path(text)))
        elif any(letter in text for letter in GLOB) and not os.path.lexists(text):
            matches = sorted(glob.glob(text, recursive=True))
            if not matches:
                raise AudioFileError(text, expected="files that match the pattern", got="none")
            yield from matches
        else:
            yield text


def _lines(path: Path) -> Iterator[str]:
    """Each name of a list, taken from the folder of the list; comments and blank lines are left out."""
    with open_text(path) as file:
        for line in file:
            name = line.strip("\r\n")
            if name.strip() and not name.startswith("#"):
                yield _beside(path, name)


def _beside(table: Path, name: str) -> str:
    return name if is_address(name) or os.path.isabs(name) else os.path.join(table.parent, name)


def _item(name: str, *paths: Path) -> BatchItem:
    """An item of local files, named by absolute paths; a file that is not there is told when it is its turn."""
    size, versions = 0, []
    for path in paths:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            versions.append("none")
        else:
            size += status.st_size
            versions.append(str(status.st_mtime_ns))
    places = [os.path.abspath(path) for path in paths]
    return BatchItem(name, places[0], places[1] if len(places) > 1 else "", size, " ".join(versions))


def find_pairs(table: str) -> FoundItems:
    """Return the scores and recordings of a CSV with the columns score and audio, and `name` if it has one.

    Paths are taken from the folder of the table. ConfigError names a line that lacks one of them.
    """
    path = Path(table)
    try:
        with open_text(path) as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise ConfigError(table, expected="a CSV with the columns score, audio", got=got) from error
    found, seen = FoundItems(), Counter[str]()
    for number, row in enumerate(rows, 2):
        item = _pair(path, number, row)
        if seen[item.key]:
            found.again.append(item.name)
            continue
        seen[item.key] += 1
        found.items.append(item)
    if not found.items:
        raise ConfigError(table, expected="a CSV with the columns score, audio and a row a piece", got="no rows")
    found.items = _unique(found.items)
    return found


def _pair(table: Path, number: int, row: Mapping[str, str | None]) -> BatchItem:
    score, audio = ((row.get(column) or "").strip() for column in (SCORE, AUDIO))
    if not (score and audio):
        got = f"{score or 'no score'}, {audio or 'no audio'}"
        raise ConfigError(f"{table}, line {number}", expected="a score and an audio file", got=got)
    places = [_beside(table, each) for each in (audio, score)]
    name = (row.get("name") or "").strip() or audio
    if any(map(is_address, places)):
        found: BatchItem = remote_storage().remote_pair(name, *places)
        return found
    return _item(name, *map(Path, places))


def _unique(items: list[BatchItem]) -> list[BatchItem]:
    """Items of one name get the name of their recording and of their score."""
    count = Counter(item.name for item in items)
    return [
        item
        if count[item.name] == 1
        else BatchItem(f"{item.path} {item.score}", item.path, item.score, item.size, item.version)
        for item in items
    ]
