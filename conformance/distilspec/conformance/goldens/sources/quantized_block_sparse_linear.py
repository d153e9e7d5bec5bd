"""Cases of ``quantized_block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i8, i32, pattern, real, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.matmul_integer import product
from distilspec.conformance.goldens.sources.pack_block_sparse import BLOCK_SHAPES, packed, with_empty_blocks
from distilspec.conformance.goldens.sources.quantized_linear import scaled
from distilspec.reference.contract.types import Array

SOURCE = Source("quantized_block_sparse_linear")


def _inputs(
    x: Array,
    x_scale: Any,
    x_zero_point: Array,
    blocks: Mapping[str, Array],
    weight_scale: Any,
    bias: Any = None,
) -> dict[str, Array | None]:
    return {
        "x": x,
        "x_scale": f32(x_scale),
        "x_zero_point": x_zero_point,
        **blocks,
        "weight_scale": f32(weight_scale),
        "bias": None if bias is None else f32(bias),
    }


def cases() -> Iterator[GoldenCase]:
    """Yield every case: empty block rows, the full range, block shapes, no blocks."""
    yield SOURCE.hand(
        "empty-block-row",
        "QBSL-S1 QBSL-S2",
        inputs=_inputs(
            u8([[1, 2, 3, 4], [5, 5, 5, 5]]),
            0.5,
            u8(5),
            {
                "data": i8([[[1, 2], [3, 4]], [[-128, 0], [0, 127]]]),
                "indices": i32([0, 1]),
                "indptr": i32([0, 1, 1, 2]),
            },
            [1, 2, 1, 1, 4, 4],
            [0, 0, 7, -0.25, 0, 1],
        ),
        expected={"y": exact_reals([[-5, -24, 7, -0.25, 512, -253], [0, 0, 7, -0.25, 0, 1]])},
        notes="""The second block row is empty and gives its bias, whatever the zero point. A kernel that corrects the
        zero point by the sum of all inputs, not of the stored ones, differs in the other rows.""",
    )
    yield SOURCE.hand(
        "no-blocks",
        "QBSL-S1 QBSL-S2",
        inputs=_inputs(
            u8([[1, 255]]),
            1,
            u8(255),
            {"data": np.zeros((0, 4, 1), np.int8), "indices": i32([]), "indptr": i32([0, 0])},
            [1] * 4,
            [1, 2, 3, 4],
        ),
        expected={"y": exact_reals([[1, 2, 3, 4]])},
        notes="Nothing is stored: the bias alone.",
    )
    for inner in (2, 16, 17, 64, 65):
        blocks: dict[str, Array] = {
            "data": i8([[[-128], [-128], [127], [127]]] * inner),
            "indices": i32(range(inner)),
            "indptr": i32([0, inner]),
        }
        yield SOURCE.hand(
            f"saturation-pairs-{inner}",
            "QBSL-S2",
            inputs=_inputs(u8([[255] * inner]), 1, u8(0), blocks, [1] * 4),
            expected={"y": exact_reals([[-32640 * inner] * 2 + [32385 * inner] * 2])},
            notes="""A full block row of 255 * -128 and 255 * 127: two neighbouring products do not fit into 16 bits.
            vpmaddubsw, which saturates them, gives -32768 and 32767 a pair.""",
        )
    for seed, block_shape in enumerate(BLOCK_SHAPES):
        weight = with_empty_blocks(block_shape, 4, 5, 400 + seed)
        x = pattern((3, 5 * block_shape[1]), seed, 0, 255)
        scales = f32([0.001 * (o + 1) for o in range(len(weight))]).tolist()
        bias = f32([0.1 * (-1) ** o for o in range(len(weight))]).tolist()
        x_scale = f32(0.0213).item()
        accumulators = product(x.tolist(), list(zip(*weight, strict=True)), 99)
        yield SOURCE.exact(
            f"blocks-{block_shape[0]}x{block_shape[1]}",
            "QBSL-S1 QBSL-S2",
            inputs=_inputs(u8(x), x_scale, u8(99), packed(weight, block_shape, i8), scales, bias),
            expected={"y": real(scaled(accumulators, [x_scale] * 3, scales, bias))},
            notes="An empty block row, a full one, and others in between: bit for bit the dense product.",
        )
    weight = with_empty_blocks((4, 1), 4, 5, 500)
    x = pattern((2, 5), 500, -128, 127)
    accumulators = product(x.tolist(), list(zip(*weight, strict=True)), -3)
    yield SOURCE.exact(
        "int8-activations-exact",
        "QBSL-S1 QBSL-S2",
        inputs=_inputs(i8(x), [[2], [0.5]], i8(-3), packed(weight, (4, 1), i8), [0.25] * 16),
        expected={"y": exact_reals(scaled(accumulators, [2, 0.5], [0.25] * 16, None))},
        notes="Signed activations with one scale a token; powers of two make every answer exact.",
    )
