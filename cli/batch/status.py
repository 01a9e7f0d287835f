"""`collaparte batch status` and `retry`: look after a batch by what its folder says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.batch.options import RunningOptions
from cli.common import SHOWN, argument, command, option
from cli.terminal.report import note
from cli.terminal.stopping import USER_ERROR
from engine.core.config import SETTING, Settings, plain
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from offline.batch.manifest import BatchFolder

__all__ = ["RetryOptions", "StatusOptions", "batch_retry_command", "batch_status_command"]

STATUS_EXAMPLES = """\
examples:
  collaparte batch status stems/
  collaparte batch status events.parquet --json
"""
RETRY_EXAMPLES = """\
examples:
  collaparte batch retry stems/
  collaparte batch retry events.tsv --memory 8 --workers 1
"""
OUTPUT_TEXT = "the folder or the table that a batch writes to"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions(Settings):
    """Options of `collaparte batch status`."""

    output: str = argument("OUTPUT", OUTPUT_TEXT)
    json: bool = plain(False, "as one JSON object on standard output")


@command(StatusOptions, STATUS_EXAMPLES)
def batch_status_command(options: StatusOptions) -> int:
    """Print what the manifest says; USER_ERROR if any has failed."""
    from offline.batch.manifest import read_batch_manifest

    folder = _folder(options.output)
    plan = folder.read_plan()
    entries = read_batch_manifest(folder.manifest).values()
    failed = [entry for entry in entries if not entry.done]
    facts: dict[str, Any] = {
        "job": plan.get("job"),
        "inputs": plan.get("inputs"),
        "done": len(entries) - len(failed),
        "failed": len(failed),
        "audio_h": round(sum(entry.audio_s for entry in entries) / 3600, 3),
        "command": plan.get("command"),
        "folder": plan.get("folder"),
    }
    if options.json:
        print(json.dumps(facts | {"failures": [entry.error for entry in failed]}))
    else:
        _print(facts, [entry.error for entry in failed])
    return USER_ERROR if failed else 0


def _print(facts: dict[str, Any], errors: list[str]) -> None:
    of = f" of {facts['inputs']}" if facts["inputs"] else ""
    print(f"{facts['job']}: {facts['done']}{of} done, {facts['failed']} failed, {facts['audio_h']:.2f} h of audio")
    print(f"begun in {facts['folder']} by: collaparte {' '.join(facts['command'] or ())}")
    for error in errors:
        print(error)


def _folder(text: str) -> BatchFolder:
    """The folder of the batch that writes to a folder or to a table, or the folder itself."""
    from offline.batch.files.storage import is_address
    from offline.batch.manifest import BATCH_FOLDER, BatchFolder, batch_folder_of
    from offline.batch.outputs.results import remote_batch_folder

    if is_address(text):
        table = remote_batch_folder(f"{text}.batch")
        return BatchFolder(table if table.is_dir() else remote_batch_folder(text))
    output = Path(text)
    places = [batch_folder_of(output, folder=True), batch_folder_of(output, folder=False)]
    itself = output if BATCH_FOLDER in (output.name, output.suffix) else places[0]
    return BatchFolder(next((place for place in (*places, itself) if place.is_dir()), places[0]))


def _of_running(name: str) -> Any:
    """An option of every batch; None leaves it as the batch was started."""
    declared = RunningOptions.__dataclass_fields__[name].metadata
    setting = replace(declared[SETTING], optional=True)
    shown = {"metavar": declared[SHOWN].metavar} if SHOWN in declared else {}
    return option(field(default=None, metadata={SETTING: setting}), group="Running", **shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions(Settings):
    """Options of `collaparte batch retry`: what is typed takes the place of what the batch was started with."""

    output: str = argument("OUTPUT", OUTPUT_TEXT)
    workers: int | None = _of_running("workers")
    memory: float | None = _of_running("memory")
    timeout_factor: float | None = _of_running("timeout_factor")
    timeout: float | None = _of_running("timeout")
    cluster: str | None = _of_running("cluster")
    log_json: bool = plain(False, "JSON lines on standard output instead of a progress bar")


@command(RetryOptions, RETRY_EXAMPLES)
def batch_retry_command(options: RetryOptions) -> int:
    """Give the same command again, with --again."""
    from cli.app import FRONT_DOOR, NAME

    plan = _folder(options.output).read_plan()
    words = [*plan.get("command", ()), *_typed(options), "--again"]
    note(f"{NAME} {' '.join(words)}")
    with _within(Path(plan.get("folder", "."))):
        return int(FRONT_DOOR.main(words, prog_name=NAME, standalone_mode=False, obj=plan["command"]) or 0)


def _typed(options: RetryOptions) -> list[str]:
    """What is typed now, as words: the last of two counts."""
    words = ["--log-json"] if options.log_json else []
    for name in ("workers", "memory", "timeout_factor", "timeout", "cluster"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    """Paths are those of the folder in which the batch was started."""
    before = Path.cwd()
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(str(folder), expected="the folder in which the batch was started", got=str(error)) from error
    try:
        yield
    finally:
        os.chdir(before)
