"""Cases of ``quantized_linear``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i8, pattern, real, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32, quantized
from distilspec.conformance.goldens.sources.matmul_integer import product
from distilspec.reference.contract.types import Array

SOURCE = Source("quantized_linear")


def scaled(
    accumulators: Sequence[Sequence[int]],
    x_scale: Sequence[float],
    weight_scale: Sequence[float],
    bias: Sequence[float] | None,
) -> list[list[Fraction]]:
    """Return real results, with one activation scale a row of accumulators and one weight scale an output."""
    shift = [0.0] * len(weight_scale) if bias is None else bias
    return [
        [
            acc * Fraction(row_scale) * Fraction(scale) + Fraction(b)
            for acc, scale, b in zip(row, weight_scale, shift, strict=True)
        ]
        for row, row_scale in zip(accumulators, x_scale, strict=True)
    ]


def requantized(y: list[list[Fraction]], y_scale: float, zero_point: int, lowest: int, highest: int) -> list[list[int]]:
    """Return codes that no order of float32 operations can change: each quotient keeps 1e-3 away from every half."""
    for value in (value for row in y for value in row):
        half = value / Fraction(y_scale) - Fraction(1, 2)
        if abs(half - round(half)) < Fraction(1, 1000):
            raise ValueError(f"{float(value)} / {y_scale} is too near to a half")
    return [[quantized(float32(value), y_scale, zero_point, lowest, highest) for value in row] for row in y]


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the full range, zero points, scales, bias, tails of vectors, and the requantised form."""
    yield from _accumulators()
    yield from _epilogue()
    yield from _requantized()


def _inputs(
    x: Array,
    x_scale: Any,
    x_zero_point: Array,
    weight: Any,
    weight_scale: Any,
    bias: Any = None,
    y: tuple[float, Array] | None = None,
) -> dict[str, Array | None]:
    return {
        "x": x,
        "x_scale": f32(x_scale),
        "x_zero_point": x_zero_point,
        "weight": i8(weight),
        "weight_scale": f32(weight_scale),
        "bias": None if bias is None else f32(bias),
        "y_scale": None if y is None else f32(y[0]),
        "y_zero_point": None if y is None else y[1],
    }


def _accumulators() -> Iterator[GoldenCase]:
    for inner in (1, 2, 16, 17, 64, 65):
        yield SOURCE.hand(
            f"saturation-pairs-{inner}",
            "QL-S1 QL-S2",
            inputs=_inputs(u8([[255] * inner]), 1, u8(0), [[-128] * inner, [127] * inner], [1, 1]),
            expected={"y": exact_reals([[-32640 * inner, 32385 * inner]])},
            notes="""255 * -128 and 255 * 127 at every position: two neighbouring products do not fit into 16 bits.
            vpmaddubsw, which saturates them, gives -32768 and 32767 a pair.""",
        )
    for inner in (2, 4, 65):
        yield SOURCE.hand(
            f"pairs-of-seven-bits-{inner}",
            "QL-S1",
            inputs=_inputs(u8([[255] * inner]), 1, u8(0), [[-64] * inner, [64] * inner], [1, 1]),
            expected={"y": exact_reals([[-16320 * inner, 16320 * inner]])},
            notes="""255 * 64 at every position, the largest products of this recipe: two of them are 32640 and fit into
            16 bits, which vpmaddubsw needs; four do not, and saturate to 32767 where they are not widened first.""",
            recipe="w7a8-static",
        )
    yield SOURCE.hand(
        "zero-point-255",
        "QL-S1",
        inputs=_inputs(u8([[0, 255, 254]]), 1, u8(255), [[-128, 127, 1], [1, 1, 1]], [1, 1]),
        expected={"y": exact_reals([[32639, -256]])},
        notes="-255 * -128 + 0 - 1 and -255 + 0 - 1. A zero point that is taken for signed gives other sums.",
    )
    yield SOURCE.hand(
        "zero-point-correction",
        "QL-S1",
        inputs=_inputs(u8([[3, 3, 3], [4, 3, 2]]), 1, u8(3), [[5, 7, 11], [-5, 0, 5]], [1, 1]),
        expected={"y": exact_reals([[0, 0], [-6, -10]])},
        notes="""A row of zero points gives 0. Without the correction it gives 69 and 0: the second output, whose
        weights sum to 0, shows nothing, which is why the first is here.""",
    )
    yield SOURCE.hand(
        "int8-activations",
        "QL-S1",
        inputs=_inputs(i8([[-128, -128, 127]]), 1, i8(127), [[-128, -128, -128], [127, -1, 3]], [1, 1]),
        expected={"y": exact_reals([[65280, -32130]])},
        notes="""-255 * -128 twice, and -255 * 127 + 255: signed activations whose distance from the zero point needs
        9 bits.""",
    )
    yield SOURCE.hand(
        "beyond-float32",
        "QL-S1 QL-S2",
        inputs=_inputs(u8([[255] * 1025]), 2.0**-10, u8(0), [[-128] * 1025, [127] * 1025], [1, 1]),
        expected={"y": real([[Fraction(-33456000, 1024), Fraction(33194625, 1024)]])},
        notes="The accumulator 33194625 is odd and beyond 2**24; it is rounded once, after the sum.",
    )
    for inner, outputs in ((15, 17), (16, 16), (17, 15), (31, 33), (32, 32), (33, 31)):
        x, weight = pattern((2, inner), inner, 0, 255), pattern((outputs, inner), outputs, -128, 127)
        accumulators = product(x.tolist(), weight.T.tolist(), 77)
        yield SOURCE.exact(
            f"tail-{inner}-by-{outputs}",
            "QL-S1 QL-S2",
            inputs=_inputs(u8(x), 0.25, u8(77), weight, [2.0 ** -(o % 5) for o in range(outputs)]),
            expected={
                "y": exact_reals(scaled(accumulators, [0.25] * 2, [2.0 ** -(o % 5) for o in range(outputs)], None))
            },
            notes="""Sizes around the width of a vector: the zero point is corrected and the scale of the right output
            is taken in the tails as well. Powers of two make every answer exact.""",
        )
    x, weight = pattern((1, 4096), 5, 0, 255), pattern((2, 4096), 6, -128, 127)
    yield SOURCE.exact(
        "inner-4096",
        "QL-S1",
        inputs=_inputs(u8(x), 1, u8(128), weight, [1, 1]),
        expected={"y": exact_reals(product(x.tolist(), weight.T.tolist(), 128))},
        notes="A long sum of full-range codes.",
    )
    yield SOURCE.hand(
        "inner-0",
        "QL-S1 QL-S3",
        inputs=_inputs(np.zeros((2, 0), np.uint8), 1, u8(4), np.zeros((3, 0), np.int8), [1, 1, 1], [1, -2, 0.5]),
        expected={"y": exact_reals([[1, -2, 0.5]] * 2)},
        notes="An empty sum is 0 and leaves the bias.",
    )
    yield SOURCE.hand(
        "no-rows",
        "QL-S1",
        inputs=_inputs(np.zeros((0, 2), np.uint8), 1, u8(4), [[1, 2]], [1]),
        expected={"y": np.zeros((0, 1), np.float64)},
        notes="No tokens, no results, and no error.",
    )


