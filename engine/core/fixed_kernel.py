"""Call a compiled kernel without looking at the types of its arguments each time.

Numba finds the machine code for a call by the types of all arguments. For tuples of many arrays that takes longer than
the work on a frame of audio: 32 of 44 microseconds that a call of the follower's kernel cost beside its work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["FixedKernel"]


class FixedKernel:
    """A kernel for a caller whose arguments have the same types in every call: those of the first.

    The caller answers for the data type, the number of axes and the layout of each array: nobody else looks at them.

    call: the kernel
    """

    __slots__ = ("_kernel", "call")

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self.call: Callable[..., Any] = self._first

    def _first(self, *args: Any) -> Any:
        """Find or compile the machine code for these types, and call it."""
        self.call = self._kernel.compile(tuple(map(self._kernel.typeof_pyval, args)))
        return self.call(*args)
