"""What is left to do, and what results are called."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from offline.batch.manifest import ManifestEntry
from offline.batch.planning import output_names, plan_batch
from offline.batch.task import BatchItem


def item(path: str, size: int = 1, version: str = "1") -> BatchItem:
    return BatchItem(path, path, "", size, version)


def entry(of: BatchItem, output: str, status: str = "ok", job: str = "job") -> ManifestEntry:
    return ManifestEntry(0, of.name, status, "", job, of.size, of.version, output, 1.0)


def test_what_is_done_stays_and_what_has_changed_is_done_again() -> None:
    items = [item(f"/in/{name}.wav", size=i + 1) for i, name in enumerate("abcdefg")]
    entries = {
        items[0].key: entry(items[0], "a"),
        items[1].key: entry(items[1], "b", job="other settings"),
        items[2].key: entry(replace(items[2], size=99), "c"),
        items[3].key: entry(replace(items[3], version="0"), "d"),
        items[4].key: entry(items[4], "e", "failed"),
        items[5].key: entry(items[5], "f"),
        "/in/gone.wav": entry(item("/in/gone.wav"), "gone"),
    }
    plan = plan_batch(items, "job", entries, there={"a", "b", "c", "d"})
    assert (plan.todo, plan.changed, plan.lost, plan.skipped, plan.others) == ([1, 2, 3, 5, 6], 3, 1, 1, 1)
    assert [each.name for each in plan.left] == ["/in/e.wav"]
    assert plan.first_largest == [6, 5, 3, 2, 1]
    assert plan_batch(items, "job", entries, there={"a", "f"}, again=True).todo == [1, 2, 3, 4, 6]


PATHS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.sampled_from(["wav", "flac"])), unique=True
)


@given(PATHS, st.data())
def test_names_do_not_tell_how_often_a_batch_was_interrupted(paths: list, data: st.DataObject) -> None:
    items = [item(f"/{folder}/{name}.{suffix}") for folder, name, suffix in paths]
    whole = output_names(items, ".csv", {})
    assert len(set(whole)) == len(items)
    done = data.draw(st.sets(st.sampled_from(range(len(items))))) if items else set()
    entries = {items[i].key: entry(items[i], whole[i]) for i in done}
    assert output_names(items, ".csv", entries) == whole


def test_what_comes_later_takes_no_name_that_is_taken() -> None:
    first, later = item("/a/song.wav"), item("/b/song.wav")
    [name] = output_names([first], "/", {})
    assert output_names([later, first], "/", {first.key: entry(first, name)}) == ["b-song", "song"]
    assert output_names([later], "/", {first.key: entry(first, name)}) == ["song.wav"]
