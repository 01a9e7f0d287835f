"""Pack OSC messages of a fixed layout fast (Open Sound Control 1.0, M. Wright 2002)."""

from __future__ import annotations

import struct

__all__ = ["OscLayout", "osc_message"]

WORD = 4  # bytes to which every part is padded
CODES = {"i": "i", "f": "f"}


def _padded(text: str) -> bytes:
    """Return a text as OSC has it: with at least one zero byte, to whole words."""
    data = text.encode()
    return data + bytes(WORD - len(data) % WORD)


class OscLayout:
    """The messages of one address whose arguments are numbers of fixed types; the head is made once.

    types: a letter an argument, i (32-bit integer) or f (32-bit float)
    """

    def __init__(self, address: str, types: str) -> None:
        self._head = _padded(address) + _padded("," + types)
        self._arguments = struct.Struct(">" + "".join(CODES[each] for each in types))

    def pack(self, *values: float) -> bytes:
        """Return the message with these arguments."""
        return self._head + self._arguments.pack(*values)


def osc_message(address: str, *arguments: int | float | str) -> bytes:
    """Return a message with arguments of any of these types; a number beyond 32 bits raises struct.error."""
    kinds = ["s" if isinstance(each, str) else "i" if isinstance(each, int) else "f" for each in arguments]
    body = [
        _padded(each) if isinstance(each, str) else struct.pack(f">{kind}", each)
        for kind, each in zip(kinds, arguments, strict=True)
    ]
    return _padded(address) + _padded("," + "".join(kinds)) + b"".join(body)
