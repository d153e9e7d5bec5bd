"""Sensitivities against automatic differentiation in float64 and central differences, and the first-order bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders import batch, small_bert
from torch.nn import functional

from distilspec.conformance import bounds
from distilspec.conformance.adjoints import Tape, first_order_bound, sensitivities
from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.recipes.apply import apply_recipe
from distilspec.reference.recipes.calibrate import calibrate
from distilspec.reference.recipes.prune import prune
from distilspec.reference.tracer import Builder

MASK = np.array([[[[True, True, True, False]]]])
KEPT = np.array([[True, True, False], [True, False, False]])
INDICES = np.array([[2, 0], [2, 2]])


def torch_attention(query, key, value, mask, *, scale):
    """Return attention with the scale as a factor and -inf at masked keys."""
    scores = (query @ key.transpose(-1, -2) * scale).masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, -1) @ value


def torch_mean_pool(x, mask):
    """Return the mean over the kept tokens."""
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


#: operator: (shapes of float operands, other operands, attributes, forward in PyTorch)
CASES = {
    "absolute": ([(3, 4)], [], {}, torch.abs),
    "add": ([(2, 3, 4), (3, 1)], [], {}, torch.add),
    "cls_pool": ([(2, 3, 4)], [], {}, lambda x: x[:, 0]),
    "concat": ([(2, 3), (2, 1)], [], {"axis": 1}, lambda a, b, axis: torch.cat([a, b], axis)),
    "divide": ([(2, 3), (1, 3)], [], {}, torch.div),
    "erf": ([(3, 4)], [], {}, torch.erf),
    "exp": ([(3, 4)], [], {}, torch.exp),
    "expand": ([(2, 1, 3)], [], {"shape": (4, 2, 5, 3)}, lambda x, shape: x.expand(shape)),
    "gather": ([(3, 4)], [INDICES], {"axis": 1}, lambda x, at, **_: x[:, at]),
    "gelu": ([(3, 4)], [], {}, functional.gelu),
    "gelu_tanh": ([(3, 4)], [], {}, lambda x: functional.gelu(x, approximate="tanh")),
    "l2_normalize": ([(3, 4)], [], {}, lambda x: functional.normalize(x, dim=-1)),
    "layer_norm": (
        [(2, 3, 5), (5,), (5,)],
        [],
        {"epsilon": 1e-5},
        lambda x, w, b, epsilon: functional.layer_norm(x, (5,), w, b, epsilon),
    ),
    "linear": ([(2, 3, 4), (5, 4), (5,)], [], {}, functional.linear),
    "matmul": ([(2, 3, 4), (1, 4, 5)], [], {}, torch.matmul),
    "maximum": ([(3, 4), (1, 4)], [], {}, torch.maximum),
    "mean_pool": ([(2, 3, 4)], [KEPT], {}, torch_mean_pool),
    "minimum": ([(3, 4), (1, 4)], [], {}, torch.minimum),
    "multiply": ([(2, 3, 4), (4,)], [], {}, torch.mul),
    "negate": ([(3, 4)], [], {}, torch.neg),
    "reciprocal": ([(3, 4)], [], {}, torch.reciprocal),
    "reduce_mean": ([(2, 3, 4)], [], {"axes": (0, 2), "keepdims": False}, lambda x, **_: x.mean((0, 2))),
    "reduce_sum": ([(2, 3, 4)], [], {"axes": (1,)}, lambda x, **_: x.sum(1, keepdim=True)),
    "relu": ([(3, 4)], [], {}, torch.relu),
    "reshape": ([(3, 4)], [], {"shape": (2, 6)}, lambda x, shape: x.reshape(shape)),
    "scaled_dot_product_attention": (
        [(2, 3, 4, 5), (2, 3, 4, 5), (2, 3, 4, 6)],
        [MASK],
        {"scale": 0.3},
        torch_attention,
    ),
    "sigmoid": ([(3, 4)], [], {}, torch.sigmoid),
    "silu": ([(3, 4)], [], {}, functional.silu),
    "slice": ([(3, 7)], [], {"axis": 1, "start": 1, "stop": 6, "step": 2}, lambda x, **_: x[:, 1:6:2]),
    "softmax": ([(3, 4)], [], {"axis": 0}, lambda x, axis: torch.softmax(x, axis)),
    "sqrt": ([(3, 4)], [], {}, lambda x: torch.sqrt(x)),
    "squeeze": ([(3, 1, 4)], [], {"axes": (1,)}, lambda x, axes: x.squeeze(axes[0])),
    "subtract": ([(2, 3, 4), (3, 1)], [], {}, torch.sub),
    "tanh": ([(3, 4)], [], {}, torch.tanh),
    "transpose": ([(2, 3, 4)], [], {"axes": (2, 0, 1)}, lambda x, axes: x.permute(axes)),
    "unsqueeze": ([(3, 4)], [], {"axes": (1,)}, lambda x, axes: x.unsqueeze(axes[0])),
}
POSITIVE = ("sqrt", "divide", "reciprocal")


def one_operator(operator, arrays, others, attributes):
    """Return a program that negates every float operand, so that it is a step's output, and applies the operator."""
    specs = {f"x{i}": TensorSpec("float", array.shape) for i, array in enumerate(arrays)}
    builder = Builder(operator, specs, {"recipe": "fp32"})
    names = [builder.emit(f"{name}.negate", "negate", [name])[0] for name in specs]
    names += [builder.constant(f"c{i}", array) for i, array in enumerate(others)]
    (result,) = builder.emit("result", operator, names, attributes)
    return builder.finish({"y": result}), dict(zip(specs, (-array for array in arrays), strict=True))


