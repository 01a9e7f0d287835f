"""The cache of compiled kernels follows the sources: all of them, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numba

from engine.core.kernel_cache import KEPT_S, cache_folder, tend


def test_the_folder_follows_every_kernel(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("@njit\ndef f(): return g()\n")
    (tmp_path / "b.py").write_text("@njit\ndef g(): return 1\n")
    (tmp_path / "c.py").write_text("x = 1\n")
    before = cache_folder(tmp_path)
    (tmp_path / "c.py").write_text("x = 2\n")
    assert cache_folder(tmp_path) == before
    (tmp_path / "b.py").write_text("@njit\ndef g(): return 2\n")
    assert cache_folder(tmp_path) != before


def test_numba_uses_it() -> None:
    assert "kernels-" in numba.config.CACHE_DIR


def test_kernels_of_versions_long_unused_are_removed(tmp_path: Path) -> None:
    old, recent, other = tmp_path / "kernels-old", tmp_path / "kernels-recent", tmp_path / "something-else"
    for folder in (old, recent, other):
        folder.mkdir()
        (folder / "kernel.nbc").write_bytes(b"x")
    for folder in (old, other):
        os.utime(folder, (time.time() - 1.01 * KEPT_S,) * 2)
    tend(tmp_path / "kernels-new")
    tend(tmp_path / "kernels-new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kernels-new", "kernels-recent", "something-else"]
