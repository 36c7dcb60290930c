"""Rows of sixteen columns as one vector: what inner loops over columns come to in machine code.

numba leaves such loops scalar: those of fixed length are unrolled before its vectoriser looks, and its vectoriser of straight
code is off by default. Here the instructions are vectors from the start. Each column has the operations of the scalar loop in
the same order, so that results are the same to the bit. As in any compiled code of numba, rows are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WIDTH = 16
"""Columns of a row: one cache line of float32."""


def _address(context: Any, builder: Any, kind: types.Array, array: Any, row: Any) -> Any:
    """Address of a row of an array (rows, WIDTH), as that of a vector."""
    data = context.make_array(kind)(context, builder, array).data
    first = builder.gep(data, [builder.mul(row, ir.Constant(row.type, WIDTH))])
    return builder.bitcast(first, ir.VectorType(context.get_data_type(kind.dtype), WIDTH).as_pointer())


def _load(context: Any, builder: Any, kind: types.Array, array: Any, row: Any) -> Any:
    # rows need no more than the alignment of their numbers
    return builder.load(_address(context, builder, kind, array, row), align=_bytes(kind))


def _bytes(kind: Any) -> int:
    """Bytes of a number of an array."""
    return int(kind.dtype.bitwidth) // 8


def _adding(
    context: Any, builder: Any, kind: types.Array, to: Any, at: Any, what: Any, *, name: str = "fadd"
) -> Any:
    address, align = _address(context, builder, kind, to, at), _bytes(kind)
    old = builder.load(address, align=align)
    builder.store(getattr(builder, name)(old, what), address, align=align)
    return context.get_dummy_value()


def _fit(to: Any, what: Any, number: types.Type) -> bool:
    """Whether both are arrays of rows, of float32 and of `number`."""
    return all(
        isinstance(a, types.Array) and a.ndim == 2 and a.layout == "C" and a.dtype == dtype
        for a, dtype in ((to, types.float32), (what, number))
    )


def _combining(name: str, *, square: bool = False) -> Callable[..., Any]:
    def typed(_typing: Any, to: Any, _at: Any, what: Any, _of: Any) -> Any:
        if not _fit(to, what, types.float32):
            return None

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            vector = _load(context, builder, what, values[2], values[3])
            vector = builder.fmul(vector, vector) if square else vector
            return _adding(context, builder, to, values[0], values[1], vector, name=name)

        return types.void(to, types.intp, what, types.intp), generate

    return typed


def _product(_typing: Any, to: Any, _at: Any, _value: Any, what: Any, _of: Any) -> Any:
    if not _fit(to, what, types.int16):
        return None

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes = ir.VectorType(ir.FloatType(), WIDTH)
        steps = builder.sitofp(_load(context, builder, what, values[3], values[4]), lanes)
        nothing, first = ir.Constant(lanes, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        lone = builder.insert_element(nothing, values[2], first)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        weight = builder.shuffle_vector(lone, nothing, everywhere)
        return _adding(context, builder, to, values[0], values[1], builder.fmul(weight, steps))

    return types.void(to, types.intp, types.float32, what, types.intp), generate


add_row = intrinsic(_combining("fadd"))
"""`add_row(to, at, what, of)`: to[at] += what[of]; rows of float32."""
subtract_row = intrinsic(_combining("fsub"))
"""`subtract_row(to, at, what, of)`: to[at] -= what[of]; rows of float32."""
add_square = intrinsic(_combining("fadd", square=True))
"""`add_square(to, at, what, of)`: to[at] += what[of]²; rows of float32."""
add_product = intrinsic(_product)
"""`add_product(to, at, value, what, of)`: to[at] += value * what[of]; rows of float32, value float32, `what` of int16."""
