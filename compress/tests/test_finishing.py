"""A student that learns with INT8: its gradients, its zeros, and what it gains by it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from tiny_classifier import batch
from torch.nn import functional

from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import observe
from distilspec.compress.pruning import encoder_weights
from distilspec.compress.quantised import linears_of, quantised
from distilspec.compress.sections.distillation import Distillation
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.training import Training
from distilspec.compress.stages.finish import locked
from distilspec.compress.students import make_student
from distilspec.compress.training import Trainer
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import calibrate, quantize_weight

LABELS = torch.tensor([0, 1])


@pytest.fixture
def teacher(saved):
    """Return a classifier, the tensors that its Linears read, and ranges half as wide as what those hold."""
    tiny, loaded, rows = saved
    found = calibrate(loaded.program, [rows.inputs(range(4))])
    return tiny, linears_of(loaded.program), {name: (low / 2, high / 2) for name, (low, high) in found.items()}


def gradients(model):
    """Return loss and gradients of every weight after one backward pass."""
    model.zero_grad()
    loss = functional.cross_entropy(model(**batch()).logits, LABELS)
    loss.backward()
    return float(loss.detach()), {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("recipe", [Recipe.W8A8_STATIC, Recipe.W7A8_STATIC])
def test_gradients_are_those_of_torchs_fake_quantisation(teacher, recipe, monkeypatch):
    """
    To the bit: the codes, scales and sums are the same float32 numbers, and half of the ranges clips inputs.

    Torch multiplies by 1 / scale, which moves a code only where a quotient is beside a half-way point, as none here is.
    """
    model, inputs, ranges = teacher
    with quantised(model, recipe, inputs, ranges):
        loss, got = gradients(model)

    clipped = []

    def fake(linear, x, *, tensor):
        scale, zero_point = ops.asymmetric_scale(*(np.asarray(end, np.float64) for end in ranges[tensor]))
        _, scales = quantize_weight(linear.weight.detach().numpy(), recipe)
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(linear.weight, torch.tensor(scales), zeros, 0, -128, 127)
        seen = torch.fake_quantize_per_tensor_affine(x, float(scale), int(zero_point), 0, 255)
        clipped.append(float(((x - seen).abs() > 2 * float(scale)).float().mean()))
        return functional.linear(seen, weight, linear.bias)

    for name, tensor in inputs.items():
        linear = model.distilbert.get_submodule(name)
        monkeypatch.setattr(linear, "forward", partial(fake, linear, tensor=tensor))
    expected_loss, expected = gradients(model)
    assert min(clipped) > 0.01
    assert loss == expected_loss
    assert list(got) == list(expected)
    for name, gradient in expected.items():
        assert torch.equal(got[name], gradient), name
    assert sum(bool(gradient.any()) for gradient in got.values()) > 40


@pytest.mark.parametrize("recipe", [Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN, Recipe.W8A32])
def test_gradients_of_other_recipes_pass_straight_through(teacher, recipe):
    """
    A Linear's input gets the gradient that it would get in float32 from the coded weight, for nothing is clipped.

    Exactly, because the last Linear's gradients depend on nothing that codes have changed but its own operands.
    """
    model, inputs, ranges = teacher
    name = "transformer.layer.2.ffn.lin2"
    linear, seen = model.distilbert.get_submodule(name), {}
    linear.register_forward_pre_hook(lambda _, args: args[0].retain_grad() or seen.update(x=args[0]))
    linear.register_forward_hook(lambda *found: found[2].retain_grad() or seen.update(y=found[2]))
    with quantised(model, recipe, {name: inputs[name]}, ranges):
        functional.cross_entropy(model(**batch()).logits, LABELS).backward()
        expected = seen["y"].grad @ linear.weight.detach()

    assert torch.equal(seen["x"].grad, expected)
    assert not torch.equal(seen["y"].grad @ linear.weight.detach(), expected), "the weight is as before"


def trainer(teacher, *, pruning=None, numerics=None, steps=50, **options):
    """Return the training of a student that begins as its teacher, and what the teacher computes."""
    model = teacher[0]
    student = make_student(model, (0, 1, 2))
    objective = Objective(Distillation(hard=0.0, logits={}), Sizes.of(student), Sizes.of(model))
    with torch.no_grad():
        seen = observe(model, **batch())
    training = Training(learning_rate=0.01, dropout=False, weight_decay=0.0, **options)
    with_codes = {} if numerics is None else {"numerics": lambda: numerics(student)}
    run = Trainer(student, objective, training, pruning, steps=steps, origin="test", **with_codes)
    return run, seen


def loss_of(run, seen, numerics):
    """Return the loss of the student as it computes inside of the block."""
    with torch.no_grad(), numerics(run.student):
        found = run.objective(observe(run.student, **batch()), seen, LABELS, batch()["attention_mask"].bool())
    return sum(float(term) for term in found.values())


@pytest.mark.parametrize("recipe", [Recipe.W8A8_STATIC, Recipe.W7A8_STATIC])
def test_a_student_that_learns_with_codes_loses_less_by_them(teacher, recipe):
    """
    It begins as its teacher, so that in float32 there is nothing to learn, and codes alone make the loss.

    The ranges are half as wide as they should be, so that values are clipped.
    """
    _, inputs, ranges = teacher

    def numerics(model):
        return quantised(model, recipe, inputs, ranges)

    losses = {}
    for kind, used in {"float32": None, "codes": numerics}.items():
        run, seen = trainer(teacher, numerics=used)
        before = loss_of(run, seen, numerics)
        for _ in range(run.steps):
            run.learn(**batch(), labels=LABELS, teacher=seen)
        losses[kind] = loss_of(run, seen, numerics)
    assert before > 1e-2
    assert losses["codes"] < min(before, losses["float32"]) / 10


def test_weights_outside_of_a_step_are_no_codes(teacher):
    """The first step of a warm-up has the learning rate 0 and leaves every bit; the next move weights off the grid."""
    _, inputs, ranges = teacher
    run, seen = trainer(teacher, numerics=lambda model: quantised(model, Recipe.W8A8_STATIC, inputs, ranges))
    before = {name: weight.clone() for name, weight in run.student.state_dict().items()}
    run.learn(**batch(), labels=LABELS, teacher=seen)
    assert all(torch.equal(weight, before[name]) for name, weight in run.student.state_dict().items())
    run.learn(**batch(), labels=LABELS, teacher=seen)
    for name, weight in encoder_weights(run.student).items():
        codes, scale = quantize_weight(weight.detach().numpy(), Recipe.W8A8_STATIC)
        assert not torch.equal(weight, before[name]), name
        assert np.abs(weight.detach().numpy() - ops.dequantize(codes, scale, axis=0)).max() > 0, name


@pytest.mark.parametrize(
    "pruning",
    [
        {"sparsity": 0.5, "schedule": {"kind": "cubic", "end": 0.7, "every": 1}},
        {"sparsity": 0.5, "block_shape": [2, 2], "scope": "global", "schedule": {"kind": "one-shot"}},
        {"sparsity": 0.5, "structure": "head", "schedule": {"kind": "one-shot"}},
    ],
)
def test_what_is_pruned_stays_so(teacher, pruning):
    """The very zeros, as many as the section asks for, in the weights and in their codes."""
    _, inputs, ranges = teacher
    section = Pruning.model_validate(pruning)
    first, seen = trainer(teacher, pruning=section, steps=6)
    for _ in range(6):
        first.learn(**batch(), labels=LABELS, teacher=seen)
    zeros = {name: weight.detach() == 0 for name, weight in encoder_weights(first.finish()).items()}

    run, seen = trainer((first.student, inputs, ranges), numerics=None, steps=1)
    student = run.student
    objective, training = run.objective, run.training
    finishing = Trainer(
        student, objective, training, locked(section), steps=6, origin="finish",
        numerics=lambda: quantised(student, Recipe.W8A8_STATIC, inputs, ranges),
    )  # fmt: skip
    assert locked(None) is None
    for _ in range(6):
        finishing.learn(**batch(), labels=LABELS, teacher=seen)
    finishing.finish()

    for name, weight in encoder_weights(student).items():
        assert torch.equal(weight.detach() == 0, zeros[name]), name
        assert not torch.equal(weight, first.student.get_parameter(name)), name
        codes, _ = quantize_weight(weight.detach().numpy(), Recipe.W8A8_STATIC)
        assert not codes[zeros[name].numpy()].any()
