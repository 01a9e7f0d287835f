"""Read the metadata of an exported network file without opening the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.core.errors import ModelError
from engine.inference.protobuf import Message, read_fields

__all__ = ["NetworkFile", "parse_metadata", "read_content", "read_metadata", "read_network_file"]

MAX_BYTES = 1 << 30
METADATA, KEY, VALUE = 14, 1, 2  # fields of a ModelProto, and of one entry of its metadata
REMEDY = "use a file that `collaparte` exported"


class NetworkFile:
    """Metadata of a network file, by name; ModelError if the file is of another kind.

    path: the file
    kind: what the metadata must name it, such as "unmix"
    metadata: the values, parsed from JSON
    """

    def __init__(self, path: str | Path, kind: str, metadata: Mapping[str, Any]) -> None:
        self.path, self.kind, self.metadata = str(path), kind, dict(metadata)
        found = self.value("kind", str)
        if found != kind:
            raise self._wrong(f"a network of kind {kind}", str(found))

    def value(self, name: str, kind: type) -> Any:
        """Return the metadata of a name; ModelError if it is missing or of another type."""
        found = self.metadata.get(name)
        if isinstance(found, bool) != (kind is bool) or not isinstance(found, kind):
            raise self._wrong(f"metadata '{name}' of type {kind.__name__}", repr(found)[:60])
        return found

    def expect(self, name: str, wanted: object) -> None:
        """Raise ModelError with both values unless the metadata of a name is `wanted`."""
        found = self.value(name, type(wanted))
        if found != wanted:
            raise self._wrong(f"{name} {wanted}", repr(found)[:60])

    def _wrong(self, expected: str, got: str) -> ModelError:
        return ModelError(self.path, expected=expected, got=got, remedy=REMEDY)


def read_network_file(path: Path, kind: str) -> NetworkFile:
    """Read the metadata of a file of this kind; ModelError if it is another file."""
    return NetworkFile(path, kind, parse_metadata(path, _texts(path)))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata of any network file; none where they do not name its kind, as of files of others."""
    texts = _texts(path)
    return parse_metadata(path, texts) if "kind" in texts else {}


def _texts(path: Path) -> dict[str, str]:
    try:
        return dict(_entries(memoryview(read_content(path))))
    except (ValueError, IndexError) as error:
        raise ModelError(str(path), expected="an ONNX network", got=str(error), remedy=REMEDY) from error


def _entries(model: Message) -> Iterator[tuple[str, str]]:
    """Yield names and values of the metadata of a ModelProto."""
    for number, entry in read_fields(model):
        if number == METADATA and not isinstance(entry, int):
            texts = {field: bytes(text).decode() for field, text in read_fields(entry) if not isinstance(text, int)}
            yield texts.get(KEY, ""), texts.get(VALUE, "")


def read_content(path: Path) -> bytes:
    """Read the bytes of a file; ModelError if it is empty, too large or cannot be read."""
    try:
        size = path.stat().st_size
        if not 0 < size <= MAX_BYTES:
            raise ModelError(str(path), expected=f"1 to {MAX_BYTES} bytes", got=f"{size}", remedy=REMEDY)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(str(path), expected="a readable ONNX file", got=error.strerror or "an error") from error


def parse_metadata(path: str | Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Parse the JSON of each entry of the metadata; ModelError if it is not JSON."""
    try:
        return {name: json.loads(text) for name, text in texts.items()}
    except (ValueError, RecursionError) as error:
        expected, got = "metadata written as JSON", "something else"
        raise ModelError(str(path), expected=expected, got=got, remedy=REMEDY) from error
