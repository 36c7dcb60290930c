"""Elements of arrays in training: float32, float64, or bfloat16 as the `uint16` of its bits (numpy has no such
type).
"""

# mypy: ignore-errors
from __future__ import annotations

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_MATHS = {"contract", "nsz"}
kernel = numba.njit(nogil=True, cache=True, fastmath=_MATHS, error_model="numpy")
kernel_reducing = numba.njit(nogil=True, cache=True, fastmath=_MATHS | {"reassoc"}, error_model="numpy")


@intrinsic
def _widened(_context, _bits):
    """The float32 whose upper half is a bfloat16."""

    def build(_, builder, _signature, arguments):
        wide = builder.zext(arguments[0], ir.IntType(32))
        return builder.bitcast(builder.shl(wide, ir.Constant(ir.IntType(32), 16)), ir.FloatType())

    return types.float32(types.uint16), build


@intrinsic
def _rounded(_context, _value):
    """A float32 rounded to bfloat16, ties to even."""

    def build(_, builder, _signature, arguments):
        i32 = ir.IntType(32)
        bits = builder.bitcast(arguments[0], i32)
        odd = builder.and_(builder.lshr(bits, ir.Constant(i32, 16)), ir.Constant(i32, 1))
        up = builder.add(bits, builder.add(odd, ir.Constant(i32, 0x7FFF)))
        return builder.trunc(builder.lshr(up, ir.Constant(i32, 16)), ir.IntType(16))

    return types.uint16(types.float32), build


def get(value):
    """Value of an array's element in the type that arithmetic is done in."""
    raise NotImplementedError


@overload(get)
def _get(value):
    if value == types.uint16:
        return lambda value: _widened(value)  # noqa: PLW0108 - numba wants a function of its own
    return lambda value: value


def put(row, i, value):
    """Write a value to an element of a row, rounded to the row's type."""
    raise NotImplementedError


@overload(put)
def _put(row, i, value):  # noqa: ARG001 - the types are what counts
    if row.dtype == types.uint16:

        def write(row, i, value):
            row[i] = _rounded(value)

    else:

        def write(row, i, value):
            row[i] = value

    return write
