"""Recordings with labels as in DESED: a folder of audio, and TSV files of labels.

Strong labels: filename, onset, offset, event_label (seconds); weak ones: filename, event_labels separated by commas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.audio.suffixes import is_audio
from engine.core.errors import ConfigError
from engine.detection.event_decoder import Interval
from offline.datasets.label_table import read_label_table
from offline.datasets.scenes import read_tsv
from offline.datasets.soundscapes import merge_events

__all__ = ["LabelFile", "find_audio", "find_labels", "read_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """The contents of a TSV file.

    path: the file
    strong: events by file name, or None
    weak: labels of each file, either way
    """

    path: Path
    strong: dict[str, list[Interval]] | None
    weak: dict[str, set[str]]

    @property
    def labels(self) -> set[str]:
        """Return every label that occurs."""
        return {label for of in self.weak.values() for label in of}


def read_labels(path: Path) -> LabelFile:
    """Read strong or weak labels, by the header; overlapping events of one label are merged. ConfigError otherwise."""
    header = read_label_table(path).columns
    if {"filename", "onset", "offset", "event_label"} <= set(header):
        strong = {name: merge_events(of) for name, of in read_tsv(path).items()}
        return LabelFile(path=path, strong=strong, weak={name: {e.label for e in of} for name, of in strong.items()})
    if {"filename", "event_labels"} <= set(header):
        return LabelFile(path=path, strong=None, weak=_read_weak(path))
    expected = "columns filename, onset, offset, event_label, or filename, event_labels"
    raise ConfigError(str(path), expected=expected, got=", ".join(header)[:80])


def _read_weak(path: Path) -> dict[str, set[str]]:
    rows = [(row["filename"], row["event_labels"]) for _, row in read_label_table(path).rows()]
    return {name: {label.strip() for label in text.split(",") if label.strip()} for name, text in rows if name}


def find_labels(folder: Path) -> LabelFile:
    """Return the first TSV file of a folder, at any depth, with strong labels; ConfigError if none has."""
    found = []
    for path in sorted(folder.rglob("*.tsv"), key=lambda p: (len(p.parts), p.name)):
        try:
            found.append(read_labels(path))
        except ConfigError:
            continue  # another table
    strong = [one for one in found if one.strong is not None]
    if not strong:
        remedy = "name the file with --labels"
        expected = "a TSV with columns filename, onset, offset, event_label"
        raise ConfigError(str(folder), expected=expected, got=f"{len(found)} with weak labels only", remedy=remedy)
    return strong[0]


def find_audio(folder: Path, names: Mapping[str, object] | None = None) -> dict[str, Path]:
    """Return recordings under the folder by the file name that labels use; only those of `names`, if given."""
    files = {p.name: p for p in sorted(folder.rglob("*")) if p.is_file() and is_audio(p)}
    if names is None:
        return files
    return {name: files[Path(name).name] for name in names if Path(name).name in files}
