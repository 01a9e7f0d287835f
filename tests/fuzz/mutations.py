"""Damage to files as hypothesis draws it: what copying, cutting, editing and other programs do to bytes and texts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

__all__ = ["damaged"]

MAX_STEPS = 6
BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x00", b"\x7f\xff")
NUMBERS = ("0", "-1", "nan", "inf", "-inf", "1e308", "1e-320", "99999999999999999999", "-0.0", "1,5", "1/0", "٣")
TEXTS = (*NUMBERS, "", "x", "é", "\0", "\n", "\t", ";", "None", "[]", "{}", '"', "'", "<", "&", "\ufeff", " ")
TOKEN_ENDS = b" \t\r\n<>\"'=,;:/[]{}"


def _cut(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _set(draw: st.DrawFn, data: bytes) -> bytes:
    at, new = _place(draw, data), draw(st.one_of(st.sampled_from(BYTES), st.binary(min_size=1, max_size=4)))
    return data[:at] + new + data[at + len(new) :]


def _insert(draw: st.DrawFn, data: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] + draw(st.one_of(st.sampled_from(BYTES), st.binary(max_size=12))) + data[at:]


def _delete(draw: st.DrawFn, data: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] + data[at + draw(st.integers(1, 40)) :]


def _repeat(draw: st.DrawFn, data: bytes) -> bytes:
    at, n = _place(draw, data), draw(st.integers(1, 200))
    return data[: at + n] + data[at : at + n] * draw(st.integers(1, 3)) + data[at + n :]


def _swap(draw: st.DrawFn, data: bytes) -> bytes:
    at, to, n = _place(draw, data), _place(draw, data), draw(st.integers(1, 60))
    piece = data[at : at + n]
    rest = data[:at] + data[at + n :]
    return rest[:to] + piece + rest[to:]


def _token(draw: st.DrawFn, data: bytes) -> bytes:
    """Replace what stands between two separators of a text."""
    at = end = _place(draw, data)
    while at > 0 and data[at - 1] not in TOKEN_ENDS:
        at -= 1
    while end < len(data) and data[end] not in TOKEN_ENDS:
        end += 1
    return data[:at] + draw(st.sampled_from(TEXTS)).encode() + data[end:]


def _place(draw: st.DrawFn, data: bytes) -> int:
    return draw(st.integers(0, max(len(data) - 1, 0)))


STEPS = (_cut, _set, _set, _insert, _delete, _repeat, _swap, _token, _token)


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the files, after up to MAX_STEPS kinds of damage."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, MAX_STEPS))):
        data = draw(st.sampled_from(STEPS))(draw, data)
    return data
