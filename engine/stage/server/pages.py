"""Engraved pages for clients: one engraver, one request after another, its results kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.core.config import require, require_one_of
from engine.core.errors import ConfigError, EngineError
from engine.stage.server.shelf import ShelfScore, StagedScore

__all__ = ["Engraving", "PageDesk", "PageRequest"]

N_LAYOUTS = 8  # that are kept
N_WAITING = 6  # that may wait for the engraver
PATIENCE_S = 0.25  # a request waits so long before it is told that engraving takes time


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A layout that a client asks for: CSS pixels, and how large the staves are, percent of the usual."""

    width: int
    height: int
    scale: int
    spread: int = 0

    def __post_init__(self) -> None:
        require("w", self.width, 100, 8000)
        require("h", self.height, 100, 8000)
        require("scale", self.scale, 10, 200)
        require_one_of("spread", self.spread, (0, 1, 2))

    @classmethod
    def of(cls, query: Mapping[str, str]) -> PageRequest:
        """Read the query of an address; ConfigError if it holds anything else."""
        names = {"w": 820, "h": 1116, "scale": 40, "spread": 0}
        given = {name: query.get(name, str(usual)) for name, usual in names.items()}
        for name, text in given.items():
            if not (text.isascii() and text.isdecimal() and len(text) < 6):
                raise ConfigError(name, expected="a whole number", got=repr(text)[:20])
        return cls(*(int(text) for text in given.values()))


class Engraving(Protocol):
    """What engraves; every method may take seconds, and is called in threads of its own."""

    def pages(
        self, staged: StagedScore, request: PageRequest, on_progress: Callable[[float], None]
    ) -> Mapping[str, Any]:
        """Return the layout as clients are told it; its `layout` is the key of its pages. EngineError if it cannot."""
        ...

    def sheet(self, key: str, number: int) -> bytes:
        """Return one page, SVG packed by gzip; EngineError for a key that is not known."""
        ...

    def incipit(self, shelved: ShelfScore) -> bytes:
        """Return the first bars of a score, SVG packed by gzip; EngineError for one that has none to be engraved."""
        ...


@dataclass(slots=True)
class _Job:
    progress: float = 0.0
    task: asyncio.Task[Mapping[str, Any]] | None = None
    error: str = ""


@dataclass(slots=True)
class PageDesk:
    """Ask the engraver for layouts and pages; lives in the server's event loop.

    told: called with the id of a score and the progress, 0 to 1, while it is being engraved
    """

    engraving: Engraving | None
    told: Callable[[str, float], None]
    _jobs: OrderedDict[tuple[Any, ...], _Job] = field(default_factory=OrderedDict)
    _hand: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "engraving"))
    _other_hand: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "first bars"))

    async def layout(self, staged: StagedScore, version: int, request: PageRequest) -> Mapping[str, Any] | float:
        """Return a layout, or how far it is if that takes longer than a moment. EngineError if there will be none."""
        if self.engraving is None:
            raise ConfigError("pages", expected="an engraver", got="none", remedy="pip install 'collaparte[stage]'")
        job = self._job(self.engraving, staged, version, request)
        assert job.task is not None
        done, _ = await asyncio.wait([job.task], timeout=PATIENCE_S)
        return job.task.result() if done else job.progress

    def _job(self, engraving: Engraving, staged: StagedScore, version: int, request: PageRequest) -> _Job:
        key = (staged.shelved.id, version, request)
        if key not in self._jobs:
            if sum(job.task is not None and not job.task.done() for job in self._jobs.values()) >= N_WAITING:
                raise ConfigError("pages", expected=f"at most {N_WAITING} layouts at once", got="one more")
            job = self._jobs[key] = _Job()
            job.task = asyncio.create_task(self._engrave(engraving, staged, request, job))
            job.task.add_done_callback(lambda task: self._settle(key, task))
        self._jobs.move_to_end(key)
        return self._jobs[key]

    async def _engrave(
        self, engraving: Engraving, staged: StagedScore, request: PageRequest, job: _Job
    ) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()

        def progress(share: float) -> None:
            job.progress = share
            loop.call_soon_threadsafe(self.told, staged.shelved.id, share)

        self.told(staged.shelved.id, 0.0)
        pages = await loop.run_in_executor(self._hand, engraving.pages, staged, request, progress)
        self.told(staged.shelved.id, 1.0)
        return pages

    def _settle(self, key: tuple[Any, ...], task: asyncio.Task[Mapping[str, Any]]) -> None:
        """Keep what is good, up to a number; what has failed may be asked for again."""
        if task.cancelled() or task.exception() is not None:
            self._jobs.pop(key, None)
        while len(self._jobs) > N_LAYOUTS:
            oldest = next(iter(self._jobs))
            if (old := self._jobs[oldest].task) is not None and not old.done():
                break
            del self._jobs[oldest]

    async def sheet(self, key: str, number: int) -> bytes:
        """Return a page, SVG packed by gzip; EngineError if there is none."""
        if self.engraving is None:
            raise EngineError("page", expected="an engraver", got="none")
        return await asyncio.to_thread(self.engraving.sheet, key, number)

    async def incipit(self, shelved: ShelfScore) -> bytes:
        """Return the first bars of a score, SVG packed by gzip; EngineError if there are none."""
        if self.engraving is None:
            raise EngineError("first bars", expected="an engraver", got="none")
        return await asyncio.get_running_loop().run_in_executor(self._other_hand, self.engraving.incipit, shelved)

    def close(self) -> None:
        """Ask for nothing more."""
        for job in self._jobs.values():
            if job.task is not None:
                job.task.cancel()
        for hand in (self._hand, self._other_hand):
            hand.shutdown(wait=False, cancel_futures=True)
