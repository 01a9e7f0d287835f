"""Which folder the stems of a recording go to: never one that holds another's, never beside stems of another run.

A file `.collaparte.json` in the output folder says which job wrote which folder. The same job again replaces its own
stems; anything else needs `--overwrite`, which replaces the stems of the folder, all of them, and nothing else.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from engine.core.errors import EngineError, OutputError
from engine.core.whole_file import part_name, unfinished, whole_text, write_error

__all__ = [
    "RECORD",
    "StemFolder",
    "StemJob",
    "claim_folder",
    "claimed_folders",
    "folded",
    "folder_names",
    "results_below",
    "stem_folders",
]

RECORD = ".collaparte.json"
HERE = "."  # in the record: the folder that the record itself lies in
STEMS = ("harmonic", "percussive", "residual", "vocals", "drums", "bass", "other", "rest", "mix")
MANY = 1000  # folders that a record lists over several lines
LONGEST = 200  # bytes of a folder's name: a suffix still fits
DEEPEST = 40  # folders above a file that may become part of its name


@dataclass(frozen=True, slots=True, kw_only=True)
class StemJob:
    """What makes stems.

    label: the model, as it stands in the names of folders
    settings: everything that the stems depend on besides the recording
    overwrite: whether the stems of another job may be replaced
    again: whether the same job makes the same stems again, as on a file and not on a device
    """

    label: str
    settings: Mapping[str, Any]
    overwrite: bool = False
    again: bool = True

    def plain_settings(self) -> dict[str, Any]:
        """Return the settings as they come back from the record."""
        settings: dict[str, Any] = json.loads(json.dumps(dict(self.settings), default=str))
        return settings

    def entry(self, recording: Path, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the record holds of this job on a recording; settings: `plain_settings`, if at hand."""
        settings = self.plain_settings() if settings is None else settings
        return {"input": os.path.realpath(recording), "model": self.label, "settings": settings}


@dataclass(frozen=True, slots=True)
class StemFolder:
    """A folder that may be written.

    path: the folder
    entry: what the record will hold of it
    old: files that an earlier run left there, to be replaced
    claimed: stems under which the record holds it already; empty if it does not
    """

    path: Path
    entry: Mapping[str, Any]
    old: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return its name in the folder above."""
        return self.path.name

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """A temporary folder to write the stems to; it takes the place of the old stems when all are written."""
        with unfinished(part_name(self.path)) as part:
            try:
                yield part
            except EngineError as error:
                raise self._at_its_place(error, part) from error
            try:
                stems = sorted(path.stem for path in part.iterdir())
                self._replace(part)
            except OSError as error:
                raise write_error(self.path, error) from error
            if tuple(stems) != self.claimed:
                self.remember(stems)

    def _at_its_place(self, error: EngineError, part: Path) -> EngineError:
        """The error with the folder's own name, not the temporary one."""
        where = error.where.replace(str(part), str(self.path))
        if where == error.where:
            return error
        return type(error)(where, expected=error.expected, got=error.got, remedy=error.remedy.partition(";")[0])

    def _replace(self, part: Path) -> None:
        """Move the folder in place; files of others that lie beside the old stems stay, and are never moved."""
        if not self.path.exists():
            part.rename(self.path)
            return
        new = set(os.listdir(part))
        if set(os.listdir(self.path)) - set(self.old) - new:
            for name in new:
                os.replace(part / name, self.path / name)
            for name in set(self.old) - new:
                (self.path / name).unlink(missing_ok=True)
            return
        with unfinished(part_name(self.path)) as old:
            self.path.rename(old)
            part.rename(self.path)

    def remember(self, stems: Sequence[str], *, here: bool = False) -> None:
        """Write into the record which stems the folder holds; here: the record lies in the folder itself."""
        place, name = (self.path, HERE) if here else (self.path.parent, self.path.name)
        rows = {**_record(place), name: {**self.entry, "stems": list(stems)}}
        with whole_text(place / RECORD) as file:
            json.dump(rows, file, indent=1)