def _epilogue() -> Iterator[GoldenCase]:
    yield SOURCE.hand(
        "one-scale-an-output",
        "QL-S2",
        inputs=_inputs(u8([[2, 1]]), 0.5, u8(0), [[1, 0], [1, 0], [0, 4]], [1, 0.25, 8]),
        expected={"y": exact_reals([[1, 0.25, 16]])},
        notes="Neighbouring outputs have other scales: a shift by one, or one scale for all, shows.",
    )
    yield SOURCE.hand(
        "one-scale-a-token",
        "QL-S2",
        inputs=_inputs(i8([[[1, 2], [1, 2]], [[1, 2], [-1, -2]]]), [[[1], [2]], [[4], [8]]], i8(0), [[1, 1]], [0.5]),
        expected={"y": exact_reals([[[1.5], [3]], [[6], [-12]]])},
        notes="The activation scale belongs to its row, as in the recipe with one scale a token.",
        recipe="w8a8-dynamic-token",
    )
    yield SOURCE.hand(
        "channel-of-zeros",
        "QL-S1 QL-S2",
        inputs=_inputs(u8([[255, 0]]), 3, u8(100), [[0, 0], [127, -127]], [1, 1], [0.5, 0.5]),
        expected={"y": exact_reals([[0.5, 97155.5]])},
        notes="""An output whose weights are all 0 is its bias, whatever the zero point. 3 * (155 * 127 + 100 * 127) =
        97155.""",
    )
    yield SOURCE.hand(
        "bias-stays-float",
        "QL-S3",
        inputs=_inputs(u8([[1]]), 1, u8(0), [[1]], [1], [0.375]),
        expected={"y": exact_reals([[1.375]])},
        notes="A bias rounded to a multiple of the scales, as integer pipelines do, gives 1.",
    )
    yield SOURCE.hand(
        "bias-is-not-scaled",
        "QL-S3",
        inputs=_inputs(u8([[6, 7]]), 0.5, u8(5), [[1, 1], [2, -1]], [4, 4], [1000, -0.5]),
        expected={"y": exact_reals([[1006, -0.5]])},
        notes="The bias is added after both scales.",
    )
    x, weight = pattern((3, 5), 21, 0, 255), pattern((4, 5), 22, -128, 127)
    scales, bias = f32([0.0123, 0.0031, 1.7e-5, 0.25]).tolist(), f32([0.1, -2.7, 3e-4, 11.3]).tolist()
    x_scale = f32(0.0371).item()
    yield SOURCE.exact(
        "rounded-scales",
        "QL-S2 QL-S3",
        inputs=_inputs(u8(x), x_scale, u8(121), weight, scales, bias),
        expected={"y": real(scaled(product(x.tolist(), weight.T.tolist(), 121), [x_scale] * 3, scales, bias))},
        notes="Scales and biases that are no powers of two.",
    )
    for name, x_scale, weight_scale in (("tiny", 2.0**-100, 2.0**-20), ("huge", 2.0**60, 2.0**50)):
        yield SOURCE.hand(
            f"{name}-scales",
            "QL-S2",
            inputs=_inputs(u8([[200, 100]]), x_scale, u8(100), [[1, 1], [-3, 5]], [weight_scale] * 2),
            expected={"y": exact_reals([[100 * x_scale * weight_scale, -300 * x_scale * weight_scale]])},
            notes="The product of the scales is normal in float32, and no order of the products leaves its range.",
        )


