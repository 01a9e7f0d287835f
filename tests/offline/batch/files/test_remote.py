"""Inputs and results behind addresses: in memory, over http on this machine, and in a store like S3's."""

from __future__ import annotations

import functools
import http.server
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile

from engine.core.errors import AudioFileError, OutputError
from offline.batch.files.inputs import find_items
from offline.batch.files.remote import RemotePlace, fetched, remote_names, upload
from offline.batch.outputs.results import open_results, own_places
from offline.batch.running import BatchOrder, run_batch
from tests.cli.files import HPSS, collaparte
from tests.networks.detection import small_crnn_file
from tests.offline.batch.counting import CountJob
from tests.offline.batch.test_running import Seen, in_turn


def sound(n: int = 4000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.random.default_rng(n).standard_normal(n), 8000, format="WAV")
    return file.getvalue()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fsspec.AbstractFileSystem]:
    """A store in memory, empty; and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_folders_patterns_and_files_behind_addresses(memory: fsspec.AbstractFileSystem) -> None:
    for name in ("in/a.wav", "in/deep/b.flac", "in/notes.txt", "in/.hidden.wav", "in/out/a/harmonic.wav"):
        memory.pipe(f"/{name}", b"x" * len(name))
    found = find_items(["memory://in"], output="memory://in/out")
    assert [item.name for item in found.items] == ["a.wav", "deep/b.flac"]
    assert found.items[0].path == "memory:///in/a.wav" and found.items[0].size == 8 and found.items[0].version
    assert found.omissions == "2 left out (1 hidden, 1 .txt)"
    assert [item.name for item in find_items(["memory://in/**/*.flac"]).items] == ["deep/b.flac"]
    both = find_items(["memory://in/a.wav", "memory:///in/a.wav"])
    assert [item.name for item in both.items] == both.again == ["a.wav"]
    for address in ("memory://nowhere", "memory://in/*.ogg", "nonsense://in"):
        with pytest.raises(AudioFileError, match=address.split(":", maxsplit=1)[0]):
            find_items([address])


def test_a_batch_from_memory_to_memory(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "bad.wav"):
        memory.pipe(f"/in/{name}", b"x" * len(name))
    memory.pipe("/out/b.txt", b"of others")

    def run() -> Seen:
        results = open_results("memory://out")
        results.begin()
        order = BatchOrder(
            job=CountJob(),
            items=find_items(["memory://in"]).items,
            place=partial(own_places, results, ".txt"),
            there=results.names,
            folder=results.folder,
            tables={"sizes": tmp_path / "t.tsv"},
        )
        seen = Seen()
        run_batch(order, in_turn, seen, threading.Event())
        results.end()
        return seen

    assert run().names == ["bad.wav", "a.wav", "b.wav"]
    assert memory.cat("/out/a.txt") == b"5\n" and memory.cat("/out/b.txt") == b"of others"
    assert (tmp_path / "t.tsv").read_text() == "filename\tsize\tword\na.wav\t5.000\ta.wav\n"
    assert memory.exists("/out/.batch/manifest.jsonl") and memory.exists("/out/.batch/failures.tsv")
    for path in (tmp_path / "cache").rglob("*.jsonl"):
        path.unlink()  # another machine goes on
    assert run().names == []
    memory.pipe("/in/a.wav", b"longer now")
    assert run().names == ["a.wav"] and memory.cat("/out/a.txt") == b"10\n"


def test_a_folder_of_results_leaves_nothing_of_an_earlier_one(memory: fsspec.AbstractFileSystem) -> None:
    for names in (("old", "both"), ("both", "new")):
        with RemotePlace("memory://out", "song").fill() as part:
            part.mkdir()
            for name in names:
                (part / name).write_text(names[0])
    assert sorted(memory.find("/out/song")) == ["/out/song/both", "/out/song/new"]
    assert remote_names("memory://out") == {"song"} and remote_names("memory://nowhere") == frozenset()


def test_a_store_without_whole_objects(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    upload(tmp_path / "x", f"file://{tmp_path}/deep/y")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["y"]
    with pytest.raises(OutputError, match="expected an address to write to"):
        upload(tmp_path / "x", f"file://{tmp_path}/x/y")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A folder over http."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/a.wav").write_bytes(sound())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.log_message = lambda *words: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_http_is_read(web: str) -> None:
    [item] = find_items([f"{web}/a.wav"]).items
    with fetched(item.path) as copy:
        assert copy.name == "a.wav" and copy.read_bytes() == sound() and item.size == len(sound())
    assert not copy.exists()
    with pytest.raises(AudioFileError, match="expected an address that can be reached, got nothing there"):
        find_items([f"{web}/gone.wav"])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A store as S3's, on this machine."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stderr is not None
            line = next(line for line in server.stderr if "Running on http" in line)
            threading.Thread(target=server.stderr.read, daemon=True).start()
            facts = {"endpoint_url": line.split()[-1], "key": "x", "secret": "y"}
            for name, value in facts.items():
                monkeypatch.setenv(f"FSSPEC_S3_{name.upper()}", value)
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
            fsspec.config.set_conf_env(fsspec.config.conf)
            files = fsspec.filesystem("s3")
            files.mkdir("bucket")
            for name in ("a", "b"):
                files.pipe(f"bucket/songs/{name}.wav", sound(4000 + ord(name)))
            yield "s3://bucket"
        finally:
            server.terminate()
            fsspec.config.conf.pop("s3", None)


@pytest.mark.slow
def test_separate_from_a_store_to_a_store(bucket: str) -> None:
    one = ("--workers", 1, "--nice", 0)
    words = ("batch", "separate", f"{bucket}/songs/", "-o", f"{bucket}/stems/", *one)
    assert collaparte(*words).status == 0
    files = fsspec.filesystem("s3")
    files.invalidate_cache()
    assert sorted(files.find("bucket/stems")) == [
        "bucket/stems/.batch/claimed.txt",
        "bucket/stems/.batch/manifest.jsonl",
        "bucket/stems/.batch/plan.json",
        *(f"bucket/stems/{song}/{stem}" for song in "ab" for stem in HPSS),
    ]
    again = collaparte(*words)
    assert again.status == 0 and again.lines[0] == "2 done before: skipped"
    table = ("batch", "tag", f"{bucket}/songs/", "--model", small_crnn_file(), "-o", f"{bucket}/new/t.tsv", *one)
    assert collaparte(*table).status == 0
    rows = files.cat("bucket/new/t.tsv").decode().splitlines()
    assert rows[0].startswith("filename\tonset") and {row.split("\t")[0] for row in rows[1:]} == {"a.wav", "b.wav"}
    status = collaparte("batch", "status", f"{bucket}/new/t.tsv", "--json")
    assert json.loads(status.out)["done"] == 2
