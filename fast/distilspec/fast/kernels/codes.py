"""
Codes of activations: how real numbers become codes in registers, and how the codes lie in memory.

Codes are as wide as the factors of the target's dot product: bytes where ``dot`` is 4, 16 bits where it is 2. They are
those of the specification, 0 to 255, or less 128, zero points too, where the target has ``signed_codes``. int8 codes of
a program are held as uint8 codes with 128 added to them and to their zero points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import joined, parted

#: Bytes of the ``dot`` codes of a lane.
FACTORS = 4

#: 32-bit lanes of the 128 bits in which x86 interleaves.
PART = 4

#: Added to a float below 2^22 it leaves the nearest integer in the low bits, ties to even; and its own bits.
ROUNDING = 1.5 * 2.0**23
ROUNDING_BITS = 0x4B400000


class Layout(StrEnum):
    """How the codes of a tile lie in memory."""

    FACTORS = "factors"
    """[K / dot][tile tokens][dot], K padded to a multiple of dot: what ``dense`` reads."""
    ROWS = "rows"
    """[K][tile tokens in ``token_order``]: what ``block_sparse`` reads."""


def code_range(target: Target) -> tuple[int, int]:
    """Return the smallest and the largest code."""
    return (-128, 127) if target.signed_codes else (0, 255)


def features_a_step(target: Target, layout: Layout) -> int:
    """Return how many features are made codes together: those that share a lane, or one."""
    return target.dot if layout is Layout.FACTORS else 1


def code_bytes(target: Target, layout: Layout, features: int) -> int:
    """Return the bytes of a tile's codes of ``features`` features."""
    step = features_a_step(target, layout)
    return -(-features // step) * step * target.lanes * FACTORS


def tile_stride(builder: Builder, target: Target, layout: Layout, features: Value) -> Value:
    """Write ``code_bytes`` of a number of features that is known when the kernel runs."""
    step = features_a_step(target, layout)
    padded = builder.and_(builder.add(features, step - 1), -step)
    stride: Value = builder.mul(padded, target.lanes * FACTORS)
    return stride


def store_codes(
    builder: Builder, target: Target, layout: Layout, features: Value, tile: Value,
    values_of: Callable[[Value], Sequence[Value]], coder: Coder, codes: Value,
) -> None:  # fmt: skip
    """
    Write the codes of a tile, feature by feature.

    ``values_of(feature)`` writes the floats of the tile's tokens; the last feature's again where the layout pads.
    ``coder`` makes the codes of a tile's tokens. ``codes`` points to all codes, from tile 0 on.
    """
    here = builder.offset(codes, builder.mul(tile, tile_stride(builder, target, layout, features)))
    step = features_a_step(target, layout)
    last = builder.sub(features, 1)
    with builder.loop(0, features, step) as loop:
        together = []
        for number in range(step):
            values = values_of(builder.min(builder.add(loop.index, number), last))
            together.append(parted(builder, coder.codes(joined(builder, values)), len(values)))
        store_step(
            builder, target, layout, together, builder.offset(here, builder.mul(loop.index, target.lanes * FACTORS))
        )


@dataclass(frozen=True)
class Coder:
    """
    Makes codes of floats, by the clauses of ``quantize``; what follows from scales and zero points is computed once.

    The quotient is cut before it is rounded, to what gives the first and the last code, so that infinities saturate
    and the code of NaN is the first one.
    """

    builder: Builder
    scale: Value
    lowest: Value
    highest: Value
    added: Value

    @classmethod
    def between(cls, builder: Builder, scale: Value, lowest: Value, highest: Value, zero_point: Value) -> Coder:
        """Write what codes need: of scales, the first and the last code less the zero point, and zero points, int32."""
        return cls(builder, scale, lowest, highest, builder.sub(zero_point, ROUNDING_BITS))

    @classmethod
    def of(cls, builder: Builder, target: Target, scale: Value, zero_point: Value) -> Coder:
        """Write what all codes of the target need, of lanes of scales, float32, and of zero points, int32."""
        lowest, highest = (builder.to_f32(builder.sub(end, zero_point)) for end in code_range(target))
        return cls.between(builder, scale, lowest, highest, zero_point)

    @classmethod
    def of_all(cls, builder: Builder, target: Target, scale: Value, zero_point: Value, lanes: int) -> Coder:
        """Write what codes of the target need, by two scalars: a float32 and an int64."""
        scales, zero_points = (builder.splat(one, lanes=lanes) for one in (scale, builder.index_to_i32(zero_point)))
        return cls.of(builder, target, scales, zero_points)

    def codes(self, x: Value) -> Value:
        """Write the codes, int32, of float32 lanes."""
        builder = self.builder
        inside = builder.min(builder.max(builder.div(x, self.scale), self.lowest), self.highest)
        rounded = builder.bits_as(builder.add(inside, ROUNDING), type=self.added.type)
        made: Value = builder.add(rounded, self.added)
        return made


def store_step(
    builder: Builder, target: Target, layout: Layout, codes: Sequence[Sequence[Value]], pointer: Value
) -> None:
    """
    Write the codes of a step's features, for each the ``dot`` int32 vectors of a tile's tokens.

    A step that begins with feature k lies k * lanes * ``FACTORS`` bytes from the start of the tile's codes.
    """
    if layout is Layout.ROWS:
        store_row(builder, target, codes[0], pointer)
        return
    for vector, features in enumerate(zip(*codes, strict=True)):
        store_factors(builder, target, features, builder.at(pointer, vector * target.lanes * FACTORS))


def store_factors(builder: Builder, target: Target, codes: Sequence[Value], pointer: Value) -> None:
    """Write the codes of ``dot`` features of ``lanes`` tokens, int32 vectors, as one register of ``Layout.FACTORS``."""
    builder.store(_side_by_side(builder, target, codes), pointer)


def store_row(builder: Builder, target: Target, codes: Sequence[Value], pointer: Value) -> None:
    """Write the codes of one feature of a tile's tokens, ``dot`` int32 vectors, as one register of ``Layout.ROWS``."""
    dot = target.dot
    kind = Kind.I8 if dot == 4 else Kind.I16
    together = builder.bits_as(_side_by_side(builder, target, codes), type=Type(kind, dot * target.lanes))
    # inside 128 bits: from [lane][vector] to [vector][lane]
    order = [
        dot * (part + lane) + vector
        for part in range(0, target.lanes, PART)
        for vector in range(dot)
        for lane in range(PART)
    ]
    builder.store(builder.shuffle(together, together, lanes=tuple(order)), pointer)


def _side_by_side(builder: Builder, target: Target, codes: Sequence[Value]) -> Value:
    """Return lanes of 32 bits that hold a code of each of ``dot`` vectors, the first one lowest."""
    bits = 32 // target.dot
    *lower, together = codes
    for lanes in reversed(lower):
        single = builder.and_(lanes, 2**bits - 1) if target.signed_codes else lanes
        together = builder.or_(builder.shl(together, bits=bits), single)
    return together
