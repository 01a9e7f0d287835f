"""The wait for kernels is announced, and only where something is compiled."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path

import pytest

from cli.terminal import kernels
from cli.terminal.kernels import Compiling, announced_compiling, compile_aside


def test_compiling_is_announced_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "AFTER_S", 0.0)
    monkeypatch.setattr(kernels, "REDRAW_S", 0.001)
    shown = Compiling(out := io.StringIO())
    shown.begin()
    while kernels.COMPILING not in out.getvalue():
        time.sleep(0.001)
    shown.begin()
    shown.end()
    shown.end()
    shown.finish()
    assert out.getvalue().splitlines() == [kernels.COMPILING, "2 kernels compiled and kept"]


def test_kernels_are_compiled_side_by_side_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    codes = [f"open({str(tmp_path / name)!r}, 'w')" for name in ("a.nbi", "b.nbi")]
    assert compile_aside(codes, threading.Event(), io.StringIO())
    assert {path.name for path in tmp_path.iterdir()} == {"a.nbi", "b.nbi"}
    assert not compile_aside(codes, threading.Event(), io.StringIO())


def test_where_nothing_is_compiled_nothing_is_said() -> None:
    with announced_compiling(out := io.StringIO()):
        pass
    assert out.getvalue() == ""
