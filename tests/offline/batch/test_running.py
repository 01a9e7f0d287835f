"""Batches: what is done stays done, whatever happens, and the tables do not tell how often it happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ModelError
from offline.batch.manifest import BatchFolder
from offline.batch.outputs.places import FilePlace
from offline.batch.planning import BatchPlan, output_names
from offline.batch.runners.perform import perform_task
from offline.batch.running import BatchOrder, BatchSummary, run_batch
from offline.batch.task import BatchItem, BatchTask, TaskReport
from tests.offline.batch.counting import CountJob, items_in


@dataclass
class Seen:
    """A watcher that keeps what it is told."""

    plan: BatchPlan | None = None
    names: list[str] = field(default_factory=list)
    over: bool = False

    def on_plan(self, plan: BatchPlan) -> None:
        self.plan = plan

    def on_report(self, item: BatchItem, report: TaskReport) -> None:
        assert item.key == report.key
        self.names.append(item.name)

    def on_idle(self) -> None:
        self.over = True


def order_of(tmp_path: Path, items: list[BatchItem], suffix: str = ".tsv", job: CountJob | None = None) -> BatchOrder:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return BatchOrder(
        job=job or CountJob(),
        items=items,
        place=lambda items, entries: [FilePlace(out, name) for name in output_names(items, ".txt", entries)],
        there=lambda: {path.name for path in out.iterdir()},
        folder=BatchFolder(tmp_path / "batch"),
        tables={"sizes": tmp_path / f"t{suffix}"},
    )


def in_turn(tasks: Iterable[BatchTask], stop: threading.Event) -> Iterator[TaskReport]:
    """A runner in this process."""
    for task in tasks:
        if stop.is_set():
            return
        yield perform_task(task).usable()


def stopping_after(n: int) -> Callable[[Iterable[BatchTask], threading.Event], Iterator[TaskReport]]:
    """A runner that is stopped after so many tasks."""

    def run(tasks: Iterable[BatchTask], stop: threading.Event) -> Iterator[TaskReport]:
        for i, report in enumerate(in_turn(tasks, stop)):
            yield report
            if i + 1 >= n:
                stop.set()

    return run


def run(order: BatchOrder, runner: Callable = in_turn) -> tuple[BatchSummary, Seen]:
    seen = Seen()
    return run_batch(order, runner, seen, threading.Event()), seen


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


SIZES = {"a": 3, "empty": 0, "bad": 9, "short": 5, "b": 4}
TABLE = "filename\tsize\tword\na\t3.000\ta\nempty\t\t\nshort\t5.000\tshort\nb\t4.000\tb\n"


def test_a_batch_and_the_same_again(tmp_path: Path) -> None:
    items = items_in(tmp_path, **SIZES)
    summary, seen = run(order_of(tmp_path, items))
    assert seen.names == ["bad", "short", "b", "a", "empty"] and seen.over  # the largest first
    assert (summary.done, len(summary.failed), summary.stopped, summary.wrong) == (4, 1, 0, True)
    assert (tmp_path / "t.tsv").read_text() == TABLE
    failures = (tmp_path / "batch/failures.tsv").read_text().splitlines()
    assert failures[1].split("\t")[:3] == ["bad", str(tmp_path / "bad"), "failed"] and len(failures) == 2
    before = files_in(tmp_path / "out") | files_in(tmp_path)
    summary, seen = run(order_of(tmp_path, items))
    assert seen.names == [] and seen.plan is not None and (seen.plan.skipped, len(seen.plan.left)) == (4, 1)
    assert files_in(tmp_path / "out") | files_in(tmp_path) == before
    summary, seen = run(replace(order_of(tmp_path, items), again=True))
    assert seen.names == ["bad"]


def test_what_changes_is_done_again(tmp_path: Path) -> None:
    items = items_in(tmp_path, a=3, b=4)
    run(order_of(tmp_path, items))
    items = items_in(tmp_path, a=3, b=7)[1:] + items[:1]
    _, seen = run(order_of(tmp_path, items))
    assert seen.names == ["b"] and (tmp_path / "out/b.txt").read_text() == "7\n"
    (tmp_path / "out/a.txt").unlink()
    _, seen = run(order_of(tmp_path, items))
    assert seen.names == ["a"]
    _, seen = run(order_of(tmp_path, items, job=CountJob(factor=2)))
    assert seen.names == ["b", "a"] and (tmp_path / "t.tsv").read_text().endswith("b\t14.000\tb\na\t6.000\ta\n")


@settings(max_examples=20, deadline=None)
@given(stops=st.lists(st.integers(1, 3), max_size=4), parquet=st.booleans())
def test_the_result_does_not_tell_how_often_it_was_stopped(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], parquet: bool
) -> None:
    suffix = ".parquet" if parquet else ".tsv"
    found = []
    for stops_here in ([], stops):
        place = tmp_path_factory.mktemp("batch")
        order = order_of(place, items_in(place, **SIZES), suffix)
        n = 0
        for stop in stops_here:
            summary, _ = run(order, stopping_after(stop))
            n += stop
            assert summary.stopped == max(0, len(SIZES) - n)
            assert (place / f"t{suffix}").exists() == (n > len(SIZES))
        run(order)
        found.append((files_in(place / "out"), (place / f"t{suffix}").read_bytes()))
    assert found[0] == found[1]


def test_parquet_has_the_rows_of_the_text(tmp_path: Path) -> None:
    run(order_of(tmp_path, items_in(tmp_path, **SIZES), ".parquet"))
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert table.to_pylist() == [
        {"filename": "a", "size": 3.0, "word": "a"},
        {"filename": "empty", "size": None, "word": None},
        {"filename": "short", "size": 5.0, "word": "short"},
        {"filename": "b", "size": 4.0, "word": "b"},
    ]


def test_a_job_that_cannot_begin(tmp_path: Path) -> None:
    order = order_of(tmp_path, items_in(tmp_path, a=1), job=CountJob(usable=False))
    with pytest.raises(ModelError):
        run(order)
    assert (tmp_path / "batch/manifest.jsonl").read_bytes() == b""
