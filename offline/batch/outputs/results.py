"""The folder that a batch writes to, on this machine or behind an address, and where its own folder is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.core.errors import OutputError
from engine.core.whole_file import discard_of, discard_stale
from offline.batch.files.storage import is_address, remote_storage
from offline.batch.manifest import BATCH_FOLDER, BatchFolder, ManifestEntry, batch_folder_of
from offline.batch.outputs.places import FilePlace, RefusedPlace
from offline.batch.planning import output_names
from offline.batch.task import BatchItem, BatchPlace

__all__ = ["ResultFolder", "open_results", "own_places", "remote_batch_folder"]


class ResultFolder(Protocol):
    """Where results go."""

    @property
    def folder(self) -> BatchFolder:
        """Return the folder of the batch, on this machine."""
        ...

    def names(self) -> frozenset[str]:
        """Return the names that are there."""
        ...

    def place(self, name: str) -> BatchPlace:
        """Return the place of a result."""
        ...

    def clear(self, process: int) -> None:
        """Delete what a process that was killed has left unfinished."""
        ...

    def begin(self) -> None:
        """Take over the manifest of other machines."""
        ...

    def clean(self) -> None:
        """Delete what killed processes have left, once no other batch can be at work there."""
        ...

    def end(self, files: Iterable[Path] = ()) -> None:
        """Bring the files of the batch, and tables that lie here, to where the results are."""
        ...


@dataclass(frozen=True, slots=True)
class _LocalResults:
    root: Path
    folder: BatchFolder

    def names(self) -> frozenset[str]:
        return frozenset(os.listdir(self.root)) if self.root.is_dir() else frozenset()

    def place(self, name: str) -> BatchPlace:
        return FilePlace(self.root, name)

    def clear(self, process: int) -> None:
        discard_of(process, self.root)

    def begin(self) -> None:
        pass

    def clean(self) -> None:
        discard_stale(self.root, age_s=0)

    def end(self, files: Iterable[Path] = ()) -> None:
        del files


@dataclass(frozen=True, slots=True)
class _RemoteResults:
    """Behind an address; the manifest grows on this machine, and is written there at the end."""

    url: str
    folder: BatchFolder

    def names(self) -> frozenset[str]:
        found: frozenset[str] = remote_storage().remote_names(self.url)
        return found

    def place(self, name: str) -> BatchPlace:
        found: BatchPlace = remote_storage().RemotePlace(self.url, name)
        return found

    def clear(self, process: int) -> None:
        del process  # nothing unfinished is behind an address

    def clean(self) -> None:
        pass

    def begin(self) -> None:
        remote_storage().pull_manifest(f"{self._own}/{self.folder.manifest.name}", self.folder.manifest)

    def end(self, files: Iterable[Path] = ()) -> None:
        remote_storage().push_files(self.folder.path, self._own)
        for path in files:
            remote_storage().upload(path, f"{self.url}/{path.name}")

    @property
    def _own(self) -> str:
        return f"{self.url}/{BATCH_FOLDER}"


def open_results(output: str) -> ResultFolder:
    """Return the folder at a path or an address; EngineError if the address cannot be."""
    if is_address(output):
        remote_storage()
        return _RemoteResults(output.rstrip("/"), BatchFolder(remote_batch_folder(output)))
    root = Path(os.path.abspath(output))
    return _LocalResults(root, BatchFolder(batch_folder_of(root, folder=True)))


def remote_batch_folder(url: str) -> Path:
    """Return where this machine keeps the manifest of a batch that writes behind an address."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = hashlib.sha256(url.rstrip("/").encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return Path(home) / "collaparte" / "batches" / name


def own_places(
    results: ResultFolder, ending: str, items: Sequence[BatchItem], entries: Mapping[str, ManifestEntry]
) -> list[BatchPlace]:
    """Return the place of each item's result, claimed before the work; what others have put there is not replaced."""
    there, claimed = results.names(), results.folder.claimed()
    names = output_names(items, ending, entries)
    strangers = there - claimed - {entry.output for entry in entries.values()}
    results.folder.claim(name for name in names if name not in strangers)
    return [RefusedPlace(_taken(name)) if name in strangers else results.place(name) for name in names]


def _taken(name: str) -> OutputError:
    remedy = "name another --output, or move it away"
    return OutputError(name, expected="a free name for the result", got="a file of others", remedy=remedy)
