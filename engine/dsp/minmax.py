"""Branch-free minimum and maximum of two floats, one compare and one select, so that compilers vectorise them."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

__all__ = ["large", "small"]


def _choice(predicate: str, name: str) -> Any:
    """Return an intrinsic that returns its first argument where `first predicate second` holds, else its second."""

    def choose(typingctx, a, b):  # type: ignore[no-untyped-def]
        if not isinstance(a, types.Float) or a != b:
            return None

        def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.select(builder.fcmp_ordered(predicate, *args), *args)

        return a(a, b), build

    choose.__name__ = name
    return intrinsic(choose)


small = _choice("<", "small")
large = _choice(">", "large")
