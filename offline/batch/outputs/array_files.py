"""Arrays in files that grow frame by frame in bounded memory: .npy, or Zarr with the clock among its attributes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from engine.core.errors import ConfigError

__all__ = ["array_writer"]

HEADER_BYTES = 128  # of a .npy with two axes, however long they are
CHUNK_FRAMES = 4096
REMEDY = "pip install 'collaparte[tables]'"

Frames = npt.NDArray[np.float32]
Write = Callable[[Frames], None]


@contextmanager
def array_writer(form: str, path: Path, n_features: int, attributes: Mapping[str, Any]) -> Iterator[Write]:
    """Append frames (frame, n_features) float32 to an array that is made at `path` plus the suffix of its form."""
    with _npy(path, n_features) if form == "npy" else _zarr(path, n_features, attributes) as write:
        yield write


@contextmanager
def _npy(path: Path, n_features: int) -> Iterator[Write]:
    """Write the header anew at the end, when the number of frames is known."""
    n = 0
    with path.with_name(f"{path.name}.npy").open("wb") as file:

        def write(frames: Frames) -> None:
            nonlocal n
            file.write(np.ascontiguousarray(frames, "<f4").tobytes())
            n += len(frames)

        file.write(bytes(HEADER_BYTES))
        yield write
        file.seek(0)
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, n_features)})
        if file.tell() != HEADER_BYTES:
            raise AssertionError(f"a header of {file.tell()} bytes")


@contextmanager
def _zarr(path: Path, n_features: int, attributes: Mapping[str, Any]) -> Iterator[Write]:
    """Chunks of whole rows, so that each is written once."""
    try:
        zarr = importlib.import_module("zarr")
    except ImportError as error:
        raise ConfigError("--form zarr", expected="zarr", got=str(error), remedy=REMEDY) from error
    array = zarr.create_array(
        store=str(path.with_name(f"{path.name}.zarr")),
        shape=(0, n_features),
        chunks=(CHUNK_FRAMES, n_features),
        dtype="float32",
        attributes=dict(attributes),
    )
    waiting: list[Frames] = []

    def put(frames: Frames) -> None:
        start = array.shape[0]
        array.resize((start + len(frames), n_features))
        array[start:] = frames

    def write(frames: Frames) -> None:
        waiting.append(frames.copy())
        if sum(map(len, waiting)) >= CHUNK_FRAMES:
            together = np.concatenate(waiting)
            whole = len(together) // CHUNK_FRAMES * CHUNK_FRAMES
            put(together[:whole])
            waiting[:] = [together[whole:]]

    yield write
    if waiting and sum(map(len, waiting)):
        put(np.concatenate(waiting))
