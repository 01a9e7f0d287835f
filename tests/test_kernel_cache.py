"""The cache of compiled kernels follows the sources: all of them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numba

from engine.kernel_cache import cache_folder


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
