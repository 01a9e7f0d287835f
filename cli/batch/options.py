"""The options of every batch: what is read, how much of the machine it takes, and what is said meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from cli.common import argument, option, output
from engine.core.config import Settings, plain
from offline.batch.runners.limits import BatchLimits

__all__ = ["BatchOptions", "RunningOptions", "batch_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningOptions(BatchLimits):
    """How a batch runs."""

    cluster: str | None = option(
        plain(None, "a Dask scheduler, such as tcp://127.0.0.1:8786, or `local` for a cluster of this machine"),
        metavar="ADDRESS|local",
        group="Running",
    )
    log_json: bool = option(plain(False, "JSON lines on standard output instead of a progress bar"), group="Running")
    again: bool = option(plain(False, "also try again what failed before"), group="Running")

    @property
    def limits(self) -> BatchLimits:
        """The limits alone, which go to workers on other machines."""
        return BatchLimits(**{each.name: getattr(self, each.name) for each in fields(BatchLimits)})


def batch_inputs(metavar: str = "INPUT...") -> Any:
    """The inputs of jobs that take recordings."""
    return argument(metavar, "recordings, folders, patterns, lists (.txt), addresses such as s3://bucket/songs/")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions(Settings):
    """Options of jobs that write a folder."""

    inputs: tuple[str, ...] = batch_inputs()
    output: str = output("DIR", "folder or address to write to")
    running: RunningOptions = plain(RunningOptions, "running")
