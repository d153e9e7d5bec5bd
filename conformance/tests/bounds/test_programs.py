"""Whole programs on the bounds: step by step on exact inputs, and from end to end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders import batch, small_bert
from torch.nn import functional

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference import ops
from distilspec.reference.recipes.apply import apply_recipe
from distilspec.reference.recipes.calibrate import calibrate

BATCHES = [batch(seed) for seed in range(2)]
TORCH = {
    "embedding": lambda ids, weight: functional.embedding(ids, weight),
    "add": torch.add,
    "linear": functional.linear,
    "layer_norm": lambda x, weight, bias, epsilon: functional.layer_norm(x, weight.shape, weight, bias, epsilon),
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "scaled_dot_product_attention": lambda q, k, v, mask, scale: functional.scaled_dot_product_attention(
        q, k, v, mask, scale=scale
    ),
    "quantized_linear": lambda x, s, z, weight, t, bias: (
        ((x.int() - z.int()) @ weight.int().T).float() * (s * t) + bias
    ),
    "dequantize": lambda x, s, **_: x.float() * (s[:, None] if s.ndim else s),
    "divide": torch.divide,
}


def programs():
    """Return the small BERT under every recipe."""
    plain = small_bert()
    ranges = calibrate(plain, BATCHES, recipe="w8a8-static-attn")
    quantised = {
        recipe: apply_recipe(plain, recipe, calibration=ranges)
        for recipe in ("w8a8-static", "w8a8-static-attn", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32")
    }
    return {"fp32": plain} | quantised


PROGRAMS = programs()


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_torch_stays_inside_at_every_step_on_its_own_float32_inputs(recipe):
    """Each step alone, from float32 inputs that are exact: what a staged judgement does."""
    judged = set()
    for evaluation in PROGRAMS[recipe].evaluate(ops, BATCHES[0]):
        operator = evaluation.step.op
        if operator not in TORCH:
            continue
        arrays = [
            None if x is None else x.astype(np.float32) if x.dtype == np.float64 else x for x in evaluation.arguments
        ]
        bounded = getattr(bounds, operator)(*arrays, **evaluation.attributes)
        tensors = [None if x is None else torch.from_numpy(np.asarray(x)) for x in arrays]
        got = TORCH[operator](*tensors, **evaluation.attributes).numpy()
        assert bounded.contains(got).all(), evaluation.step.name
        judged.add(operator)

    attention = {"divide", "dequantize"} if recipe == "w8a8-static-attn" else {"scaled_dot_product_attention"}
    assert {"linear", "layer_norm", "gelu"} | attention <= judged


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_a_program_has_the_values_of_the_reference_on_the_bounds(recipe):
    """The namespaces agree bit for bit on the values, and no error is negative or NaN."""
    program = PROGRAMS[recipe]
    lifted = {name: Bounded.exact(array) for name, array in BATCHES[0].items()}
    kept = [output for step in program.steps for output in step.outputs]

    expected, bounded = program.run(ops, BATCHES[0], keep=kept), program.run(bounds, lifted, keep=kept)

    for name, value in expected.items():
        np.testing.assert_array_equal(bounded[name].value, value, err_msg=name)
        assert bounded[name].value.dtype == value.dtype
        assert (bounded[name].error >= 0).all(), name


def test_from_end_to_end_the_bound_of_one_attention_is_useful_and_that_of_a_model_is_not():
    """Propagation multiplies errors with every layer: PyTorch is inside, and so would be almost anything."""
    program = PROGRAMS["fp32"]
    projected = "encoder.layer.0.attention.output.dense"
    propagated = program.run(bounds, BATCHES[0], keep=[projected])
    bounded, attention = propagated["logits"], propagated[projected]
    values = {name: torch.from_numpy(np.asarray(array)) for name, array in {**BATCHES[0], **program.constants}.items()}

    logits = program.run(_Torch(), {name: values[name] for name in program.inputs})["logits"].numpy()

    assert bounded.contains(logits).all()
    assert np.median(attention.error) < 0.01 * np.median(np.abs(attention.value))
    assert np.median(bounded.error) > np.median(np.abs(bounded.value))


class _Torch:
    """Float32 PyTorch as a namespace for the operators of a BERT classifier."""

    constant = staticmethod(torch.from_numpy)
    reshape = staticmethod(lambda x, shape: x.reshape(shape))
    transpose = staticmethod(lambda x, axes: x.permute(axes))
    cls_pool = staticmethod(lambda x: x[:, 0])
    unsqueeze = staticmethod(lambda x, **_: x[:, None, None])
    slice = staticmethod(lambda x, start, stop, **_: x[start:stop])

    def __getattr__(self, operator):
        return TORCH[operator]


def test_an_uncertain_zero_point_leaves_the_product_where_it_is():
    """
    A tensor whose zero point is near a tie: codes and zero point may move together, the linear's result does not.

    -low / scale = 127.5 exactly, so that a runtime that multiplies by a reciprocal may round it the other way.
    """
    x = np.float32([[-1.0, 1.0, 0.3, 0.7]])
    weight, scales = np.int8([[100, -100, 50, 25]]), np.float32([0.01])
    codes, scale, zero_point = bounds.dynamic_quantize(x)

    assert zero_point.error == 1
    assert codes.error.min() == 1
    assert bounds.quantized_linear(codes, scale, zero_point, weight, scales).error < 0.04
