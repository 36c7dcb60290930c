"""Rows of sixteen columns as one vector: what inner loops over columns come to in machine code.

numba leaves such loops scalar: those of fixed length are unrolled before its vectoriser looks, and its vectoriser of
straight code is off by default. Here the instructions are vectors from the start. Each column has the operations of
the scalar loop in the same order, so that results are the same to the bit. As in any compiled code of numba, rows are
not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 16
"""Columns of a row: one cache line of float32."""
TOGETHER = 4
"""Rows that `add_products` multiplies side by side."""


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
    context: Any, builder: Any, kind: types.Array, to: Any, index: Any, what: Any, *, name: str = "fadd"
) -> Any:
    address, align = _address(context, builder, kind, to, index), _bytes(kind)
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


def _products(_typing: Any, to: Any, _at: Any, left: Any, _of: Any, what: Any, _first: Any, _last: Any) -> Any:
    if not (_fit(to, what, types.float32) and left.dtype == types.float32 and left.layout == "C"):
        return None

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes, one = ir.VectorType(ir.FloatType(), WIDTH), ir.Constant(ir.IntType(32), 0)
        nothing, zero = ir.Constant(lanes, ir.Undefined), ir.Constant(lanes, [0.0] * WIDTH)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        array = context.make_array(left)(context, builder, values[2])
        columns = cgutils.unpack_tuple(builder, array.shape, 2)[1]
        starts, sums = [], []
        for r in range(TOGETHER):
            row = builder.add(values[3], ir.Constant(values[3].type, r))
            starts.append(builder.gep(array.data, [builder.mul(row, columns)]))
            sums.append(cgutils.alloca_once(builder, lanes))
            builder.store(zero, sums[r])
        step = ir.Constant(values[5].type, 1)
        with cgutils.for_range_slice(builder, values[5], values[6], step) as (k, _):
            vector = _load(context, builder, what, values[4], k)
            for start, total in zip(starts, sums, strict=True):
                lone = builder.insert_element(nothing, builder.load(builder.gep(start, [k])), one)
                product = builder.fmul(builder.shuffle_vector(lone, nothing, everywhere), vector)
                builder.store(builder.fadd(builder.load(total), product), total)
        for r, total in enumerate(sums):
            row = builder.add(values[1], ir.Constant(values[1].type, r))
            _adding(context, builder, to, values[0], row, builder.load(total))
        return context.get_dummy_value()

    return types.void(to, types.intp, left, types.intp, what, types.intp, types.intp), generate


def _weighted(
    _typing: Any, to: Any, _at: Any, weights: Any, what: Any, rows: Any, _by: Any, _first: Any, _last: Any
) -> Any:
    lone = (types.float32, types.int64)
    if not _fit(to, what, types.int16) or (weights.dtype, rows.dtype) != lone:
        return None
    if not all(isinstance(a, types.Array) and a.ndim == 1 and a.layout == "C" for a in (weights, rows)):
        return None

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes, one = ir.VectorType(ir.FloatType(), WIDTH), ir.Constant(ir.IntType(32), 0)
        nothing = ir.Constant(lanes, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        value, row = (
            context.make_array(kind)(context, builder, values[i]).data for kind, i in ((weights, 2), (rows, 4))
        )
        total = cgutils.alloca_once(builder, lanes)
        builder.store(_load(context, builder, to, values[0], values[1]), total)
        step = ir.Constant(values[7].type, 1)
        with cgutils.for_range_slice(builder, values[6], values[7], step) as (i, _):
            at = builder.add(builder.load(builder.gep(row, [i])), values[5])
            steps = builder.sitofp(_load(context, builder, what, values[3], at), lanes)
            weight = builder.insert_element(nothing, builder.load(builder.gep(value, [i])), one)
            product = builder.fmul(builder.shuffle_vector(weight, nothing, everywhere), steps)
            builder.store(builder.fadd(builder.load(total), product), total)
        address, align = _address(context, builder, to, values[0], values[1]), _bytes(to)
        builder.store(builder.load(total), address, align=align)
        return context.get_dummy_value()

    arguments = (to, types.intp, weights, what, rows, types.intp, types.intp, types.intp)
    return types.void(*arguments), generate


add_row = intrinsic(_combining("fadd"))
"""`add_row(to, at, what, of)`: to[at] += what[of]; rows of float32."""
subtract_row = intrinsic(_combining("fsub"))
"""`subtract_row(to, at, what, of)`: to[at] -= what[of]; rows of float32."""
add_square = intrinsic(_combining("fadd", square=True))
"""`add_square(to, at, what, of)`: to[at] += what[of]²; rows of float32."""
add_product = intrinsic(_product)
"""`add_product(to, at, value, what, of)`: to[at] += value * what[of]; rows and value of float32, `what` of int16."""
add_weighted = intrinsic(_weighted)
"""`add_weighted(to, at, weights, what, rows, by, first, last)`: to[at] += weights[i] * what[rows[i] + by].

i runs from first to last - 1. As as many calls of `add_product` in this order, to the bit; the sum stays in a register.
`to` and `weights` of float32, `what` of int16, `rows` of int64."""
add_products = intrinsic(_products)
"""`add_products(to, at, left, of, what, first, last)`: to[at + r] += Σ left[of + r, k] what[k].

k runs from first to last - 1 in this order.

For r below `TOGETHER`; all of float32, left (rows, columns), to and what rows. A row's sum does not depend on the rows
next to it, as it does in a product of matrices, whose library takes other ways for other shapes."""
