"""Products of dequantised codes as products of codes: the same numbers; integer bugs can be planted in that form."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance import bounds
from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.integer_products import integer_products
from distilspec.conformance.judge import judge
from distilspec.conformance.mutants.matmul_integer import saturating_pairs
from distilspec.conformance.result import State
from distilspec.conformance.segments import Segment
from distilspec.reference import ops
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

RNG = np.random.default_rng(8)
CODES = {
    "uint8": RNG.integers(0, 256, (2, 3, 6)).astype(np.uint8),
    "int8": RNG.integers(-128, 128, (2, 3, 6)).astype(np.int8),
}
CONSTANTS = {
    "x_scale": np.float32(0.05),
    "weight": RNG.integers(-127, 128, (6, 5)).astype(np.int8),
    "scale": np.float32(0.02),
    "columns": (RNG.random(5) / 50 + 0.01).astype(np.float32),
    "zeros": RNG.integers(-3, 4, 5).astype(np.int8),
    "rows": (RNG.random(6) / 50 + 0.01).astype(np.float32),
}


def product(dtype, *weight):
    """Return the program of a product of codes of a type; ``weight`` are the steps that make its second operand."""
    builder = Builder("product", {"x": TensorSpec(dtype, ("batch", "sequence", 6))}, {"recipe": "w8a8-static"})
    for name, array in {**CONSTANTS, "turned": CONSTANTS["weight"].T.copy(), "x_zero": np.array(3, dtype)}.items():
        builder.constant(name, np.asarray(array))
    builder.emit("a", "dequantize", ["x", "x_scale", "x_zero"])
    for name, op, operands, attributes in weight:
        builder.emit(name, op, operands.split(), attributes)
    builder.emit("y", "matmul", ["a", "b"])
    return builder.finish({"y": "y"})


BY_COLUMN = {
    "one scale": [("b", "dequantize", "weight scale", {})],
    "a scale a column": [("b", "dequantize", "weight columns zeros", {"axis": 1})],
    "turned": [("t", "dequantize", "turned columns", {"axis": 0}), ("b", "transpose", "t", {"axes": (1, 0)})],
    "reshaped": [("t", "dequantize", "weight scale", {}), ("b", "reshape", "t", {"shape": (6, 5)})],
}


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("weight", BY_COLUMN)
def test_the_integer_form_is_the_same_real_number(weight, dtype):
    """Zero points, scales by column and steps that move the weight stay; signed activations become unsigned."""
    program = product(dtype, *BY_COLUMN[weight])

    integer = integer_products(program)

    got, expected = (made.run(ops, {"x": CODES[dtype]})["y"] for made in (integer, program))
    # 6 products of 2**-53 each, and as many for the factors
    assert np.abs(got - expected).max() <= 2.0**-49 * np.abs(expected).max()
    (step,) = (step for step in integer.steps if step.op == "matmul_integer")
    assert integer.spec(step.inputs[0]).dtype == "uint8"
    assert not [step for step in integer.steps if step.op == "matmul"]


OTHERS = {
    "a scale for each term": [("b", "dequantize", "weight rows", {"axis": 0})],
    "scales that are reshaped": [
        ("t", "dequantize", "weight columns", {"axis": 1}),
        ("b", "reshape", "t", {"shape": (6, 5)}),
    ],
    "no codes": [("b", "cast", "weight", {"dtype": "float"})],
}


@pytest.mark.parametrize("weight", OTHERS)
def test_other_products_are_left_alone(weight):
    """Scales that differ among the terms of a sum cannot leave it."""
    assert integer_products(product("uint8", *OTHERS[weight])) is None


@pytest.mark.parametrize("dtype", CODES)
def test_saturating_pairs_are_named_although_the_program_has_no_integer_product(dtype):
    """A kernel behind DequantizeLinear and MatMul saturates 16 bits; signed activations reach it moved by 128."""
    program = product(dtype, *BY_COLUMN["a scale a column"])
    offset = 128 if dtype == "int8" else 0
    unsigned = (CODES[dtype].astype(int) + offset).astype(np.uint8)
    sums = saturating_pairs(unsigned, CONSTANTS["weight"], np.uint8(3 + offset), CONSTANTS["zeros"])
    got = (sums * np.float64(CONSTANTS["x_scale"]) * CONSTANTS["columns"]).astype(np.float32)
    allowed = program.run(bounds, {"x": bounds.Bounded.exact(CODES[dtype])})["y"]

    found = diagnose(Segment("y", program), {"x": CODES[dtype]}, got, allowed.error)

    assert judge(got, np.asarray(allowed.value), allowed.error).state is State.FAIL
    assert found == "pairs of products saturate in 16 bits [MMI-S1]"


@pytest.mark.parametrize("form", ["real", "integer"])
def test_saturating_pairs_are_named_where_both_codes_are_unsigned(form):
    """A product of two activations: the kernel makes the codes on the right signed, as their zero point."""
    steps = {
        "real": [("p", "dequantize", "x x_scale"), ("q", "dequantize", "v scale v_zero"), ("y", "matmul", "p q")],
        "integer": [
            ("s", "matmul_integer", "x v x_zero v_zero"),
            ("f", "cast", "s"),
            ("y", "multiply", "f x_scale"),
        ],
    }
    inputs = {"x": np.full((2, 6), 225, np.uint8), "v": RNG.integers(200, 256, (6, 5)).astype(np.uint8)}
    types = {name: TensorSpec("uint8", array.shape) for name, array in inputs.items()}
    builder = Builder("product", types, {"recipe": "w8a8-static-attn"})
    constants = {"x_scale": np.float32(0.05), "scale": np.float32(1), "x_zero": np.uint8(0), "v_zero": np.uint8(128)}
    for name, array in constants.items():
        builder.constant(name, np.asarray(array))
    for name, op, operands in steps[form]:
        builder.emit(name, op, operands.split(), {"dtype": "float"} if op == "cast" else {})
    program = builder.finish({"y": "y"})
    sums = saturating_pairs(inputs["x"], (inputs["v"].astype(int) - 128).astype(np.int8), np.uint8(0), np.int8(0))
    got = (sums * np.float64(constants["x_scale"])).astype(np.float32)
    allowed = program.run(bounds, {name: bounds.Bounded.exact(array) for name, array in inputs.items()})["y"]

    found = diagnose(Segment("y", program), inputs, got, allowed.error)

    assert judge(got, np.asarray(allowed.value), allowed.error).state is State.FAIL
    assert found == "pairs of products saturate in 16 bits [MMI-S1]"
