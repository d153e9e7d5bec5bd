"""``found_recipe``: the name of what a program's products are calculated with."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.found_recipe import found_recipe
from distilspec.reference.tracer import Builder

CONSTANTS = {
    "weight": np.ones((4, 4), np.float32),
    "codes": np.eye(4, dtype=np.int8) * np.int8(-65),
    "small": np.eye(4, dtype=np.int8) * np.int8(-64),
    "unsigned": np.eye(4, dtype=np.uint8),
    "scale": np.float32(0.5),
    "zero": np.uint8(3),
}

#: A weight that is stored as codes, and activations that are rounded to codes in three ways.
WEIGHT = [("w", "dequantize", "codes scale")]
SMALL = [("w", "dequantize", "small scale")]
STATIC = [("q", "quantize", "x scale zero"), ("r", "dequantize", "q scale zero")]
DYNAMIC = [("q", "dynamic_quantize", "x"), ("r", "dequantize", "q q.scale q.zero_point")]
TOKEN = [
    ("m", "reduce_max", "x"),
    ("s", "cast", "m"),
    ("q", "quantize", "x s zero"),
    ("r", "dequantize", "q s zero"),
]
ATTRIBUTES = {"reduce_max": {"axes": (-1,)}, "cast": {"dtype": "float32"}, "transpose": {"axes": (1, 0)}}

PROGRAMS = {
    "fp32": [("y", "matmul", "x weight")],
    "w8a32": [*WEIGHT, ("y", "matmul", "x w")],
    "w8a8-static": [*WEIGHT, *STATIC, ("y", "matmul", "r w")],
    "w7a8-static": [*SMALL, *STATIC, ("y", "matmul", "r w")],
    "w7a8-dynamic": [("q", "dynamic_quantize", "x"), ("y", "matmul_integer", "q small q.zero_point")],
    "w8a8-dynamic": [("q", "dynamic_quantize", "x"), ("y", "matmul_integer", "q codes q.zero_point")],
    "w8a8-dynamic-token": [*WEIGHT, *TOKEN, ("y", "matmul", "r w")],
    "w32a8-static": [*STATIC, ("y", "matmul", "r weight")],
    "fp32-attn": [*STATIC, ("y", "matmul", "r r")],
    "fp32-elementwise": [*STATIC, ("y", "add", "r x")],
    "w8a8-static-attn-elementwise": [
        *WEIGHT, *STATIC, ("p", "matmul", "r w"), ("o", "matmul", "r r"), ("y", "tanh", "r")
    ],
    "w7a8-static+w8a8-static": [
        *SMALL, *STATIC, ("h", "matmul", "r w"), ("v", "dequantize", "codes scale"), ("y", "matmul", "r v")
    ],
    "fp32+w8a32": [*WEIGHT, ("h", "matmul", "x weight"), ("y", "matmul", "h w")],
    "w8a8-static+w8a32": [*WEIGHT, *STATIC, ("h", "matmul", "r w"), ("y", "matmul", "h w")],
}  # fmt: skip


def built(steps):
    """Return the program of some steps on a square matrix ``x``."""
    builder = Builder("steps", {"x": TensorSpec("float", (4, 4))}, {"recipe": ""})
    for name, array in CONSTANTS.items():
        builder.constant(name, np.asarray(array))
    for name, op, operands in steps:
        builder.emit(name, op, operands.split(), ATTRIBUTES.get(op, {}))
    return builder.finish({"y": steps[-1][0]})


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_the_name_of_its_products(name):
    """A mixture names each of its parts once, and what else is made of codes."""
    assert found_recipe(built(PROGRAMS[name])) == name


def test_a_float_head_after_quantised_products_is_no_mixture():
    """Heads are float in every recipe."""
    assert found_recipe(built([*WEIGHT, ("h", "matmul", "x w"), ("y", "matmul", "h weight")])) == "w8a32"


def test_a_weight_of_unsigned_codes_or_kept_for_itself_has_eight_bits():
    """Seven bits are a matter of signed codes that are multiplied by codes: nothing else saturates with eight."""
    unsigned = [("w", "dequantize", "unsigned scale"), *STATIC, ("y", "matmul", "r w")]

    assert found_recipe(built(unsigned)) == "w8a8-static"
    assert found_recipe(built([*SMALL, ("y", "matmul", "x w")])) == "w8a32"


def test_codes_that_only_move_stay_codes():
    """Steps between the quantisation and the product change neither."""
    moved = [("t", "transpose", "r"), ("y", "matmul", "t w")]

    assert found_recipe(built([*WEIGHT, *DYNAMIC, *moved])) == "w8a8-dynamic"


def test_an_8_bit_table_without_8_bit_products_is_w8a32():
    """A weight that is stored in 8 bits and read as a real number; one element alone is a zero point and no weight."""
    assert found_recipe(built([*WEIGHT, ("h", "add", "x w"), ("y", "matmul", "h weight")])) == "w8a32"
    assert found_recipe(built([("c", "cast", "zero"), ("h", "add", "x c"), ("y", "matmul", "h weight")])) == "fp32"
