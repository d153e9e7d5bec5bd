"""Attention of codes is one fused step where a program says it as the recipe does, and refused where it does not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_models import small_program

from distilspec.fast import FUSED_OPERATORS, OPERATORS
from distilspec.fast.lower.fused import Attention, Linear, Quantize, QuantizedAttention
from distilspec.fast.lower.lower import lower
from distilspec.reference.contract.errors import UnsupportedError

RECIPE = "w8a8-static-attn"
NAME = "transformer.layer.0.attention.scaled_dot_product_attention"


def changed(program, part, **fields):
    """Return the program with a step of the first attention changed."""
    name = f"{NAME}{part}"
    steps = tuple(dataclasses.replace(step, **fields) if step.name == name else step for step in program.steps)
    assert steps != program.steps
    return program.replace(steps=steps)


def with_constant(program, part, value):
    """Return the program with a constant of the first attention changed."""
    assert f"{NAME}{part}" in program.constants
    return program.replace(constants={**program.constants, f"{NAME}{part}": np.asarray(value)})


@pytest.mark.parametrize("family", ["distilbert", "bert"])
def test_all_steps_of_an_attention_are_one(family):
    """The same fused steps as of the other static recipe, with the scales of the program's constants."""
    program = small_program(RECIPE, family=family)
    lowered, plain = lower(program), lower(small_program("w8a8-static", family=family))

    kinds = [QuantizedAttention if type(step) is Attention else type(step) for step in plain.steps]
    assert [type(step) for step in lowered.steps] == kinds
    found = next(step for step in lowered.steps if isinstance(step, QuantizedAttention))
    name = next(step.name for step in program.steps if step.op == "softmax").removesuffix(".weights")
    constants = {part: program.constants[f"{name}.{part}"] for part in ("query.scale", "key.scale", "value.scale")}
    assert (found.query_scale, found.key_scale, found.value_scale) == tuple(constants.values())
    assert found.query_zero_point == program.constants[f"{name}.query.zero_point"]
    assert found.scale == program.constants[f"{name}.scores.scale"]
    assert found.mask == "attention_mask"


def test_query_key_and_value_are_still_one_linear():
    """Each has scales of its own, so their codes are made by attention."""
    steps = lower(small_program(RECIPE)).steps
    attention = next(place for place, step in enumerate(steps) if isinstance(step, QuantizedAttention))
    assert isinstance(steps[attention - 1], Linear)
    assert len(steps[attention - 1].parts) == 3
    assert isinstance(steps[attention + 1], Quantize)


def test_the_fused_operators_are_those_of_the_recipe():
    """What a program under it holds besides what programs may hold anyway."""
    held = {step.op for step in small_program(RECIPE).steps}
    assert held - set(OPERATORS) == set(FUSED_OPERATORS)


OTHER = {
    "codes of 256 parts": lambda p: with_constant(p, ".shares.quantized.scale", np.float32(1 / 256)),
    "signed codes of weights": lambda p: with_constant(p, ".shares.quantized.zero_point", np.int8(0)),
    "no zero point of queries": lambda p: changed(
        p, ".scores.accumulators", inputs=(f"{NAME}.query", f"{NAME}.key.turned")
    ),
    "another zero point of queries": lambda p: changed(
        p, ".scores.accumulators", inputs=(f"{NAME}.query", f"{NAME}.key.turned", f"{NAME}.shares.quantized.zero_point")
    ),
    "a zero point of weights": lambda p: changed(
        p, ".accumulators", inputs=(f"{NAME}.shares.quantized", f"{NAME}.value", f"{NAME}.query.zero_point")
    ),
    "a sum of other codes": lambda p: changed(p, ".counts", inputs=(f"{NAME}.query",)),
    "unsigned values": lambda p: with_constant(p, ".value.zero_point", np.uint8(0)),
    "keys with a zero point": lambda p: with_constant(p, ".key.zero_point", np.int8(3)),
    "values dequantised by another scale": lambda p: changed(
        p, ".sum", inputs=(f"{NAME}.accumulators", f"{NAME}.key.scale")
    ),
    "probabilities": lambda p: changed(p, ".shares", inputs=(f"{NAME}.weights", f"{NAME}.total.least")),
    "softmax along another axis": lambda p: changed(p, ".weights", attributes={"axis": -2}),
    "a sum along another axis": lambda p: changed(p, ".total", attributes={"axes": (-2,)}),
    "a sum that may be zero": lambda p: with_constant(p, ".total.least", np.float32(0)),
    "a divisor that cuts weights": lambda p: with_constant(p, ".weights.least", np.float32(0.5)),
    "keys turned by other axes": lambda p: changed(p, ".key.turned", attributes={"axes": (0, 2, 1, 3)}),
    "a product": lambda p: changed(p, "", op="multiply"),
    "weights that are shown": lambda p: p.replace(outputs={**p.outputs, "weights": f"{NAME}.weights"}),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_is_almost_such_an_attention_is_refused(what):
    """Never a kernel that computes something else; the step that is named is inside that attention."""
    with pytest.raises(UnsupportedError, match=rf"step {NAME}\S*: .*expected "):
        lower(OTHER[what](small_program(RECIPE)))