def folder_names(files: Sequence[Path], others: Iterable[str] = ()) -> list[str]:
    """Return one name for each file, all different on every disk, also where A is a and composed letters are not told.

    The name of the file without its suffix; with it, or with the folders above the file, where two would be the same.
    others: names that are taken
    """
    names = ["" for _ in files]
    groups: dict[str, list[int]] = {}
    for i, file in enumerate(files):
        groups.setdefault(folded(file.stem), []).append(i)
    taken = Counter(map(folded, others))
    for members in sorted(groups.values(), key=len):
        for i, name in zip(members, _distinct([files[i] for i in members], taken), strict=True):
            names[i] = _free(name, taken)
            taken[folded(names[i])] += 1
    return names


def _distinct(files: Sequence[Path], taken: Mapping[str, int]) -> list[str]:
    """The shortest names of one kind that differ for all of these files."""
    shortest = [_shown(file.stem) for file in files]
    for depth in range(DEEPEST):
        for kind in (_without_suffix, _with_suffix):
            names = [kind(file, depth) for file in files]
            keys = {folded(name) for name in names}
            if len(keys) == len(files) and not any(taken.get(key) for key in keys):
                return names
    return shortest


def _without_suffix(file: Path, depth: int) -> str:
    return _joined(file, depth, file.stem)


def _with_suffix(file: Path, depth: int) -> str:
    return _joined(file, depth, file.name)


def _joined(file: Path, depth: int, last: str) -> str:
    above = Path(os.path.abspath(file)).parent.parts[1:]
    return _shown("-".join([*above[max(0, len(above) - depth) :], last] if depth else [last]))


def _shown(name: str) -> str:
    """A name that no disk refuses for its length, and that is no path."""
    if len(raw := os.fsencode(name)) > LONGEST:
        name = raw[:LONGEST].decode("utf-8", "ignore")
    return "recording" if name.strip(" .") == "" else name


def _free(name: str, taken: Mapping[str, int]) -> str:
    """The name, or with the first number that makes it one of its own."""
    wanted, n = name, 2
    while taken.get(folded(name)):
        name, n = f"{wanted}-{n}", n + 1
    return name


def folded(name: str) -> str:
    """What a disk may take two names by to be the same."""
    return unicodedata.normalize("NFC", name).casefold()


def stem_folders(files: Sequence[Path], output: Path, job: StemJob) -> list[StemFolder | OutputError]:
    """Return the folder of each file, or why it cannot be written, before any work is done."""
    choice = _Choice(output, job, _record(output))
    return [choice.folder(file, name) for file, name in zip(files, folder_names(files), strict=True)]


def claimed_folders(folders: Sequence[StemFolder], output: Path, stems: Sequence[str]) -> list[StemFolder]:
    """Write all folders into the record at once, before their stems are made, and return them as claimed."""
    claimed = [
        replace(each, claimed=tuple(sorted({*stems, *(Path(name).stem for name in each.old)}))) for each in folders
    ]
    rows = _record(output) | {each.name: {**each.entry, "stems": list(each.claimed)} for each in claimed}
    with whole_text(output / RECORD) as file:
        file.write(json.dumps(rows, indent=1 if len(rows) < MANY else None))  # quick for a hundred thousand
    return claimed


