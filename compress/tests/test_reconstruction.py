"""A student that starts pruned: every Linear is the formula's answer to the inputs that the finished student has."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_classifier import tiny_classifier

from distilspec.compress.pruning import encoder_weights
from distilspec.compress.reconstruction import reconstruct
from distilspec.compress.sections.pruning import Pruning
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.objectives import least_squares_pruning

TEXTS = [[2, 5, 6, 8, 3], [2, 7, 3], [2, 8, 9, 3], [2, 5, 9, 3], [2, 4, 10, 6, 7, 3]] * 2


def section(**changes):
    """Return a section that drops half of the blocks at the start."""
    start = {"rows": 10, "rounds": 2, "damping": 0.01}
    fields = {"block_shape": (4, 1), "sparsity": 0.5, "schedule": {"kind": "pattern-lock"}, "reconstruction": start}
    return Pruning.model_validate(fields | changes)


def pruned(pruning, texts=TEXTS):
    """Return a dense model, its pruned copy, and how many Linears were counted."""
    dense = tiny_classifier(2)
    student, done = copy.deepcopy(dense), []
    reconstruct(
        student,
        texts,
        pruning.reconstruction,
        block_shape=pruning.block_shape,
        sparsity=pruning.sparsity,
        advance=lambda: done.append(1),
    )
    return dense, student, len(done)


def inputs(model, name):
    """Return what a Linear sees of each text alone: [tokens, in_features]."""
    seen = []
    handle = model.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    with torch.no_grad():
        for text in TEXTS:
            model(input_ids=torch.tensor([text]))
    handle.remove()
    return torch.cat(seen).numpy()


def test_every_linear_answers_to_the_pruned_ones_before_it():
    """What a Linear sees does not depend on itself nor on later ones, so the finished student tells it."""
    dense, student, done = pruned(section())
    weights = encoder_weights(student)

    assert done == len(weights) == 12
    for name, weight in weights.items():
        linear = name.removesuffix(".weight")
        x, y = inputs(dense, linear), inputs(student, linear)
        before = dense.get_parameter(name).detach().numpy()
        expected = least_squares_pruning(
            before, y.T @ y, x.T @ y, block_shape=(4, 1), sparsity=0.5, rounds=2, damping=0.01
        )
        got = weight.detach().numpy()
        assert np.array_equal(got == 0, expected == 0)
        assert np.count_nonzero(got == 0) == got.size // 2
        # sums in another order, in float64, through inverses of condition below 12 * 101; then float32 on both sides
        assert np.all(np.abs(got - expected) <= 2**-23 * np.abs(expected) + 1e-9)


def test_a_student_that_starts_so_answers_better_than_one_cut_by_magnitude():
    """The same share of zeros, on texts that were not observed."""
    dense, student, _ = pruned(section())
    cut = copy.deepcopy(dense)
    with torch.no_grad():
        for weight in encoder_weights(cut).values():
            blocks = weight.reshape(weight.shape[0] // 4, 4, -1).abs().sum(1)
            weight *= (blocks > blocks.flatten().median()).repeat_interleave(4, 0)
        texts = torch.tensor([[2, 9, 8, 7, 6, 3], [2, 6, 5, 10, 4, 3], [2, 10, 10, 8, 5, 3]])
        logits = [model(input_ids=texts).logits for model in (dense, student, cut)]

    assert (logits[0] - logits[1]).norm() < 0.7 * (logits[0] - logits[2]).norm()


def test_what_does_not_fit_is_refused():
    """A block shape that does not divide, by the Linear's name; another schedule, in the pipeline file."""
    with refused(ShapeError, r"transformer.layer.0.attention.q_lin: .*\(3, 1\)"):
        pruned(section(block_shape=(3, 1)))
    with pytest.raises(ValueError, match="the schedule cubic; expected block, layer and pattern-lock"):
        section(schedule={"kind": "cubic"})


def test_without_texts_there_is_nothing_to_judge_by():
    """No text, no inputs."""
    with refused(RangeError, "the mean of gram's diagonal is not positive"):
        pruned(section(), texts=[])
