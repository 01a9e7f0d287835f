"""Name the array types that kernels take, for readers and mypy; numba infers types from the values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BOOL", "C64", "F32", "F64", "I16", "I32", "I64", "Address", "Scalar32"]

BOOL = npt.NDArray[np.bool_]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
C64 = npt.NDArray[np.complex64]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Scalar32 = np.float32  # a number that must not widen the arithmetic to 64 bits
Address = int  # a memory address, as C passes it