class _Choice:
    """Chooses folders in `output`, none of them twice."""

    def __init__(self, output: Path, job: StemJob, record: Mapping[str, Any]) -> None:
        self.output, self.job, self.record = output, job, record
        self.names = {folded(name): name for name in record}  # as they are on the disk
        self.used: set[str] = set()
        self.settings = job.plain_settings()
        self.known_as: dict[str, list[str]] = {}  # folders of this model, by their recording
        for name, row in record.items():
            if row["model"] == job.label:
                self.known_as.setdefault(row["input"], []).append(name)

    def folder(self, file: Path, usual: str) -> StemFolder | OutputError:
        """The usual folder; one named by the model beside another model's stems; one of its own."""
        entry = self.job.entry(file, self.settings)
        longer = (kind(file, depth) for depth in range(1, DEEPEST) for kind in (_without_suffix, _with_suffix))
        for wanted in chain(self.known_as.get(entry["input"], ()), (usual,), longer):
            name = self._name(wanted, entry)
            if name is not None and folded(name) not in self.used:
                self.used.add(folded(name))
                return _checked(self.output / name, self._known(name), entry, self.job)
        return OutputError(str(self.output / usual), expected="a folder of its own", got="none that is free")

    def _known(self, name: str) -> Mapping[str, Any]:
        """What the record says of a folder."""
        return self.record.get(self.names.get(folded(name), name), {})

    def _name(self, wanted: str, entry: Mapping[str, Any]) -> str | None:
        """The name, with the model where the folder holds another model's stems; None if it is another recording's."""
        for name in (wanted, f"{wanted}-{self.job.label}"):
            known = self._known(name) or entry
            if known["input"] != entry["input"]:
                return None
            if known["model"] == entry["model"] or self.job.overwrite:
                return name
        return None


def claim_folder(folder: Path, recording: Path, job: StemJob, stems: Sequence[str]) -> None:
    """Take a folder for the stems of one recording, which lie in it beside other files; delete its old stems.

    OutputError if it holds the stems of another job.
    """
    known = _record(folder).get(HERE, {})
    found = _checked(folder, known, job.entry(recording), job, within=True)
    if isinstance(found, OutputError):
        raise found
    _forget(found, stems)


def _forget(folder: StemFolder, stems: Sequence[str]) -> None:
    try:
        for name in folder.old:
            (folder.path / name).unlink(missing_ok=True)
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder.path, error) from error
    folder.remember(stems, here=True)


def _checked(
    path: Path, known: Mapping[str, Any], entry: Mapping[str, Any], job: StemJob, *, within: bool = False
) -> StemFolder | OutputError:
    """The folder, if it is free, if this very job wrote it, or if it may be replaced."""
    if os.path.lexists(path) and not path.is_dir():
        return OutputError(str(path), expected="a folder for the stems", got="a file")
    old = _old_stems(path, known) if within or known else _everything(path)
    same = job.again and bool(known) and {**known, "stems": None} == {**entry, "stems": None}
    if old and not (same or job.overwrite):
        what = f"the stems of {_what(known, entry)}" if known else f"{', '.join(old[:3])} of an earlier run"
        remedy = "--overwrite replaces them, another --output keeps them"
        return OutputError(str(path), expected="a folder without stems", got=what, remedy=remedy)
    return StemFolder(path, entry, tuple(old if known or within else _old_stems(path, known)))


def _what(known: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """How another job differs."""
    if known["input"] != entry["input"]:
        return str(known["input"])
    return f"{known['model']}{'' if known['model'] != entry['model'] else ' with other settings'}"


def _old_stems(path: Path, known: Mapping[str, Any]) -> list[str]:
    """Names of the stems that an earlier run left; those of a run without a record are known by their names."""
    names = [f"{stem}.wav" for stem in dict.fromkeys((*known.get("stems", ()), *STEMS))]
    return [name for name in names if (path / name).exists()]


def _everything(path: Path) -> list[str]:
    return sorted(os.listdir(path)) if path.is_dir() else []


def _record(output: Path) -> dict[str, Any]:
    """What the record says; nothing where there is none, or none that can be read."""
    try:
        found = json.loads((output / RECORD).read_text(encoding="utf-8"))
        return {name: dict(row) for name, row in found.items() if {"input", "model"} <= set(row)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def results_below(folder: Path) -> list[Path]:
    """Return the folders and files below a folder that earlier runs made of recordings below it."""
    found, origin = [], os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name, row in _record(Path(place)).items() if RECORD in files else ():
            if str(row["input"]).startswith(origin + os.sep):
                here = [Path(place, f"{stem}.wav") for stem in row.get("stems", ())]
                found += here if name == HERE else [Path(place, name)]
    return found