@pytest.mark.parametrize("operator", CASES)
def test_every_rule_agrees_with_automatic_differentiation(operator):
    """One operator, every float operand, a random cotangent, float64 on both sides."""
    shapes, others, attributes, forward = CASES[operator]
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in shapes]
    if operator in POSITIVE:
        arrays = [np.abs(array) + 0.5 for array in arrays]
    program, inputs = one_operator(operator, arrays, others, attributes)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = forward(*tensors, *map(torch.tensor, others), **attributes)
    cotangent = random.standard_normal(y.shape)
    y.backward(torch.tensor(cotangent))

    found = sensitivities(program, inputs, {"y": cotangent})

    for index, tensor in enumerate(tensors):
        np.testing.assert_allclose(found[f"x{index}.negate"], tensor.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_a_choice_passes_the_cotangent_to_the_element_that_was_taken():
    """``where`` has its mask first."""
    random = np.random.default_rng(1)
    a, b, cotangent = random.standard_normal((3, 2, 3))
    condition = np.array([[True, False, True]])
    builder = Builder("where", {"a": TensorSpec("float", (2, 3)), "b": TensorSpec("float", (2, 3))}, {"recipe": "fp32"})
    names = [builder.emit(f"{name}.negate", "negate", [name])[0] for name in ("a", "b")]
    (result,) = builder.emit("result", "where", [builder.constant("c", condition), *names])

    found = sensitivities(builder.finish({"y": result}), {"a": a, "b": b}, {"y": cotangent})

    np.testing.assert_array_equal(found["a.negate"], np.where(condition, cotangent, 0))
    np.testing.assert_array_equal(found["b.negate"], np.where(condition, 0, cotangent))


class _Double:
    """Float64 PyTorch as a namespace for a BERT classifier, which keeps the gradient of every result."""

    @staticmethod
    def constant(array):
        """Lift a constant."""
        tensor = torch.from_numpy(array)
        return tensor.double() if tensor.is_floating_point() else tensor

    def __getattr__(self, operator):
        """Return the operator."""
        special = {
            "embedding": lambda ids, weight: functional.embedding(ids, weight).requires_grad_(),
            "layer_norm": lambda x, w, b, epsilon: functional.layer_norm(x, w.shape, w, b, epsilon),
            "scaled_dot_product_attention": torch_attention,
            "unsqueeze": lambda x, **_: x[:, None, None],
            "slice": lambda x, start, stop, **_: x[start:stop],
        }
        forward = special[operator] if operator in special else CASES[operator][3]

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
    ranges = calibrate(plain, batches)
    sparse = prune(plain, sparsity=0.5, block_shape=(4, 1))
    return {
        f"{recipe}, {kind}": apply_recipe(program, recipe, calibration=ranges)
        for recipe in ("w8a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32")
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


@pytest.mark.parametrize("recipe", [name for name in PROGRAMS if name.startswith("w8a8")])
def test_a_code_is_worth_its_scale_times_the_weights_behind_it(recipe):
    """The last Linear is linear in its codes, so that one code more moves its result by exactly the sensitivity."""
    program, inputs = PROGRAMS[recipe], batch()
    name = "encoder.layer.1.output.dense"
    step = next(step for step in program.steps if step.name == name)
    codes = step.inputs[0]
    rest = program.extract([name], [*step.inputs[:3]])
    values = program.run(ops, inputs, keep=list(rest.inputs))
    given = {operand: values[operand] for operand in rest.inputs}
    whole = Tape(program, inputs).sensitivities(margin())

    before = rest.run(ops, given)[name]
    for place in [(0, 0, 0), (2, 3, 5)]:
        moved = given[codes].astype(np.int64)
        moved[place] += 1 if moved[place] < np.iinfo(given[codes].dtype).max else -1
        sign = moved[place] - int(given[codes][place])
        after = rest.run(ops, given | {codes: moved.astype(given[codes].dtype)})[name]
        expected = sign * np.sum((after - before) * whole[name])
        assert whole[codes][place] == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_static_codes_pass_their_sensitivity_on_straight_through():
    """D quantity / d x is that of the codes divided by the scale."""
    program, inputs = PROGRAMS["w8a8-static, dense"], batch()
    found = sensitivities(program, inputs, margin())
    step = next(step for step in program.steps if step.op == "quantize" and "layer.1.intermediate" in step.name)
    x, scale = step.inputs[0], program.constants[step.inputs[1]]

    assert len([other for other in program.steps if x in other.inputs]) == 1
    np.testing.assert_allclose(found[x], found[step.name] / scale, rtol=1e-12)


def test_the_first_order_bound_is_the_weighed_sum_of_local_errors():
    """Absent tensors are exact, and an unbounded error where nothing depends on it does not count."""
    program, inputs = small_bert(), batch()
    found = sensitivities(program, inputs, margin())
    unused = {"encoder.layer.0.intermediate.gelu": np.where(found["encoder.layer.0.intermediate.gelu"] == 0, np.inf, 0)}
    name = "encoder.layer.1.output.dense"
    errors = {name: np.full(found[name].shape, 0.25), "no such tensor": np.ones(1)} | unused

    bound = first_order_bound(program, inputs, margin(), errors)

    assert bound == pytest.approx(0.25 * np.abs(found[name]).sum(), rel=1e-12)


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
    (result,) = builder.emit("result", "reduce_max", ["x"], {"axes": (1,)})

    with pytest.raises(UnsupportedError, match="result is a reduce_max"):
        sensitivities(builder.finish({"y": result}), {"x": np.ones((2, 3))}, {"y": np.ones((2, 1))})
