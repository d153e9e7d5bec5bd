"""The losses in torch against the formulas in NumPy: values, and gradients by autograd against the analytic ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from distilspec.compress import losses
from distilspec.reference import objectives

SEEDS = st.integers(0, 2**32 - 1)


def agrees(value, operands, formula):
    """
    Check value and gradients of torch in float64 against those of the formula.

    Both evaluate the same real numbers in float64 with some hundred roundings, on operands of ordinary size: they
    differ by less than 2**-42 of the largest number.
    """
    value.backward()
    assert abs(value.item() - formula.value) <= 2.0**-42 * max(1, abs(formula.value))
    for name, gradient in formula.gradients.items():
        difference = np.abs(operands[name].grad.numpy() - gradient).max()
        assert difference <= 2.0**-42 * max(1, np.abs(gradient).max())


def drawn(seed, **shapes):
    """Return a trainable float64 tensor of each shape, and the same numbers as arrays."""
    random = np.random.default_rng(seed)
    arrays = {name: random.normal(0, 3, shape) for name, shape in shapes.items()}
    return {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}, arrays


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.5, 1.0, 2.0]))
def test_logit_distillation_is_its_formula(seed, rows, classes, temperature):
    """Value, and the gradient of the student; the teacher has none."""
    tensors, arrays = drawn(seed, student=(rows, classes), teacher=(rows, classes))

    value = losses.logit_distillation(**tensors, temperature=temperature)

    agrees(value, tensors, objectives.logit_distillation(**arrays, temperature=temperature))
    assert tensors["teacher"].grad is None


@pytest.mark.parametrize("variant", ["paper", "code"])
@settings(max_examples=10)
@given(SEEDS, st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.5, 1.0, 2.0]))
def test_tinybert_prediction_is_its_formula(variant, seed, rows, classes, temperature):
    """In both published variants."""
    tensors, arrays = drawn(seed, student=(rows, classes), teacher=(rows, classes))
    options = {"temperature": temperature, "variant": variant}

    value = losses.tinybert_prediction(**tensors, **options)

    agrees(value, tensors, objectives.tinybert_prediction(**arrays, **options))
    assert tensors["teacher"].grad is None


@pytest.mark.parametrize("variant", ["paper", "code"])
@settings(max_examples=10)
@given(SEEDS, st.sampled_from([(1, 1, 1, 1), (2, 3, 4, 4)]))
def test_tinybert_attention_is_its_formula(variant, seed, shape):
    """In both published variants, with scores that the code takes for masked, -100 itself among them."""
    tensors, arrays = drawn(seed, student=shape, teacher=shape)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, array in arrays.items():
            array[random.random(shape) < 0.2] = random.choice([-100.0, -10000.0])
            tensors[name].copy_(torch.tensor(array))

    value = losses.tinybert_attention(**tensors, variant=variant)

    agrees(value, tensors, objectives.tinybert_attention(**arrays, variant=variant))
    assert tensors["teacher"].grad is None


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.sampled_from(["none", "weight", "both"]))
def test_tinybert_hidden_is_its_formula(seed, tokens, small, large, form):
    """Without projection, with one, and with its bias; the projection learns too."""
    shapes = {"student": (tokens, large if form == "none" else small), "teacher": (tokens, large)}
    shapes |= {"weight": (large, small)} if form != "none" else {}
    shapes |= {"bias": (large,)} if form == "both" else {}
    tensors, arrays = drawn(seed, **shapes)
    projection = None
    if form != "none":
        projection = nn.Linear(small, large, bias=form == "both", dtype=torch.float64)
        projection.load_state_dict({name: tensors[name] for name in ("weight", "bias") if name in tensors})
        tensors |= dict(projection.named_parameters())

    value = losses.tinybert_hidden(tensors["student"], tensors["teacher"], projection)

    agrees(value, tensors, objectives.tinybert_hidden(**arrays))
    assert tensors["teacher"].grad is None


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 4), st.integers(1, 5))
def test_distilbert_cosine_is_its_formula(seed, tokens, size):
    """The epsilon of torch's CosineEmbeddingLoss included: one token of the teacher is zero."""
    tensors, arrays = drawn(seed, student=(tokens, size), teacher=(tokens, size))
    arrays["teacher"][-1] = 0
    with torch.no_grad():
        tensors["teacher"][-1] = 0

    value = losses.distilbert_cosine(**tensors)

    agrees(value, tensors, objectives.distilbert_cosine(**arrays))
    assert tensors["teacher"].grad is None


@pytest.mark.parametrize("variant", ["minilm", "autodistil-paper", "autodistil-code"])
@settings(max_examples=10)
@given(SEEDS, st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 6, 9)]))
def test_minilm_relation_is_its_formula(variant, seed, sizes):
    """In all variants, with padding and with an example of nothing but padding."""
    heads, student_size, teacher_size = sizes
    student, teacher = (3, 4, student_size), (3, 4, teacher_size)
    shapes = {"student_left": student, "student_right": student, "teacher_left": teacher, "teacher_right": teacher}
    tensors, arrays = drawn(seed, **shapes)
    mask = np.random.default_rng(seed).random((3, 4)) < 0.6
    mask[0, 0], mask[1] = True, False
    options = {"relation_heads": heads, "variant": variant}

    value = losses.minilm_relation(**tensors, mask=torch.tensor(mask), **options)

    agrees(value, tensors, objectives.minilm_relation(**arrays, mask=mask, **options))
    assert tensors["teacher_left"].grad is None
    assert tensors["teacher_right"].grad is None


def test_the_loss_of_hard_labels_is_its_formula():
    """Torch's own cross entropy, with an ignored row."""
    tensors, arrays = drawn(0, logits=(3, 4))
    labels = np.array([3, -100, 0])

    value = nn.functional.cross_entropy(tensors["logits"], torch.tensor(labels))

    agrees(value, tensors, objectives.cross_entropy(arrays["logits"], labels))


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_relations_of_padded_batches_have_finite_gradients_in_float32():
    """The lowest float32 stands for a masked score: its differences and exponentials make no NaN."""
    random = np.random.default_rng(0)
    sides = [torch.tensor(random.normal(0, 30, (2, 3, 4)), dtype=torch.float32, requires_grad=True) for _ in range(4)]
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for variant in ("minilm", "autodistil-paper"):
        with torch.autograd.detect_anomaly(check_nan=True):
            losses.minilm_relation(*sides, mask, relation_heads=2, variant=variant).backward()

    assert all(bool(torch.isfinite(side.grad).all()) for side in sides[:2])
