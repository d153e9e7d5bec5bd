"""
Every instruction: what it takes, what it gives, and what it means.

This table is what the builder and the verifier share. ``interpret`` and ``emit`` have one entry for each name in it;
the meaning stands here because both must carry it out.

==================  ======================================================================================
const(value=)       the number, as ``type=`` says; in every lane of a vector
add sub mul         lane by lane; integers wrap around
and or              lane by lane, integers and masks
shl shr             shift by ``bits=``; shr brings in zeros
fma(a, b, c)        a * b + c, rounded once
div sqrt            float32, correctly rounded
min max             a if a < b (a > b) else b: so b where either is NaN
less equal          lane by lane, a mask; integers are signed, NaN is neither less nor equal
select(m, a, b)     a where the mask holds, else b
round               to the nearest integer, ties to even; float32
to_i32              float32 that is an integer in [-2^31, 2^31) to int32; anything else is a bug of the kernel
to_f32              int32 to float32, rounded to nearest, ties to even
bits_as             the same bytes as a value of ``type=``, which has as many; least significant byte first
zero_extend         int8 or int16 lanes to wider ones without sign, by ``kind=``
truncate            the low bits of every lane, by ``kind=``
index_to_i32        the low 32 bits of an int64 scalar, as a scalar int32
extend_index        int8, int16 or int32 scalar to int64, by ``signed=``
splat(x)            a scalar in every one of ``lanes=`` lanes
shuffle(a, b)       lane i is lane ``lanes=``[i] of a followed by b
extract(x)          lane ``lane=`` as a scalar
offset(p, bytes)    the pointer ``bytes`` further on
load(p)             a value of ``type=`` at any address
load_first(p, n)    as load, but only the first n lanes are read, and the others are 0
store(x, p)         the other way round
store_first(x, p, n)  writes only the first n lanes
prefetch(p)         nothing, or sooner data
dot4(acc, a, b)     acc[i] + sum over 4 of a[4 i + j] * b[4 i + j]; b signed bytes, a too if ``signed=``
dot8(acc, a, b, c, d)  dot4(dot4(acc, a, b), c, d); unsigned bytes a and c, signed b and d within ``FOUR_LIMIT``
dot2(acc, a, b)     acc[i] + a[2 i] * b[2 i] + a[2 i + 1] * b[2 i + 1]; signed 16-bit a and b
local               ``bytes=`` bytes of the function's own, aligned to 64, until it returns; not in a loop
matrix_open         what ``matrix_dot`` needs in this thread, until ``matrix_close``
matrix_dot(out, w, x, blocks)  a square of sums, written to ``out``; see below
==================  ======================================================================================

``matrix_dot`` writes ``MATRIX`` rows of ``MATRIX`` int32, ``row=`` bytes apart. Row r, lane t is the sum over blocks i
and over 4 s + j from 0 until ``DEPTH`` of signed byte r * DEPTH + 4 s + j of a block of weights, which begins at
w + i * ``w_move=``, times unsigned byte 4 t + j of step s of a block of codes: its steps begin ``step=`` bytes apart,
the first one at x + i * ``x_move=``. With ``fetch=`` weights that lie behind those of a block are there sooner.

The products of dots are summed exactly, and the sum wraps in 32 bits: no 16-bit saturation. A target with a
``pair_limit`` keeps that promise for ``b`` within it only, which is up to who packs the weights. Such targets only have
``dot8``, which adds up four products in 16 bits, those of a pair of ``b`` and of the pair of ``d`` at the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distilspec.fast.codegen.ir import I64, PTR, SIZES, IrError, Kind, Type

Types = Sequence[Type]
Rule = Callable[[Types, Mapping[str, Any]], Type | None]

INTEGERS = (Kind.I8, Kind.I16, Kind.I32, Kind.I64)
NUMBERS = (*INTEGERS, Kind.F32)

#: What weights of one sign may add up to in the four that ``dot8`` adds up in 16 bits, for any codes.
FOUR_LIMIT = 2**15 // 255

#: Rows and lanes of the sums of ``matrix_dot``, and the weights of a row in a block.
MATRIX, DEPTH = 32, 64


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise IrError(what)


def _alike(*kinds: Kind) -> Callable[[Types, Mapping[str, Any]], Type]:
    def rule(types: Types, attributes: Mapping[str, Any]) -> Type:
        _expect(len(set(types)) == 1, f"operands of types {', '.join(map(str, types))}; expected one type")
        _expect(types[0].kind in kinds, f"operands are {types[0]}; expected lanes of {', '.join(kinds)}")
        return types[0]

    return rule


def _compared(types: Types, attributes: Mapping[str, Any]) -> Type:
    return _alike(Kind.I32, Kind.I64, Kind.F32)(types, attributes).of(Kind.I1)


def _selected(types: Types, attributes: Mapping[str, Any]) -> Type:
    mask, a, b = types
    _expect(mask.kind is Kind.I1 and a == b and mask.lanes == a.lanes, f"select of {mask}, {a}, {b}")
    return a


def _constant(types: Types, attributes: Mapping[str, Any]) -> Type:
    made: Type = attributes["type"]
    _expect(made.kind in (*NUMBERS, Kind.I1), f"a constant of type {made}")
    return made


def _converted(source: tuple[Kind, ...], target: Kind) -> Rule:
    def rule(types: Types, attributes: Mapping[str, Any]) -> Type:
        (x,) = types
        _expect(x.kind in source, f"operand is {x}; expected lanes of {', '.join(source)}")
        return x.of(target)

    return rule


def _resized(wider: bool) -> Rule:
    def rule(types: Types, attributes: Mapping[str, Any]) -> Type:
        (x,) = types
        kind = attributes["kind"]
        fits = kind in INTEGERS and x.kind in INTEGERS and (SIZES[kind] > SIZES[x.kind]) == wider
        _expect(fits and SIZES[kind] != SIZES[x.kind], f"{x} to lanes of {kind}")
        return x.of(kind)

    return rule


def _reinterpreted(types: Types, attributes: Mapping[str, Any]) -> Type:
    (x,) = types
    made: Type = attributes["type"]
    _expect(x.kind in SIZES and made.kind in SIZES and x.size == made.size, f"the bits of {x} as {made}")
    return made


def _to_index(types: Types, attributes: Mapping[str, Any]) -> Type:
    (x,) = types
    _expect(x.lanes == 0 and x.kind in INTEGERS[:3], f"operand is {x}; expected a scalar int8, int16 or int32")
    return I64


def _splat(types: Types, attributes: Mapping[str, Any]) -> Type:
    (x,) = types
    _expect(x.lanes == 0 and x.kind in NUMBERS, f"operand is {x}; expected a scalar number")
    return Type(x.kind, attributes["lanes"])


def _shuffled(types: Types, attributes: Mapping[str, Any]) -> Type:
    a, b = types
    lanes = attributes["lanes"]
    _expect(a == b and a.lanes > 0, f"shuffle of {a} and {b}; expected two vectors of one type")
    _expect(all(0 <= lane < 2 * a.lanes for lane in lanes), f"lanes {lanes} of two vectors {a}")
    return Type(a.kind, len(lanes))


def _extracted(types: Types, attributes: Mapping[str, Any]) -> Type:
    (x,) = types
    _expect(0 <= attributes["lane"] < x.lanes, f"lane {attributes['lane']} of {x}")
    return Type(x.kind)


def _offset(types: Types, attributes: Mapping[str, Any]) -> Type:
    _expect(tuple(types) == (PTR, I64), f"offset of {', '.join(map(str, types))}; expected a pointer and bytes")
    return PTR


def _loaded(first: bool) -> Rule:
    def rule(types: Types, attributes: Mapping[str, Any]) -> Type:
        made: Type = attributes["type"]
        _expect(tuple(types) == ((PTR, I64) if first else (PTR,)), f"load from {', '.join(map(str, types))}")
        _expect(made.kind in SIZES and (made.lanes > 0 or not first), f"load of {made}")
        return made

    return rule


def _stored(first: bool) -> Rule:
    def rule(types: Types, attributes: Mapping[str, Any]) -> None:
        x, *where = types
        _expect(tuple(where) == ((PTR, I64) if first else (PTR,)), f"store to {', '.join(map(str, where))}")
        _expect(x.kind in SIZES and (x.lanes > 0 or not first), f"store of {x}")

    return rule


def _prefetched(types: Types, attributes: Mapping[str, Any]) -> None:
    _expect(tuple(types) == (PTR,), "prefetch of something that is no pointer")


def _dot(each: int, kind: Kind, factors: int = 2) -> Rule:
    def rule(types: Types, attributes: Mapping[str, Any]) -> Type:
        acc, *given = types
        wanted = Type(kind, each * acc.lanes)
        _expect(acc.kind is Kind.I32 and acc.lanes > 0, f"accumulator is {acc}; expected lanes of i32")
        _expect(given == [wanted] * factors, f"factors are {' and '.join(map(str, given))}; expected {wanted}")
        return acc

    return rule


def _local(types: Types, attributes: Mapping[str, Any]) -> Type:
    _expect(not types and attributes["bytes"] > 0, f"local of {attributes['bytes']} bytes")
    return PTR


def _nothing(types: Types, attributes: Mapping[str, Any]) -> None:
    _expect(not types, f"operands {', '.join(map(str, types))}; expected none")


def _matrix(types: Types, attributes: Mapping[str, Any]) -> None:
    _expect(tuple(types) == (PTR, PTR, PTR, I64), f"operands {', '.join(map(str, types))}")
    _expect(set(attributes) == {"row", "step", "w_move", "x_move", "fetch"}, f"attributes {', '.join(attributes)}")


RULES: Mapping[str, Rule] = {
    "const": _constant,
    "add": _alike(*NUMBERS),
    "sub": _alike(*NUMBERS),
    "mul": _alike(*NUMBERS),
    "and": _alike(*INTEGERS, Kind.I1),
    "or": _alike(*INTEGERS, Kind.I1),
    "shl": _alike(*INTEGERS),
    "shr": _alike(*INTEGERS),
    "fma": _alike(Kind.F32),
    "div": _alike(Kind.F32),
    "sqrt": _alike(Kind.F32),
    "min": _alike(Kind.I32, Kind.I64, Kind.F32),
    "max": _alike(Kind.I32, Kind.I64, Kind.F32),
    "less": _compared,
    "equal": _compared,
    "select": _selected,
    "round": _alike(Kind.F32),
    "to_i32": _converted((Kind.F32,), Kind.I32),
    "to_f32": _converted((Kind.I32,), Kind.F32),
    "bits_as": _reinterpreted,
    "zero_extend": _resized(wider=True),
    "truncate": _resized(wider=False),
    "index_to_i32": _converted((Kind.I64,), Kind.I32),
    "extend_index": _to_index,
    "splat": _splat,
    "shuffle": _shuffled,
    "extract": _extracted,
    "offset": _offset,
    "load": _loaded(first=False),
    "load_first": _loaded(first=True),
    "store": _stored(first=False),
    "store_first": _stored(first=True),
    "prefetch": _prefetched,
    "dot4": _dot(4, Kind.I8),
    "dot8": _dot(4, Kind.I8, factors=4),
    "dot2": _dot(2, Kind.I16),
    "local": _local,
    "matrix_open": _nothing,
    "matrix_dot": _matrix,
    "matrix_close": _nothing,
}


def result_type(opcode: str, types: Types, attributes: Mapping[str, Any]) -> Type | None:
    """
    Return the type of what an instruction gives, or None if it gives nothing.

    Raises
    ------
    IrError
        There is no such opcode, or it does not take operands of these types.
    """
    if opcode not in RULES:
        raise IrError(f"opcode {opcode} does not exist; expected one of {', '.join(RULES)}")
    try:
        return RULES[opcode](types, attributes)
    except (KeyError, ValueError) as error:
        raise IrError(f"{opcode}({', '.join(map(str, types))}): {error}") from None
    except IrError as error:
        raise IrError(f"{opcode}: {error}") from None
