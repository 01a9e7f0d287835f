"""The files of a trained system, NAME.onnx and NAME-PART.onnx: its networks, and what its player needs beside them."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ModelError
from engine.inference.network import Network

__all__ = ["SystemFiles"]

KIND = "generator"
MAX_VALUES = 1 << 24


class SystemFiles:
    """The networks of one system.

    path: NAME.onnx, whose metadata holds the values and arrays
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.main = Network(path, KIND)

    def part(self, name: str) -> Network:
        """Open another part of the system."""
        return Network(self.path.with_name(f"{self.path.stem}-{name}.onnx"), f"{KIND}-{name}")

    def value(self, name: str, kind: type) -> Any:
        """Return a plain value of the metadata."""
        return self.main.value(name, kind)

    def has(self, name: str) -> bool:
        """Return whether the metadata has a value."""
        return name in self.main.metadata

    def size(self, name: str) -> int:
        """Return a size of the network, such as `hidden`."""
        found = self.value("network", dict).get(name)
        if not isinstance(found, int):
            raise ModelError(str(self.path), expected=f"a network with the size '{name}'", got=repr(found)[:60])
        return found

    def array(self, name: str) -> np.ndarray:
        """Return an array of the metadata, floats as float32."""
        text = self.value("arrays", dict).get(name)
        try:
            with np.load(io.BytesIO(base64.b64decode(str(text), validate=True)), allow_pickle=False) as file:
                found: np.ndarray = file["array"]
        except (binascii.Error, OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(str(self.path), expected=f"an array '{name}'", got=type(error).__name__) from error
        if found.size > MAX_VALUES:
            raise ModelError(str(self.path), expected=f"at most {MAX_VALUES} values in '{name}'", got=str(found.size))
        return found.astype(np.float32) if found.dtype.kind == "f" else found
