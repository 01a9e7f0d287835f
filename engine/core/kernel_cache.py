"""Choose where numba caches compiled kernels: a folder for each version of the sources, so that none is ever stale.

Numba checks only the file that holds a kernel. A kernel that calls one of another file would continue to use the old
code of that file after an update. So the folder's name is a hash of the text of every file that holds kernels.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["COMPILING", "cache_folder", "choose", "tend", "user_cache"]

COMPILING = "compiling kernels for this processor, once; later starts take seconds"
MARKS = (b"@njit", b"@cfunc", b"@intrinsic")
SETTING = "NUMBA_CACHE_DIR"
KEPT_S = 30 * 86400.0  # seconds that the kernels of other versions are kept unused


def cache_folder(*sources: Path) -> Path:
    """Return the folder for the kernels in the Python files below `sources`, in the user's cache."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in sources:
        for path in sorted(folder.rglob("*.py")):
            text = path.read_bytes()
            if any(mark in text for mark in MARKS):
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + text)
    return user_cache() / f"kernels-{digest.hexdigest()}"


def user_cache() -> Path:
    """Return the project's folder in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "collaparte"


def tend(folder: Path) -> None:
    """Mark the folder as used, and remove sibling folders that no start has used for a month."""
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for other in folder.parent.glob("kernels-*"):
        with suppress(FileNotFoundError):  # another process removed it first
            if other.stat().st_mtime < time.time() - KEPT_S:
                shutil.rmtree(other, ignore_errors=True)


def choose() -> None:
    """Set numba's cache folder unless the user has set it; without a home, its default beside the sources is used."""
    if SETTING in os.environ:
        return
    try:
        engine = Path(__file__).parents[1]
        kernels = cache_folder(engine, engine.parent / "offline")
        tend(kernels)
    except (OSError, RuntimeError):
        return
    folder = str(kernels)
    os.environ[SETTING] = folder  # for later processes, and for numba where it is not imported yet
    if (config := sys.modules.get("numba.core.config")) is not None:
        config.CACHE_DIR = folder  # type: ignore[attr-defined]
