"""The manifest: a line a task, whatever happens to the writer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import OutputError
from offline.batch.manifest import BatchFolder, Manifest, batch_folder_of, read_batch_manifest
from offline.batch.task import BatchItem, TaskReport, TaskStatus

ODD = os.fsdecode(b"/in/latin\xe9\n.wav")


def report(item: BatchItem, status: str = TaskStatus.OK, **values: object) -> TaskReport:
    return TaskReport(item.key, item.name, status, **values)  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    first, second = BatchItem("a", ODD, "", 5, "1"), BatchItem("b", "/in/b", "/in/score", 7, "2 3")
    with Manifest(path) as manifest:
        manifest.append(first, "job", report(first, TaskStatus.FAILED, error="no"))
        manifest.append(second, "job", report(second, output="b.csv", tables={"t": [[1.5, "x"]]}))
        manifest.append(first, "job", report(first, output="a.csv", audio_s=2.0))
        entries = read_batch_manifest(path)
        assert entries[ODD][1:] == ("a", "ok", "", "job", 5, "1", "a.csv", 2.0)
        assert entries[second.key].done and list(manifest.tables([entries[second.key]])) == [{"t": [[1.5, "x"]]}]
    assert all(json.loads(line) for line in path.read_text(encoding="ascii").splitlines())


@given(cut=st.integers(0, 400))
def test_a_torn_line_loses_itself_alone(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "m.jsonl"
    items = [BatchItem(name, f"/in/{name}") for name in "abc"]
    with Manifest(path) as manifest:
        for item in items[:2]:
            manifest.append(item, "job", report(item))
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    kept = path.read_bytes().count(b"\n") + (cut == 1)  # a line that lacks its end alone is whole
    with Manifest(path) as manifest:
        manifest.append(items[2], "job", report(items[2]))
    found = read_batch_manifest(path)
    assert [found[item.key].name for item in items[:kept]] == ["a", "b"][:kept]
    assert found["/in/c"].done and len(found) == kept + 1


def test_two_batches_do_not_write_one_manifest(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m.jsonl"), pytest.raises(OutputError, match="another batch at work there; wait for it"):
        Manifest(tmp_path / "m.jsonl")
    Manifest(tmp_path / "m.jsonl").close()


def test_a_folder_without_a_batch(tmp_path: Path) -> None:
    folder = BatchFolder(batch_folder_of(tmp_path / "t.tsv", folder=False))
    assert folder.path.name == "t.tsv.batch" and read_batch_manifest(folder.manifest) == {}
    with pytest.raises(OutputError, match="expected a batch, got no plan"):
        folder.read_plan()
