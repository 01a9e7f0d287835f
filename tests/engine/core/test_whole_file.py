"""Files that are whole or not there, tables of whole rows, and what is checked before the work."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.core.errors import EngineError, OutputError, printable
from engine.core.output_limits import require_not_input, require_room, require_writable
from engine.core.table_log import TableLog
from engine.core.whole_file import (
    discard_stale,
    discard_unfinished,
    open_text,
    unfinished,
    whole_folder,
    whole_path,
    whole_text,
)


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """No file can be longer, as on a full disk."""
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_text(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    full = r"t\.csv: expected a place to write, got a full disk; free some space"
    with pytest.raises(OutputError, match=full), small_disk(1000), whole_text(path) as file:
        file.write("x" * 100_000)
    assert path.read_text() == "old" and names(tmp_path) == ["t.csv"]
    with whole_text(path) as file:
        file.write("new")
    assert path.read_text() == "new" and names(tmp_path) == ["t.csv"]


def test_a_link_stays_a_link_and_folders_are_made(tmp_path: Path) -> None:
    os.symlink("deep/real.csv", tmp_path / "link.csv")
    with whole_text(tmp_path / "link.csv") as file:
        file.write("x")
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "deep/real.csv").read_text() == "x"


def test_a_device_is_written_as_it_is() -> None:
    with whole_path("/dev/null") as part:
        assert part == Path("/dev/null")
    with TableLog("/dev/null", ("a",)) as table:
        table.write([("1",)])
    assert Path("/dev/null").is_char_device()


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with whole_folder(tmp_path / "song") as part:
            (part / f"{text}.txt").write_text(text)
    assert names(tmp_path) == ["song"] and names(tmp_path / "song") == ["two.txt"]


def test_what_is_unfinished_can_be_discarded(tmp_path: Path) -> None:
    with unfinished(tmp_path / "part") as part:
        part.mkdir()
        (part / "x").write_text("x")
        discard_unfinished()
        assert names(tmp_path) == []


def test_what_a_killed_process_left_is_deleted_after_an_hour(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    kept = [f".collaparte-{os.getpid()}-0", ".collaparte.json", f".collaparte-{ended.pid}-1"]
    for name in (f".collaparte-{ended.pid}-0", *kept):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / kept[-1])  # just now
    discard_stale(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_rows_appear_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "new/t.tsv"
    with TableLog(path, ("name", "n"), delimiter="\t") as table:
        assert not path.exists()  # no table before its first rows
        table.write([("a\tb", "1"), ('q"', "2")])
        assert path.read_text() == 'name\tn\n"a\tb"\t1\n"q"""\t2\n'
        table.write([])
        table.write([(os.fsdecode(b"\xe9\n"), "3")])
        assert path.read_bytes().endswith(b'"\xe9\n"\t3\n')
    with open_text(path) as file:
        assert os.fsencode(file.read().splitlines()[-2]) == b'"\xe9'


def test_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with TableLog(path, ("name",)) as table:
        table.write([("a" * 50,)])
        with small_disk(100), pytest.raises(OutputError, match="a full disk"):
            table.write([("b" * 40,), ("c" * 40,)])
        assert path.read_text() == "name\n" + "a" * 50 + "\n"
        table.write([("d",)])
        assert path.read_text().endswith("a\nd\n")


def test_a_table_for_which_there_is_no_room_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with small_disk(10), TableLog(path, ("name",)) as table, pytest.raises(OutputError):
        table.write([("x" * 100,)])
    assert names(tmp_path) == []
    path.write_text("old")
    with small_disk(10), TableLog(path, ("name",)) as table, pytest.raises(OutputError):
        table.write([("x" * 100,)])
    assert path.read_text() == "old"


def test_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\n")
    with open_text(tmp_path / "t.csv") as file:
        assert file.read() == "a,b\n"


def test_places_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    require_writable(tmp_path / "new/deep/t.csv")
    assert (tmp_path / "new/deep").is_dir() and not (tmp_path / "new/deep/t.csv").exists()
    require_writable(tmp_path / "other/folder", folder=True)
    assert not (tmp_path / "other").exists()
    for path, folder, said in (
        (tmp_path, False, "expected a place to write a file, got a folder"),
        (tmp_path / "file", True, "expected a folder to write to, got a file"),
        (tmp_path / "file/t.csv", False, "expected a place to write a file, got"),
        (tmp_path / "file/sub", True, "expected a folder to write to, got"),
        (tmp_path / ("n" * 300), False, "File name too long"),
    ):
        with pytest.raises(OutputError, match=said):
            require_writable(path, folder=folder)


def test_a_folder_without_the_right_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # root may do anything
    with pytest.raises(OutputError, match="no permission to write"):
        require_writable(tmp_path / "t.csv")


def test_room_and_inputs(tmp_path: Path) -> None:
    require_room(tmp_path / "new/folder", 1000, "stems")
    with pytest.raises(OutputError, match=r"room for 1000000000\.0 GB of stems, got \d"):
        require_room(tmp_path / "new/folder", 10**18, "stems")
    (tmp_path / "take.wav").write_text("x")
    os.symlink("take.wav", tmp_path / "link.wav")
    require_not_input(tmp_path / "new.wav", [tmp_path / "take.wav"])
    with pytest.raises(OutputError, match="got the input itself"):
        require_not_input(tmp_path / "link.wav", [tmp_path / "take.wav"])


def test_errors_are_one_line_and_name_their_file_once() -> None:
    error = EngineError("new\nline\x1b[31m\u2028.wav", expected="a", got="b")
    assert str(error) == "new\\nline\\x1b[31m\\u2028.wav: expected a, got b"
    assert printable("tab\t é ☺") == "tab\\t é ☺"
    assert str(EngineError("n", expected="a", got="b").about("x.wav")) == "x.wav: n: expected a, got b"
    named = EngineError("x.wav", expected="a", got="b")
    assert named.about("x.wav") is named


def test_a_reader_that_left_is_no_full_disk() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    table = TableLog("unused", ("a",))
    table._file = io.FileIO(writing, "w")
    with pytest.raises(BrokenPipeError) as caught:
        table.write([("1",)])
    assert caught.value.errno == errno.EPIPE
    table.close()
