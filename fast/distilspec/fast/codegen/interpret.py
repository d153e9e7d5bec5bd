"""
A slow interpreter of kernels, on NumPy arrays.

It shares nothing with LLVM, wraps integers and rounds floats as ``opcodes`` says, and refuses what machine code would
let pass: an access outside a buffer, a conversion that does not fit, weights that do not, a loop that does not move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.codegen.ir import Body, Function, Instruction, IrError, Kind, Loop, Type, Value
from distilspec.fast.codegen.opcodes import DEPTH, FOUR_LIMIT, MATRIX

Array = NDArray[Any]

DTYPES = {
    Kind.I1: np.dtype(np.bool_),
    Kind.I8: np.dtype(np.int8),
    Kind.I16: np.dtype(np.int16),
    Kind.I32: np.dtype(np.int32),
    Kind.I64: np.dtype(np.int64),
    Kind.F32: np.dtype(np.float32),
}


@dataclass(frozen=True)
class Pointer:
    """A place in the bytes of a buffer."""

    buffer: NDArray[np.uint8]
    position: int = 0

    def part(self, size: int) -> NDArray[np.uint8]:
        """Return ``size`` bytes from here; ``IrError`` if they are not all inside the buffer. No bytes always are."""
        if size and not 0 <= self.position <= self.buffer.size - size:
            raise IrError(
                f"access to bytes {self.position} to {self.position + size} of a buffer of {self.buffer.size}"
            )
        return self.buffer[self.position : self.position + size]


def interpret(function: Function, *arguments: Array | float) -> None:
    """
    Run ``function``; arrays are buffers that it reads and writes, numbers its scalars.

    Parameters
    ----------
    function : Function
        One that ``verify`` accepts.
    arguments : contiguous arrays and numbers
        In the order of its parameters.
    """
    values: dict[Value, Any] = {}
    for parameter, argument in zip(function.parameters, arguments, strict=True):
        if parameter.type.kind is Kind.PTR:
            if not isinstance(argument, np.ndarray) or not argument.flags.c_contiguous:
                raise IrError(f"{function.name}: argument {parameter} is no contiguous array")
            values[parameter] = Pointer(argument.reshape(-1).view(np.uint8))
        else:
            values[parameter] = DTYPES[parameter.type.kind].type(argument)
    with np.errstate(all="ignore"):
        _run(function.body, values)


def _run(body: Body, values: dict[Value, Any]) -> None:
    for item in body:
        if isinstance(item, Loop):
            _run_loop(item, values)
            continue
        operands = [values[operand] for operand in item.operands]
        result = MEANINGS[item.opcode](item, *operands)
        if item.result is not None:
            values[item.result] = result


def _run_loop(loop: Loop, values: dict[Value, Any]) -> None:
    start, stop, step = (int(values[bound]) for bound in (loop.start, loop.stop, loop.step))
    if step <= 0:
        raise IrError(f"a loop moves by {step}; expected a positive step")
    state = [values[value] for value in loop.initial]
    for index in range(start, stop, step):
        values[loop.index] = np.int64(index)
        values.update(zip(loop.carried, state, strict=True))
        _run(loop.body, values)
        state = [values[value] for value in loop.following]
    values.update(zip(loop.results, state, strict=True))


def fused_multiply_add(a: Array, b: Array, c: Array) -> Array:
    """
    Return a * b + c of float32, rounded once.

    The product is exact in float64. The sum is rounded to odd there (Boldo and Melquiond 2008), after which rounding to
    float32 gives what one rounding of the exact sum would have given.
    """
    product = np.multiply(a, b, dtype=np.float64)
    addend = np.asarray(c, dtype=np.float64)
    total = product + addend
    back = total - product
    lost = (product - (total - back)) + (addend - back)
    even = (total.view(np.int64) & 1) == 0
    towards = np.where(lost > 0, np.inf, -np.inf)
    odd = np.where(np.isfinite(total) & (lost != 0) & even, np.nextafter(total, towards), total)
    return odd.astype(np.float32)


def _constant(item: Instruction) -> Any:
    made: Type = item.attributes["type"]
    dtype = DTYPES[made.kind]
    value = np.array(item.attributes["value"]).astype(dtype)
    return np.full(made.lanes, value, dtype) if made.lanes else value[()]


def _to_i32(item: Instruction, x: Array) -> Array:
    if not np.all((np.rint(x) == x) & (x >= -(2.0**31)) & (x < 2.0**31)):
        raise IrError(f"{item} of {x}; expected integers that int32 holds")
    return x.astype(np.int32)


def _unsigned(x: Array) -> Array:
    unsigned: Array = x.view(f"u{x.dtype.itemsize}")
    return unsigned


def _reinterpret(item: Instruction, x: Any) -> Any:
    made: Type = item.attributes["type"]
    same = np.atleast_1d(x).view(DTYPES[made.kind])
    return same if made.lanes else same[0]


def _chosen(mask: Any, a: Any, b: Any) -> Any:
    """Return lanes of ``a`` where the mask holds, else of ``b``; of scalars a scalar."""
    lanes: Any = np.where(mask, a, b)
    return lanes[()]


def _shuffle(item: Instruction, a: Array, b: Array) -> Array:
    return np.concatenate([a, b])[list(item.attributes["lanes"])]


def _shift_right(item: Instruction, x: Array) -> Array:
    shifted: Array = (_unsigned(np.asarray(x)) >> item.attributes["bits"]).view(x.dtype)
    return shifted


def _load(item: Instruction, pointer: Pointer) -> Any:
    made: Type = item.attributes["type"]
    read = pointer.part(made.size).copy().view(DTYPES[made.kind])
    return read if made.lanes else read[0]


def _load_first(item: Instruction, pointer: Pointer, count: Any) -> Array:
    made: Type = item.attributes["type"]
    dtype = DTYPES[made.kind]
    taken = int(np.clip(count, 0, made.lanes))
    lanes = np.zeros(made.lanes, dtype)
    lanes[:taken] = pointer.part(taken * dtype.itemsize).copy().view(dtype)
    return lanes


def _store(item: Instruction, x: Any, pointer: Pointer) -> None:
    data = np.atleast_1d(x).view(np.uint8)
    pointer.part(data.size)[:] = data


def _store_first(item: Instruction, x: Array, pointer: Pointer, count: Any) -> None:
    _store(item, x[: int(np.clip(count, 0, x.size))], pointer)


def _dot(each: int, unsigned: bool) -> Callable[..., Array]:
    def dot(item: Instruction, acc: Array, a: Array, b: Array) -> Array:
        first = _unsigned(a) if unsigned and not item.attributes.get("signed", False) else a
        products = first.astype(np.int64) * b.astype(np.int64)
        total: Array = acc.astype(np.int64) + products.reshape(-1, each).sum(axis=1)
        return total.astype(np.int32)

    return dot


def _dot8(item: Instruction, acc: Array, a: Array, b: Array, c: Array, d: Array) -> Array:
    fours = np.concatenate([b.reshape(-1, 2), d.reshape(-1, 2)], axis=1).astype(np.int64)
    most = max(int(np.maximum(sign * fours, 0).sum(axis=1).max()) for sign in (1, -1))
    if most > FOUR_LIMIT:
        raise IrError(f"{item}: weights of one sign add up to {most} in a four; expected {FOUR_LIMIT} at most")
    dot = _dot(4, unsigned=True)
    return dot(item, dot(item, acc, a, b), c, d)


def _local(item: Instruction) -> Pointer:
    # what nobody has written yet is no zero
    return Pointer(np.full(item.attributes["bytes"], 0x55, np.uint8))


def _matrix_dot(item: Instruction, out: Pointer, w: Pointer, x: Pointer, blocks: Any) -> None:
    attributes = item.attributes
    sums = np.zeros((MATRIX, MATRIX), np.int64)
    for block in range(int(blocks)):
        weights = _moved(w, block * attributes["w_move"]).part(MATRIX * DEPTH).view(np.int8).reshape(MATRIX, -1, 4)
        codes = _moved(x, block * attributes["x_move"])
        for step in range(DEPTH // 4):
            tokens = _moved(codes, step * attributes["step"]).part(MATRIX * 4).reshape(MATRIX, 4)
            sums += weights[:, step].astype(np.int64) @ tokens.T.astype(np.int64)
    for number, row in enumerate(sums.astype(np.int32)):
        _store(item, row, _moved(out, number * attributes["row"]))


def _moved(pointer: Pointer, size: int) -> Pointer:
    return Pointer(pointer.buffer, pointer.position + size)


MEANINGS: Mapping[str, Callable[..., Any]] = {
    "const": _constant,
    "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b,
    "mul": lambda _, a, b: a * b,
    "and": lambda _, a, b: a & b,
    "or": lambda _, a, b: a | b,
    "shl": lambda item, x: x << item.attributes["bits"],
    "shr": _shift_right,
    "fma": lambda _, a, b, c: fused_multiply_add(a, b, c),
    "div": lambda _, a, b: a / b,
    "sqrt": lambda _, x: np.sqrt(x),
    "min": lambda _, a, b: _chosen(a < b, a, b),
    "max": lambda _, a, b: _chosen(a > b, a, b),
    "less": lambda _, a, b: a < b,
    "equal": lambda _, a, b: a == b,
    "select": lambda _, mask, a, b: _chosen(mask, a, b),
    "round": lambda _, x: np.rint(x),
    "to_i32": _to_i32,
    "to_f32": lambda _, x: x.astype(np.float32),
    "bits_as": _reinterpret,
    "zero_extend": lambda item, x: _unsigned(np.asarray(x)).astype(DTYPES[item.attributes["kind"]])[()],
    "truncate": lambda item, x: x.astype(DTYPES[item.attributes["kind"]]),
    "index_to_i32": lambda _, x: x.astype(np.int32),
    "extend_index": lambda item, x: np.int64(x if item.attributes["signed"] else _unsigned(np.asarray(x))),
    "splat": lambda item, x: np.full(item.attributes["lanes"], x),
    "shuffle": _shuffle,
    "extract": lambda item, x: x[item.attributes["lane"]],
    "offset": lambda _, pointer, size: _moved(pointer, int(size)),
    "load": _load,
    "load_first": _load_first,
    "store": _store,
    "store_first": _store_first,
    "prefetch": lambda _, pointer: None,
    "dot4": _dot(4, unsigned=True),
    "dot8": _dot8,
    "dot2": _dot(2, unsigned=False),
    "local": _local,
    "matrix_open": lambda _: None,
    "matrix_dot": _matrix_dot,
    "matrix_close": lambda _: None,
}
