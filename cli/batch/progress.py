"""What is said while a batch runs: a bar for people, JSON lines for logs."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tqdm import tqdm

from cli.terminal.report import note
from offline.batch.planning import BatchPlan
from offline.batch.task import BatchItem, TaskReport

__all__ = ["BatchBar", "BatchLog", "plan_text"]

MOST_LINES = 20  # failures that are told one by one
EVERY_S = 10.0  # between two lines of progress in a log
BAR = "{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]"


def plan_text(plan: BatchPlan) -> str:
    """What is skipped, and why something that was done is done again; empty for a new batch."""
    texts = {
        "done before: skipped": plan.skipped,
        "changed since: done again": plan.changed,
        "whose result is gone: done again": plan.lost,
        "failed before: left, `collaparte batch retry` tries them again": len(plan.left),
        "of an earlier run not among the inputs: kept": plan.others,
    }
    return "; ".join(f"{n} {text}" for text, n in texts.items() if n)


class _Tally:
    """Counts what has come of a batch."""

    def __init__(self) -> None:
        self.n = self.total = self.failed = 0
        self.audio_s = 0.0
        self.begun_s = time.monotonic()

    def add(self, report: TaskReport) -> None:
        self.n += 1
        self.failed += not report.done
        self.audio_s += report.audio_s

    @property
    def speed(self) -> float:
        """How many times faster than real time."""
        return self.audio_s / max(time.monotonic() - self.begun_s, 1e-9)


class BatchBar:
    """A bar by the size of the files, with their number, hours of audio, speed and failures."""

    def __init__(self) -> None:
        self._tally = _Tally()
        self._bar: Any = None

    def on_plan(self, plan: BatchPlan) -> None:
        """Begin."""
        if text := plan_text(plan):
            note(text)
        self._tally.total = len(plan.todo)
        n_bytes = sum(_weight(plan.items[i]) for i in plan.todo)
        self._bar = tqdm(total=n_bytes, bar_format=BAR, disable=len(plan.todo) < 2)

    def on_report(self, item: BatchItem, report: TaskReport) -> None:
        """Move on; say what is wrong."""
        tally = self._tally
        tally.add(report)
        text = f"{tally.n:,} of {tally.total:,}, {tally.audio_s / 3600:.1f} h of audio, {tally.speed:.0f} x real time"
        self._bar.set_postfix_str(f"{text}, {tally.failed} failed" if tally.failed else text, refresh=False)
        self._bar.update(_weight(item))
        if report.error and tally.failed <= MOST_LINES:
            tqdm.write(f"collaparte: {report.error}", file=sys.stderr)

    def on_idle(self) -> None:
        """The bar stays as it is."""
        self._bar.close()


def _weight(item: BatchItem) -> int:
    return max(item.size, 1)


class BatchLog:
    """A JSON object a line: the plan, every task, how far it is every ten seconds, the end."""

    def __init__(self) -> None:
        self._tally = _Tally()
        self._said_s = time.monotonic()

    def on_plan(self, plan: BatchPlan) -> None:
        """Begin."""
        self._tally.total = len(plan.todo)
        _say(
            "plan",
            inputs=len(plan.items),
            todo=len(plan.todo),
            skipped=plan.skipped,
            changed=plan.changed,
            lost=plan.lost,
            left=len(plan.left),
            others=plan.others,
        )

    def on_report(self, item: BatchItem, report: TaskReport) -> None:
        """Say it."""
        self._tally.add(report)
        _say(
            "task",
            name=item.name,
            input=item.path,
            status=report.status,
            error=report.error,
            audio_s=round(report.audio_s, 3),
            cpu_s=report.cpu_s,
            peak_mb=report.peak_mb,
        )
        if time.monotonic() - self._said_s > EVERY_S:
            self._said_s = time.monotonic()
            self._progress("progress")

    def on_idle(self) -> None:
        """The end."""
        self._progress("end")

    def _progress(self, kind: str) -> None:
        tally = self._tally
        _say(
            kind,
            done=tally.n - tally.failed,
            failed=tally.failed,
            left=tally.total - tally.n,
            audio_s=round(tally.audio_s, 3),
            speed=round(tally.speed, 2),
            wall_s=round(time.monotonic() - tally.begun_s, 3),
        )


def _say(kind: str, **values: Any) -> None:
    print(json.dumps({"type": kind, **values}), flush=True)
