"""Data are made by the core of batches: whole or not at all, once, the same as by itself."""

from __future__ import annotations

from pathlib import Path

from offline.batch.jobs.corpora import module_items, performance_items, project_items
from tests.cli.files import collaparte
from tests.offline.datasets.test_performances import needs_sound


@needs_sound
def test_performances_that_are_there_stay(tmp_path: Path) -> None:
    words = ("data", "performances", "-o", tmp_path, "--n", "2", "--seconds", "2")
    assert collaparte(*words).status == 0
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    assert len(made) == 6 and not list(tmp_path.glob(".*"))
    first = sorted(tmp_path.iterdir())[0]
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    for path in first.iterdir():
        path.unlink()
    first.rmdir()
    assert collaparte(*words).status == 0
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    assert all(path.stat().st_mtime_ns == then for path, then in made.items() if path.parent != first)


@needs_sound
def test_salience_recordings_that_are_there_stay_and_the_rest_is_the_same(tmp_path: Path) -> None:
    words = ("data", "salience", "-o", tmp_path, "--n", "2", "--seconds", "2")
    assert collaparte(*words).status == 0
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(made) == 5 and "transform.json" in made  # both sides of two pieces
    names = sorted(name for name in made if "-written-" in name)
    (tmp_path / names[0]).unlink()
    kept = tmp_path / names[1]
    then = kept.stat().st_mtime_ns
    assert collaparte(*words).status == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == made
    assert kept.stat().st_mtime_ns == then


def test_items_are_called_as_their_folders() -> None:
    assert [item.name for item in module_items([Path("a/B.mod"), Path("b/B.xm")])] == ["000-b", "001-b"]
    assert [item.name for item in project_items([Path("a/My Song.mmp")])] == ["my song"]
    (item,) = performance_items(["composed-17"], 3)
    assert (item.name, item.path) == ("composed_17_3", "composed-17")
