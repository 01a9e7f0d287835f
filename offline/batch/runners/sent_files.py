"""Files that go to workers on other machines by their content: networks with their cards, and scores.

Each lies in the cache folder of the worker under the hash of its content, so that none is written twice and none is
ever stale. A card lies beside its network.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.whole_file import whole_path
from engine.score.readers import SUFFIXES as SCORE_SUFFIXES
from offline.batch.files.storage import is_address
from offline.batch.fingerprints import CARD, content_hash, files_of_job, relocated
from offline.batch.task import BatchJob, BatchTask

__all__ = ["SentFile", "SentTask", "files_to_send", "received", "sent_task"]

LARGEST_SCORE = 1 << 25  # bytes of a score that goes along with its task


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file on its way.

    path: where the planning machine has it
    group: hash of it, or of the network that it is the card of
    content: its bytes; empty where the worker has got them before
    """

    path: Path
    group: str
    content: bytes = b""

    @property
    def place(self) -> Path:
        """Return where a worker keeps it."""
        return _cache() / self.group / self.path.name

    def store(self) -> None:
        """Write it, unless it is there."""
        if not self.place.is_file():
            with whole_path(self.place) as part:
                part.write_bytes(self.content)


def _cache() -> Path:
    """The cache folder of this machine's user; a temporary one without a home."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home if os.path.isabs(home) else tempfile.gettempdir()) / "collaparte" / "sent"


def files_to_send(job: BatchJob) -> list[SentFile]:
    """Return the networks of a job and their cards, with their content."""
    found: list[SentFile] = []
    for path in files_of_job(job):
        card = path.suffix == CARD
        own = content_hash(path)
        group = _joined(found[-1].group, own) if card else own
        if card:  # both move to a folder of both
            found[-1] = replace(found[-1], group=group)
        found.append(SentFile(path, group, path.read_bytes()))
    return found


def _joined(*hashes: str) -> str:
    return hashlib.sha256(" ".join(hashes).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class SentTask:
    """A task for a worker elsewhere.

    files: of the job, without their content
    score: of the item, with its content; None if it has none, or the worker can reach it itself

    """

    task: BatchTask
    files: tuple[SentFile, ...]
    score: SentFile | None


def sent_task(task: BatchTask, files: Iterable[SentFile]) -> SentTask:
    """Return what is sent for a task; EngineError if its score cannot be read."""
    return SentTask(task, tuple(replace(each, content=b"") for each in files), _score(task))


def _score(task: BatchTask) -> SentFile | None:
    path = Path(task.item.score)
    if not task.item.score or is_address(task.item.score) or path.suffix.lower() not in SCORE_SUFFIXES:
        return None
    try:
        if path.stat().st_size > LARGEST_SCORE:
            return None
        content = path.read_bytes()
    except OSError as error:
        got = error.strerror or str(error)
        raise EngineError(task.item.score, expected="a score to send", got=got, remedy="check the path") from error
    return SentFile(path, hashlib.sha256(content).hexdigest(), content)


def received(sent: SentTask) -> BatchTask:
    """Return the task as it is done here: with the files that have come, wherever the planning machine has them."""
    moved: Mapping[Path, Path] = {each.path: each.place for each in sent.files}
    item = sent.task.item
    if sent.score is not None:
        sent.score.store()
        item = replace(item, local_score=str(sent.score.place))
    return replace(sent.task, job=relocated(sent.task.job, moved), item=item)
