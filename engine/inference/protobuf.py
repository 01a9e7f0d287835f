"""Read messages of protocol buffers to the extent that network files need; every length is checked before use."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Message", "read_fields", "read_varint"]

Message = bytes | memoryview
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # field types


def read_varint(data: Message, at: int) -> tuple[int, int]:
    """Read a number of seven bits per byte, lowest first; return it and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        if (shift := shift + 7) > 63:
            raise ValueError("a number of more than 64 bits")


def read_fields(message: Message) -> Iterator[tuple[int, int | Message]]:
    """Yield the fields by number: integers, and the bytes of everything else.

    ValueError or IndexError for what is not a message.
    """
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            number, at = read_varint(message, at)
            yield tag >> 3, number
            continue
        if kind == BYTES:
            length, at = read_varint(message, at)
        elif kind in (FIXED_64, FIXED_32):
            length = 8 if kind == FIXED_64 else 4
        else:
            raise ValueError("a message that is not a protocol buffer")
        if at + length > len(message):
            raise ValueError("a field beyond the end of its message")
        yield tag >> 3, message[at : at + length]
        at += length
