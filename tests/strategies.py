"""Strategies of hypothesis that several tests draw from."""

from __future__ import annotations

from functools import partial

from hypothesis import strategies as st

__all__ = ["floats"]

# Some library flushes subnormal numbers to zero once it is loaded, and hypothesis then refuses to draw them.
floats = partial(st.floats, allow_subnormal=False)
