"""Sums of products in one fixed order, so that a code is the same number on every machine, thread and batch.

Floating-point sums depend on their order, and compilers and linear algebra libraries choose it by processor, shape and
number of threads. `row_dot` spells it out in LLVM's own language: four accumulators of sixteen lanes, each a chain of
fused multiply-adds, then a tree. Rows are padded with zeros to a multiple of `STEP`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

# sixteen float32 fill one AVX-512 register, or two of AVX2; four chains hide the latency of fused multiply-adds
LANES, CHAINS = 16, 4
STEP = LANES * CHAINS
_FLOAT, _INT32 = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)


def _inline(make: Callable[..., Any]) -> Callable[..., Any]:
    """`intrinsic`, whose own type says nothing of how the result is called."""
    return cast(Callable[..., Any], intrinsic(make))


def padded(width: int) -> int:
    """The next multiple of `STEP`."""
    return -(-width // STEP) * STEP


def pad(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows with zeros appended up to a multiple of `STEP`, float32, contiguous."""
    out = np.zeros((len(rows), padded(rows.shape[1])), np.float32)
    out[:, : rows.shape[1]] = rows
    return out


@_inline
def row_dot(_typing: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    """Sum over c of `a[i, c] * b[j, c]`, for float32 arrays of one width, contiguous, a multiple of `STEP`."""
    return types.float32(a, i, b, j), _row_dot


def _row_dot(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    rows = [_row(context, builder, signature, args, k) for k in (0, 2)]
    width = rows[0][1]
    fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f32"
    )
    entry, loop, done = builder.block, builder.append_basic_block("dot"), builder.append_basic_block("sum")
    builder.branch(loop)
    builder.position_at_end(loop)
    # the column at which this turn of the loop begins
    start = builder.phi(width.type)
    start.add_incoming(width.type(0), entry)
    sums = [builder.phi(_VECTOR) for _ in range(CHAINS)]
    chains = []
    for u, total in enumerate(sums):
        total.add_incoming(_VECTOR([0.0] * LANES), entry)
        # chain u takes columns u · LANES … of every STEP
        column = builder.add(start, width.type(u * LANES))
        # rows of float32 need not be aligned to more than 4 bytes
        x, y = (builder.load(builder.bitcast(builder.gep(p, [column]), _VECTOR.as_pointer()), align=4) for p, _ in rows)
        chains.append(builder.call(fma, [x, y, total]))
        total.add_incoming(chains[-1], loop)
    after = builder.add(start, width.type(STEP))
    start.add_incoming(after, loop)
    # the condition is checked at the end: a row has at least one STEP
    builder.cbranch(builder.icmp_signed("<", after, width), loop, done)
    builder.position_at_end(done)
    # the tree: (0 + 1) + (2 + 3)
    while len(chains) > 1:
        chains = [builder.fadd(x, y) for x, y in zip(chains[::2], chains[1::2], strict=True)]
    return _sum_lanes(builder, chains[0])


def _row(context: Any, builder: ir.IRBuilder, signature: Any, args: Any, k: int) -> tuple[Any, Any]:
    array = context.make_array(signature.args[k])(context, builder, args[k])
    # rows are contiguous: row i begins at i times the width
    width = builder.extract_value(array.shape, 1)
    row = context.cast(builder, args[k + 1], signature.args[k + 1], types.intp)
    return builder.gep(array.data, [builder.mul(row, width)]), width


def _sum_lanes(builder: ir.IRBuilder, v: Any) -> Any:
    n = LANES
    # lane i takes lane i + n/2, until one is left
    while n > 1:
        n //= 2
        halves = [
            builder.shuffle_vector(
                v,
                ir.Constant(v.type, ir.Undefined),
                ir.Constant(ir.VectorType(_INT32, n), list(range(s, s + n))),
            )
            for s in (0, n)
        ]
        v = builder.fadd(*halves)
    return builder.extract_element(v, _INT32(0))


@_inline
def as_float(_typing: Any, x: Any) -> Any:
    """A number of a screen's product as float32: int32 by value, `uint16` as the bits of a bfloat16, float32 as it
    is.
    """

    def convert(_context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        if signature.args[0] == types.int32:
            return builder.sitofp(args[0], _FLOAT)
        if signature.args[0] == types.uint16:
            # a bfloat16 is the upper half of a float32
            return builder.bitcast(builder.shl(builder.zext(args[0], _INT32), _INT32(16)), _FLOAT)
        return args[0]

    return types.float32(x), convert


@_inline
def from_bits(_typing: Any, bits: Any) -> Any:  # noqa: ARG001
    """The float32 whose bits are those of an int32."""

    def convert(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], _FLOAT)

    return types.float32(types.int32), convert


@_inline
def trailing_zeros(_typing: Any, x: Any) -> Any:  # noqa: ARG001
    """How many of the low bits of a 64-bit word are zero; the word is not zero."""

    def count(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Any) -> Any:
        # the second argument says that a word of 0 does not occur, for which the instruction has no answer
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.uint64), count


WORD = 64
"""Features that `hit_word` looks at together."""


@_inline
def hit_word(_typing: Any, low: Any, n: Any, j: Any, scale: Any, shift: Any, line: Any) -> Any:
    """Which of the features j … j + 63 of token n may be active, a bit each, the first the lowest.

    A feature may be where `v + relative · |v| + shift · per > bar`, v = scale · low[n, j] being the screen's product;
    `line` is (relative, per, bar), float32. Spelled out in vectors: compilers do not find them behind the stores of
    single flags.
    """
    return types.uint64(low, n, j, scale, shift, line), _hit_word


def _hit_word(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    wide = ir.VectorType(_FLOAT, WORD)
    column = context.cast(builder, args[2], signature.args[2], types.intp)

    def load(pointer: Any, element: Any) -> Any:
        kind = ir.VectorType(element, WORD)
        # rows of products begin anywhere, so that no alignment may be assumed
        return builder.load(builder.bitcast(builder.gep(pointer, [column]), kind.as_pointer()), align=1)

    def every(value: Any) -> Any:
        # the value in lane 0, then in all
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), value, _INT32(0))
        zeros = ir.Constant(ir.VectorType(_INT32, WORD), [0] * WORD)
        return builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)

    maths = {}
    for name in ("fma", "fabs"):
        kind = ir.FunctionType(wide, [wide] * (3 if name == "fma" else 1))
        maths[name] = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WORD}f32")
    row, _ = _row(context, builder, signature, args, 0)
    dtype = signature.args[0].dtype
    if dtype == types.int32:
        v = builder.sitofp(load(row, _INT32), wide)
    elif dtype == types.uint16:
        whole = ir.VectorType(_INT32, WORD)
        bits = builder.zext(load(row, ir.IntType(16)), whole)
        v = builder.bitcast(builder.shl(bits, ir.Constant(whole, [16] * WORD)), wide)
    else:
        v = load(row, _FLOAT)
    pointers = [context.make_array(signature.args[k])(context, builder, args[k]).data for k in (3, 4)]
    v = builder.fmul(v, load(pointers[0], _FLOAT))
    relative, per, bar = (every(builder.extract_value(args[5], i)) for i in range(3))
    # v + relative · |v|, then + shift · per: two roundings, both within the bound of the screen
    upper = builder.call(maths["fma"], [relative, builder.call(maths["fabs"], [v]), v])
    upper = builder.call(maths["fma"], [load(pointers[1], _FLOAT), per, upper])
    # one bit a lane; on little-endian machines the first lane is the lowest bit
    return builder.bitcast(builder.fcmp_ordered(">", upper, bar), ir.IntType(64))
