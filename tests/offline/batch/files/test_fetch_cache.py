"""What was fetched is kept, whole, by version and within its size, whoever uses it at once."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from engine.core.errors import ConfigError
from offline.batch.files.fetch_cache import CACHE_FOLDER, CACHE_GB, FetchCache
from offline.batch.files.remote import fetched


class Source:
    """What is fetched, and how often."""

    def __init__(self, content: bytes) -> None:
        self.content, self.n = content, 0

    def __call__(self, path: Path) -> None:
        self.n += 1
        path.write_bytes(self.content)


def read(cache: FetchCache, url: str, source: Source, version: str = "v1") -> bytes:
    with cache.file((url, len(source.content), version), "a.wav", source) as path:
        assert path.name == "a.wav"
        return path.read_bytes()


def kept(cache: FetchCache) -> int:
    return sum(path.is_file() for path in cache.folder.iterdir())


def test_what_was_fetched_is_fetched_once_a_version(tmp_path: Path) -> None:
    cache, source = FetchCache(tmp_path, 1000), Source(b"x" * 10)
    for _ in range(3):
        assert read(cache, "s3://b/a.wav", source) == source.content
    assert source.n == 1 and os.listdir(tmp_path) != []
    source.content = b"y" * 10
    assert read(cache, "s3://b/a.wav", source, "v2") == b"y" * 10
    assert source.n == 2


def test_without_a_version_or_beyond_the_size_nothing_is_kept(tmp_path: Path) -> None:
    cache, source = FetchCache(tmp_path, 5), Source(b"x" * 10)
    for version in ("", "v"):
        assert read(cache, "a", source, version) == source.content
    assert source.n == 2 and os.listdir(tmp_path) == []


def test_those_used_longest_ago_go_but_not_from_who_uses_them(tmp_path: Path) -> None:
    cache, sources = FetchCache(tmp_path, 25), [Source(bytes([k]) * 10) for k in range(3)]
    with cache.file(("0", 10, "v"), "a.wav", sources[0]) as held:
        for path in tmp_path.iterdir():
            if path.is_file():
                os.utime(path, (1, 1))
        for k in (1, 2):
            read(cache, str(k), sources[k], "v")
        assert held.read_bytes() == b"\0" * 10 and kept(cache) == 2
    assert [read(cache, str(k), sources[k], "v")[0] for k in (1, 2)] == [1, 2]
    assert [source.n for source in sources] == [1, 1, 1]


def test_an_entry_that_is_not_whole_is_fetched_anew(tmp_path: Path) -> None:
    cache, source = FetchCache(tmp_path, 1000), Source(b"x" * 10)
    read(cache, "a", source)
    (entry,) = [path for path in tmp_path.iterdir() if path.is_file()]
    entry.write_bytes(b"x")
    assert read(cache, "a", source) == source.content and source.n == 2


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = FetchCache(tmp_path, 1000)

    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise ConnectionError

    with pytest.raises(ConnectionError), cache.file(("a", 10, "v"), "a.wav", broken):
        pass
    assert os.listdir(tmp_path) == []


def test_many_at_once(tmp_path: Path) -> None:
    """Eight readers of six files, of which three fit: everybody reads what he asked for."""
    cache, barrier = FetchCache(tmp_path, 3000), threading.Barrier(8)

    def work(seed: int) -> bool:
        barrier.wait()
        return all(
            read(cache, str(k), Source(bytes([k]) * 1000)) == bytes([k]) * 1000
            for k in ((seed + i * (seed % 3 + 1)) % 6 for i in range(40))
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert kept(cache) <= 3 + 8 and not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_what_killed_processes_left_goes(tmp_path: Path) -> None:
    old, new = tmp_path / "use-1-x", tmp_path / "use-2-x"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (time.time() - 1e6,) * 2)
    read(FetchCache(tmp_path, 1000), "a", Source(b"x"))
    assert not old.exists() and new.exists()


def test_the_environment_says_where_and_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_FOLDER, str(tmp_path / "here"))
    monkeypatch.setenv(CACHE_GB, "0.000001")
    cache = FetchCache()
    assert cache.folder == tmp_path / "here" and cache.n_bytes == 1000
    monkeypatch.setenv(CACHE_GB, "much")
    with pytest.raises(ConfigError, match=CACHE_GB):
        FetchCache()


def test_an_address_is_read_through_it_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_FOLDER, str(tmp_path))
    files = fsspec.filesystem("memory")
    got: list[str] = []
    get = type(files).get_file
    monkeypatch.setattr(
        type(files), "get_file", lambda self, path, *a, **k: (got.append(path), get(self, path, *a, **k))
    )
    for content in (b"first", b"other"):
        files.pipe("/cached/a.wav", content)
        for _ in range(2):
            with fetched("memory://cached/a.wav") as path:
                assert path.read_bytes() == content and path.suffix == ".wav"
    assert len(got) == 2
    files.rm("/cached", recursive=True)
