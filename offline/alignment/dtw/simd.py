"""Short vectors for kernels: what the processor adds and compares in one instruction, written out.

Numba vectorises loops only where it can prove that no iteration needs the result of another. A dynamic programme
consists of results that need each other, so here the vector is a type of its own: kernels load it, calculate with it
and store it. All functions are for kernels only; a vector never leaves them.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

__all__ = [
    "LANES",
    "add",
    "approach",
    "complete",
    "fill",
    "fma",
    "least",
    "load",
    "put_lane",
    "shift_in",
    "store",
    "within",
]

# Sixteen numbers fill one register of AVX-512; elsewhere, with eight, the accumulators of a block stay in registers.
LANES = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f", False) else 8
FLOATS = ir.VectorType(ir.FloatType(), LANES)
INTS = ir.VectorType(ir.IntType(32), LANES)
INT = ir.IntType(32)


class Vector(types.Type):
    """LANES float32."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector{LANES}")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):  # type: ignore[misc]  # of a library without types
    """Held in a register."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


vector = Vector()


def _constant(value: float) -> Any:
    return ir.Constant(FLOATS, [value] * LANES)


def _splat(builder: Any, scalar: Any, kind: Any = FLOATS) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(INTS, [0] * LANES))


def _call(builder: Any, name: str, *args: Any) -> Any:
    kind = ir.FunctionType(FLOATS, [FLOATS] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, args)


def _address(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), FLOATS.as_pointer())


@intrinsic
def load(typingctx: Any, array: Any, at: Any) -> Any:
    """Load LANES numbers of a flat float32 array from place `at` on."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], *args), align=4)

    return vector(array, types.intp), code


@intrinsic
def store(typingctx: Any, array: Any, at: Any, v: Any) -> Any:
    """Store LANES numbers into a flat float32 array from place `at` on."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), code


@intrinsic
def fill(typingctx: Any, x: Any) -> Any:
    """Fill every lane with the same float32."""
    return vector(types.float32), lambda context, builder, signature, args: _splat(builder, args[0])


@intrinsic
def add(typingctx: Any, a: Any, b: Any) -> Any:
    """Add lane by lane."""
    return vector(vector, vector), lambda context, builder, signature, args: builder.fadd(*args)


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Multiply a by b and add c."""
    return vector(vector, vector, vector), lambda context, builder, signature, args: _call(builder, "fma", *args)


@intrinsic
def least(typingctx: Any, a: Any, b: Any) -> Any:
    """Take the smaller, lane by lane."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return vector(vector, vector), code


@intrinsic
def shift_in(typingctx: Any, v: Any, x: Any) -> Any:
    """Move every lane's number one lane on, and put x in the first."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), args[1], ir.Constant(INT, 0))
        return builder.shuffle_vector(first, args[0], ir.Constant(INTS, [0, *range(LANES, 2 * LANES - 1)]))

    return vector(vector, types.float32), code


@intrinsic
def put_lane(typingctx: Any, lane: Any, a: Any, b: Any) -> Any:
    """Take one lane from a, all others from b; all from b where there is no such lane."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wanted = _splat(builder, builder.trunc(args[0], INT), INTS)
        mask = builder.icmp_signed("==", wanted, ir.Constant(INTS, list(range(LANES))))
        return builder.select(mask, args[1], args[2])

    return vector(types.intp, vector, vector), code


@intrinsic
def within(typingctx: Any, j: Any, low: Any, high: Any, a: Any, b: Any) -> Any:
    """Take lanes from a where low <= j - 4 lane < high, else from b; j is float32."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.fsub(_splat(builder, args[0]), ir.Constant(FLOATS, [4.0 * k for k in range(LANES)]))
        above = builder.fcmp_ordered(">=", place, args[1])
        below = builder.fcmp_ordered("<", place, args[2])
        return builder.select(builder.and_(above, below), args[3], args[4])

    return vector(types.float32, vector, vector, vector, vector), code


@intrinsic
def approach(typingctx: Any, metric: Any, sum_: Any, x: Any, y: Any) -> Any:
    """Add one feature to the sum that a distance consists of.

    The type of `metric` chooses the metric: one, two or three zeros for cosine, euclidean and cityblock.
    """
    n = len(metric)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, sum_, x, y = args
        if n == 1:
            return _call(builder, "fma", x, y, sum_)
        difference = builder.fsub(x, y)
        if n == 2:
            return _call(builder, "fma", difference, difference, sum_)
        return builder.fadd(sum_, _call(builder, "fabs", difference))

    return vector(metric, vector, vector, vector), code


@intrinsic
def complete(typingctx: Any, metric: Any, sum_: Any) -> Any:
    """Turn a whole sum into its distance: 1 - sum (not below 0), its root, or itself."""
    n = len(metric)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if n == 1:
            rest = builder.fsub(_constant(1.0), args[1])
            return builder.select(builder.fcmp_ordered(">", rest, _constant(0.0)), rest, _constant(0.0))
        return _call(builder, "sqrt", args[1]) if n == 2 else args[1]

    return vector(metric, vector), code
