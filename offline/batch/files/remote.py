"""Files behind addresses, by fsspec (extra `remote`): inputs are copied to this machine while they are worked on,
results are made here and then written whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError, EngineError, OutputError, printable
from offline.batch.files.fetch_cache import FetchCache
from offline.batch.files.found import FoundItems
from offline.batch.files.storage import is_address
from offline.batch.task import BatchItem

__all__ = [
    "RemotePlace",
    "fetched",
    "find_remote",
    "pull_manifest",
    "push_files",
    "remote_names",
    "remote_pair",
    "upload",
]

WHOLE = ("s3", "s3a", "gs", "gcs", "abfs", "az", "memory")  # stores in which an object appears whole
VERSIONS = ("ETag", "etag", "md5Hash", "Content-MD5", "LastModified", "Last-Modified", "mtime", "created", "updated")
GLOB = "*?["
HIDDEN = "hidden"


def _opened(url: str) -> tuple[Any, str]:
    """The file system of an address and the path in it; AudioFileError if there is none of this kind."""
    try:
        found: tuple[Any, str] = url_to_fs(url)
        return found
    except (ImportError, ValueError, OSError) as error:
        raise _trouble(url, error) from error


def _trouble(url: str, error: BaseException) -> EngineError:
    """What a store, of whatever kind, has against an address, in one line."""
    if isinstance(error, EngineError):
        return error
    got = "nothing there" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
    return AudioFileError(url, expected="an address that can be reached", got=" ".join(got.split())[:200])


@contextmanager
def fetched(url: str) -> Iterator[Path]:
    """A copy of a remote file on this machine, kept for the next time; AudioFileError if it cannot be reached."""
    files, path = _opened(url)

    def fetch(local: Path) -> None:
        try:
            files.get_file(path, str(local))
        except Exception as error:  # each store has kinds of its own
            raise _trouble(url, error) from error

    try:
        files.invalidate_cache()
        facts = files.info(path)
    except Exception as error:  # each store has kinds of its own
        raise _trouble(url, error) from error
    key = (files.unstrip_protocol(path), int(facts.get("size") or 0), _version(facts))
    with FetchCache().file(key, PurePosixPath(path).name, fetch) as local:
        yield local


def find_remote(addresses: Iterable[str], output: str = "") -> FoundItems:
    """Return the recordings behind addresses of files, folders and patterns; AudioFileError if there are none.

    output: an address whose files are results, not recordings
    """
    found, seen, left_out = FoundItems(), set[str](), Counter[str]()
    for address in addresses:
        n_before = len(found.items)
        try:
            for item in _below(address, output, left_out):
                if item.path in seen:
                    found.again.append(item.name)
                else:
                    seen.add(item.path)
                    found.items.append(item)
        except Exception as error:  # each store has kinds of its own
            raise _trouble(address, error) from error
        if len(found.items) == n_before and not found.again:
            raise AudioFileError(address, expected="recordings", got="none")
    kinds = ", ".join(f"{n} {printable(kind)}" for kind, n in left_out.most_common())
    found.omissions = f"{left_out.total()} left out ({kinds})" if kinds else ""
    return found


def _below(address: str, output: str, left_out: Counter[str]) -> Iterator[BatchItem]:
    files, path = _opened(address)
    if any(letter in path for letter in GLOB):
        facts: Mapping[str, Any] = files.glob(path, detail=True)
        root = path[: min(path.index(letter) for letter in GLOB if letter in path)].rpartition("/")[0]
    elif files.isdir(path):
        facts, root = files.find(path, detail=True), path.rstrip("/")
    else:
        yield _item(PurePosixPath(path).name, files.unstrip_protocol(path), files.info(path))
        return
    ours = _opened(output)[1].rstrip("/") + "/" if output and is_address(output) else None
    for place in sorted(facts):
        name = place[len(root) :].lstrip("/")
        if facts[place].get("type") == "directory" or (ours is not None and place.startswith(ours)):
            continue
        if any(part.startswith(".") for part in PurePosixPath(name).parts):
            left_out[HIDDEN] += 1
        elif is_audio(Path(name)):
            yield _item(name, files.unstrip_protocol(place), facts[place])
        else:
            left_out[PurePosixPath(name).suffix.lower() or "without suffix"] += 1


def _item(name: str, url: str, facts: Mapping[str, Any]) -> BatchItem:
    return BatchItem(name, url, "", int(facts.get("size") or 0), _version(facts))


def _version(facts: Mapping[str, Any]) -> str:
    """What tells that the content has changed."""
    return str(next((facts[name] for name in VERSIONS if facts.get(name)), ""))


def remote_pair(name: str, audio: str, score: str) -> BatchItem:
    """Return an item of two files, at least one of them behind an address."""
    facts = [_facts(place) for place in (audio, score)]
    size = sum(int(each.get("size") or 0) for each in facts)
    return BatchItem(name, audio, score, size, " ".join(map(_version, facts)))


def _facts(place: str) -> Mapping[str, Any]:
    """What is known of a file; nothing of one that is not there, which is told when it is its turn."""
    with suppress(Exception):
        files, path = fsspec.core.url_to_fs(place)
        found: Mapping[str, Any] = files.info(path)
        return found
    return {}


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """A file, or a folder of files, behind the address `root`.

    Files appear whole. In a folder they appear one after the other: the manifest says when all are there.
    """

    root: str
    name: str

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """A place on this machine; what is written there goes to the address at the end."""
        with tempfile.TemporaryDirectory(prefix="collaparte-made-") as folder:
            part = Path(folder, f"made{PurePosixPath(self.name).suffix}")
            yield part
            upload(part, f"{self.root.rstrip('/')}/{self.name}")


def upload(local: Path, url: str) -> None:
    """Write a file, or the files of a folder, to an address; what an earlier run left there goes.

    OutputError if that fails.
    """
    files, path = _opened(url)
    inside = [each for each in sorted(local.rglob("*")) if each.is_file()] if local.is_dir() else [local]
    targets = {f"{path}/{each.relative_to(local).as_posix()}" if local.is_dir() else path: each for each in inside}
    try:
        for target, each in targets.items():
            _put(files, each, target)
        if local.is_dir():
            for old in set(files.find(path)) - {files._strip_protocol(target) for target in targets}:
                files.rm_file(old)
    except Exception as error:  # each store has kinds of its own
        got = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise OutputError(url, expected="an address to write to", got=got) from error


def _put(files: Any, local: Path, target: str) -> None:
    protocols = (files.protocol,) if isinstance(files.protocol, str) else files.protocol
    files.makedirs(target.rpartition("/")[0], exist_ok=True)
    if any(each in WHOLE for each in protocols):
        files.put_file(str(local), target)
        return
    part = f"{target}.collaparte-{os.getpid()}"
    files.put_file(str(local), part)
    files.mv(part, target)


def remote_names(url: str) -> frozenset[str]:
    """Return the names of the files and folders directly behind an address; none if it is not there."""
    files, path = _opened(url)
    try:
        files.invalidate_cache()
        return frozenset(PurePosixPath(each.rstrip("/")).name for each in files.ls(path, detail=False))
    except FileNotFoundError:
        return frozenset()
    except Exception as error:  # each store has kinds of its own
        raise _trouble(url, error) from error


def pull_manifest(url: str, local: Path) -> None:
    """Take over the manifest behind an address if it says more than the one here, of another machine's work."""
    files, path = _opened(url)
    try:
        size = int(files.info(path).get("size") or 0)
    except FileNotFoundError:
        return
    except Exception as error:  # each store has kinds of its own
        raise _trouble(url, error) from error
    if not local.is_file() or size > local.stat().st_size:
        with fetched(url) as copy:
            local.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(copy, local)  # not moved: what is kept has the same content


def push_files(folder: Path, url: str) -> None:
    """Write the files of a batch's folder behind an address, beside its results."""
    for each in sorted(folder.iterdir()):
        if each.is_file():
            upload(each, f"{url.rstrip('/')}/{each.name}")
