"""What has been engraved is kept, within bounds, and may be lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from engine.stage.engraving.cache import EngravedCache
from engine.stage.engraving.pages import PrintedPlaces

PLACES = PrintedPlaces(np.array([0, -1]), np.array([0.5, np.nan]), np.array([1, 2]))


def test_keys_tell_contents_apart(tmp_path: Path) -> None:
    cache = EngravedCache(tmp_path)
    assert cache.key(b"ab", b"c") != cache.key(b"a", b"bc")
    assert cache.key(b"a") == EngravedCache(tmp_path / "other").key(b"a")


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    cache = EngravedCache(tmp_path)
    cache.keep_places("score", PLACES)
    cache.keep_bars("layout", np.array([1, 2]))
    cache.keep_page("layout", 1, b"packed")
    again = EngravedCache(tmp_path)
    loaded = again.places("score")
    assert loaded is not None
    for one, other in zip(loaded, PLACES, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.bars("layout"), [1, 2])
    assert again.page("layout", 1) == b"packed"
    assert again.page("layout", 2) is None
    assert again.places("layout") is None


def test_memory_is_bounded(tmp_path: Path) -> None:
    cache = EngravedCache(tmp_path / "none", in_memory=100)
    (tmp_path / "none").write_text("a file where the folder should be")  # so that memory alone keeps
    for number in range(1, 6):
        cache.keep_page("layout", number, bytes(40))
    assert [cache.page("layout", number) is not None for number in range(1, 6)] == [False, False, False, True, True]


def test_the_disk_is_bounded_and_the_newest_stays(tmp_path: Path) -> None:
    cache = EngravedCache(tmp_path)
    for age, name in ((30, "old"), (20, "middle"), (10, "new")):
        cache.keep_page(name, 1, bytes(40))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    EngravedCache(tmp_path, on_disk=100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new"]


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    cache = EngravedCache(tmp_path)
    cache.keep_places("score", PLACES)
    (tmp_path / "score" / "places.npy").write_bytes(b"PK\x03\x04 no")
    assert cache.places("score") is None
    cache.keep_bars("layout", np.array([1]))
    (tmp_path / "layout" / "bars.npy").write_bytes(b"")
    assert cache.bars("layout") is None
