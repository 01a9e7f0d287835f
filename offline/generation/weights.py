"""Weights of a player: NAME.npz in half precision, with the metadata that it needs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ModelError

__all__ = ["StoredWeights", "save_weights"]

META = "meta"
MAX_VALUES = 1 << 26


class StoredWeights(Mapping[str, np.ndarray]):
    """Arrays of one system, as float32, and its metadata `meta`."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            self.meta: dict[str, Any] = json.loads(arrays.pop(META).tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())[:80] or type(error).__name__
            raise ModelError(str(path), expected="weights that `collaparte` wrote", got=reason) from error
        if sum(a.size for a in arrays.values()) > MAX_VALUES:
            raise ModelError(str(path), expected=f"at most {MAX_VALUES} values", got="more")
        self._arrays = {k: a.astype(np.float32) if a.dtype.kind == "f" else a for k, a in arrays.items()}
        self.path = path

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._arrays[name]
        except KeyError:
            raise ModelError(str(self.path), expected=f"an array {name!r}", got="none") from None

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays of one of several networks, without its name."""
        return {name.removeprefix(prefix): a for name, a in self._arrays.items() if name.startswith(prefix)}


def save_weights(path: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Write NAME.npz: floats in half precision, integers in the smallest type that holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = {name: _shrink(np.asarray(a)) for name, a in arrays.items()}
    text = np.frombuffer(json.dumps(dict(meta)).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, **small, **{META: text})  # type: ignore[arg-type]


def _shrink(a: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a.astype(np.float16)
    return a.astype(np.min_scalar_type(int(a.min()) if a.min() < 0 else int(a.max()))) if a.size else a
