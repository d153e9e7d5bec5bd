"""Sensitivities of whole models against automatic differentiation and differences, and the first-order bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders import batch, small_bert
from torch.nn import functional

from distilspec.conformance import bounds
from distilspec.conformance.adjoints import first_order_bound, sensitivities
from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.recipes.apply import apply_recipe
from distilspec.reference.recipes.calibrate import calibrate
from distilspec.reference.recipes.prune import prune
from distilspec.reference.tracer import Builder


def torch_attention(query, key, value, mask, *, scale):
    """Return attention with the scale as a factor and -inf at masked keys."""
    scores = (query @ key.transpose(-1, -2) * scale).masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, -1) @ value


#: Float64 PyTorch for every operator of a BERT classifier.
FORWARD = {
    "add": torch.add,
    "cls_pool": lambda x: x[:, 0],
    "embedding": lambda ids, weight: functional.embedding(ids, weight).requires_grad_(),
    "gelu": functional.gelu,
    "layer_norm": lambda x, weight, bias, epsilon: functional.layer_norm(x, weight.shape, weight, bias, epsilon),
    "linear": functional.linear,
    "reshape": lambda x, shape: x.reshape(shape),
    "scaled_dot_product_attention": torch_attention,
    "slice": lambda x, start, stop, **_: x[start:stop],
    "tanh": torch.tanh,
    "transpose": lambda x, axes: x.permute(axes),
    "unsqueeze": lambda x, **_: x[:, None, None],
}


class _Double:
    """Float64 PyTorch as a namespace for a BERT classifier, which keeps the gradient of every result."""

    @staticmethod
    def constant(array):
        """Lift a constant."""
        tensor = torch.from_numpy(array)
        return tensor.double() if tensor.is_floating_point() else tensor

    def __getattr__(self, operator):
        """Return the operator."""
        forward = FORWARD[operator]

        def record(*operands, **attributes):
            result = forward(*operands, **attributes)
            if result.requires_grad:
                result.retain_grad()
            return result

        return record


def margin(shape=(3, 3)):
    """Return the cotangent of logits[0, 0] - logits[0, 1]."""
    cotangent = np.zeros(shape)
    cotangent[0, :2] = 1, -1
    return {"logits": cotangent}


def test_every_tensor_of_a_model_agrees_with_automatic_differentiation():
    """A BERT with two layers, padding and shared tensors."""
    program, inputs = small_bert(), batch()
    results = {}
    for evaluation in program.evaluate(_Double(), {name: torch.from_numpy(array) for name, array in inputs.items()}):
        results |= zip(evaluation.step.outputs, evaluation.results, strict=True)
    logits = results[program.outputs["logits"]]
    (logits[0, 0] - logits[0, 1]).backward()

    found = sensitivities(program, inputs, margin())

    compared = 0
    for name, result in results.items():
        if result.requires_grad and result.grad is not None:
            np.testing.assert_allclose(found[name], result.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)
            compared += 1
    assert compared > 40


def programs():
    """Return the small BERT under the quantised recipes, dense and block-sparse."""
    plain, batches = small_bert(), [batch(seed) for seed in range(2)]
    ranges = calibrate(plain, batches, recipe="w8a8-static-attn")
    sparse = prune(plain, sparsity=0.5, block_shape=(4, 1))
    return {
        f"{recipe}, {kind}": apply_recipe(program, recipe, calibration=ranges)
        for recipe in ("w8a8-static", "w8a8-static-attn", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32")
        for kind, program in (("dense", plain), ("sparse", sparse))
    }


PROGRAMS = programs()


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_float_tensors_behind_the_last_codes_agree_with_central_differences(recipe):
    """Nothing is rounded between the last quantised Linear and the logits."""
    program, inputs = PROGRAMS[recipe], batch()
    found = sensitivities(program, inputs, margin())
    name = "encoder.layer.1.output.dense"
    rest = program.extract([program.outputs["logits"]], [name, *program.inputs])
    values = program.run(ops, inputs, keep=[name])
    random = np.random.default_rng(0)
    direction = random.standard_normal(values[name].shape)

    ends = []
    for step in (-1e-6, 1e-6):
        given = {key: values[name] + step * direction if key == name else inputs[key] for key in rest.inputs}
        logits = rest.run(ops, given)[program.outputs["logits"]]
        ends.append(logits[0, 0] - logits[0, 1])

    slope = (ends[1] - ends[0]) / 2e-6
    assert np.sum(found[name] * direction) == pytest.approx(slope, rel=1e-5)


def test_the_error_of_a_tensor_on_which_nothing_depends_does_not_count():
    """Not even an infinite one, whether the tensor is in the program or not."""
    program, inputs = small_bert(), batch()
    name = "encoder.layer.0.intermediate.gelu"
    dead = sensitivities(program, inputs, margin())[name] == 0
    errors = {name: np.where(dead, np.inf, 0), "no such tensor": np.full(1, np.inf)}

    assert dead.any()
    assert first_order_bound(program, inputs, margin(), errors) == 0


def test_a_float32_run_moves_a_margin_by_less_than_the_first_order_bound():
    """PyTorch in float32 from end to end; the bound is far above it, and far below the margin."""
    program = small_bert()
    used = []
    for seed in range(3):
        inputs = batch(seed)
        errors = local_errors(program, inputs)
        expected = program.run(ops, inputs)["logits"]
        bound = first_order_bound(program, inputs, margin(), errors)
        got = _float32_logits(program, inputs)
        moved = abs((got[0, 0] - got[0, 1]) - (expected[0, 0] - expected[0, 1]))
        used.append(moved / bound)
        assert moved <= bound
        assert bound < 1e-2 * np.abs(expected).max()
    assert max(used) > 1e-6


def _float32_logits(program, inputs):
    class Single(_Double):
        constant = staticmethod(torch.from_numpy)

    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    return program.run(Single(), tensors)["logits"].detach().numpy().astype(np.float64)


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_local_errors_are_those_of_each_step_on_exact_operands(recipe):
    """Every float step that computes has one; a zero point that moves with its codes has none."""
    program, inputs = PROGRAMS[recipe], batch()
    errors = local_errors(program, inputs)

    assert all((error >= 0).all() for error in errors.values())
    assert {step.name for step in program.steps if step.op in ("layer_norm", "gelu", "quantized_linear")} <= set(errors)
    assert not any(name.endswith(".zero_point") for name in errors)
    for evaluation in program.evaluate(ops, inputs):
        if evaluation.step.op == "layer_norm":
            bounded = bounds.layer_norm(*map(_exact, evaluation.arguments), **evaluation.attributes)
            np.testing.assert_array_equal(errors[evaluation.step.name], bounded.error)


def _exact(array):
    return bounds.Bounded.exact(array)


def test_a_dependence_on_an_operator_without_a_rule_is_refused_by_name():
    """A sensitivity that silently misses a path would make the bound too small."""
    builder = Builder("largest", {"x": TensorSpec("float", (2, 3))}, {"recipe": "fp32"})
    (result,) = builder.emit("result", "symmetric_scale", ["x"])

    with pytest.raises(UnsupportedError, match="result is a symmetric_scale"):
        sensitivities(builder.finish({"y": result}), {"x": np.ones((2, 3))}, {"y": np.ones((2, 3))})