def _requantized() -> Iterator[GoldenCase]:
    yield SOURCE.hand(
        "requantized-ties-odd-zero-point",
        "QL-S4",
        inputs=_inputs(i8([[1], [3], [-1]]), 0.5, i8(0), [[1]], [1], None, (1, u8(1))),
        expected={"y": u8([[1], [3], [1]])},
        notes="""0.5, 1.5 and -0.5 go to even before the zero point is added. Adding first gives 2, 2, 0; away from
        zero gives 2, 3, 0; adding a half and shifting gives 2, 3, 1.""",
    )
    yield SOURCE.hand(
        "requantized-ties-int8",
        "QL-S4",
        inputs=_inputs(u8([[0], [1], [2], [4], [5], [6]]), 1, u8(3), [[1]], [0.5], None, (1, i8(-3))),
        expected={"y": i8([[-5], [-4], [-3], [-3], [-2], [-1]])},
        notes="-1.5, -1, -0.5, 0.5, 1 and 1.5, rounded to even, less 3.",
    )
    yield SOURCE.hand(
        "requantized-saturation-uint8",
        "QL-S4",
        inputs=_inputs(u8([[0], [1], [2], [255]]), 1, u8(1), [[127], [-128]], [1, 1], None, (1, u8(128))),
        expected={"y": u8([[1, 255], [128, 128], [255, 0], [255, 0]])},
        notes="Both edges; a cast that wraps gives 0 for 256 and 130 for 32386.",
    )
    yield SOURCE.hand(
        "requantized-saturation-int8",
        "QL-S4",
        inputs=_inputs(u8([[0, 255], [255, 0]]), 16, u8(128), [[-128, 127]], [1], None, (2, i8(0))),
        expected={"y": i8([[127], [-128]])},
        notes="Far beyond the codes: 16 * 32513 / 2 and its opposite side.",
    )
    yield SOURCE.hand(
        "requantized-bias-comes-first",
        "QL-S3 QL-S4",
        inputs=_inputs(u8([[1, 1]]), 0.25, u8(0), [[1, 0], [0, 3]], [1, 1], [0.5, 0.75], (1, u8(10))),
        expected={"y": u8([[11, 12]])},
        notes="0.25 + 0.5 goes to 1 and 0.75 + 0.75 is a half and goes to 2. Without the bias the codes are 10 and 11.",
    )
    yield SOURCE.hand(
        "requantized-huge-scale",
        "QL-S4",
        inputs=_inputs(u8([[255, 255]]), 1, u8(0), [[127, 127], [-128, -128]], [1, 1], None, (2.0**100, u8(200))),
        expected={"y": u8([[200, 200]])},
        notes="Everything is nearly 0 and gets the zero point.",
    )
    x, weight = pattern((2, 17), 31, 0, 255), pattern((17, 17), 32, -128, 127)
    scales = f32([0.001 * (o + 1) for o in range(17)]).tolist()
    bias = f32([0.5 * (-1) ** o for o in range(17)]).tolist()
    x_scale, y_scale = f32(0.0471).item(), f32(0.913).item()
    y = scaled(product(x.tolist(), weight.T.tolist(), 113), [x_scale] * 2, scales, bias)
    yield SOURCE.exact(
        "requantized-tail-17",
        "QL-S4",
        inputs=_inputs(u8(x), x_scale, u8(113), weight, scales, bias, (y_scale, u8(87))),
        expected={"y": u8(requantized(y, y_scale, 87, 0, 255))},
        notes="""One more than the width of a vector on both axes; no quotient is near a half, so every order must
        agree.""",
    )
