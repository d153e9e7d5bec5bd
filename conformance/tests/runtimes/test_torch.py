"""The torch adapter: every operator and every recipe within the specification's bounds, and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from operator_cases import CASES, one_step
from small_encoder import BATCH, ENCODER, encoder

from distilspec.conformance import bounds
from distilspec.conformance.judge import judge
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.torch_operators import TorchOperators
from distilspec.conformance.segments import judge_segments
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe


@pytest.mark.parametrize(("op", "operands", "attributes"), CASES)
def test_an_operator_stays_within_its_bound(op, operands, attributes):
    """One step, on inputs that include masked rows, infinities and full-range codes."""
    program, inputs = one_step(op, operands, attributes)

    got = find_runtime("torch").load(program).run(inputs)

    lifted = {name: bounds.Bounded.exact(array) for name, array in inputs.items()}
    with np.errstate(all="ignore"):
        allowed = program.run(bounds, lifted)
    for label, result in got.items():
        judgement = judge(result, np.asarray(allowed[label].value), allowed[label].error)
        assert judgement.state in (State.PASS, State.MISTRUSTED), judgement.detail


@pytest.mark.parametrize("recipe", list(Recipe))
def test_an_encoder_passes_segment_by_segment(recipe):
    """Every tensor is shown, so every step is judged on torch's own inputs to it."""
    program = encoder(recipe)
    executable = find_runtime("torch").load(program)

    shown = executable.run_exposed(BATCH, executable.survivors())

    judged = list(judge_segments(program, program.checked(BATCH) | {name: shown[name] for name in program.tensors}))
    assert len(judged) == len(program.tensors)
    assert [segment.judgement.detail for segment in judged if segment.judgement.state is State.FAIL] == []


def test_in_float64_torch_and_the_reference_agree():
    """Real numbers held in float64 throughout agree to 1e-12 of the largest value, as with Transformers."""
    operators = TorchOperators(torch.float64)
    inputs = {name: operators.constant(array) for name, array in ENCODER.checked(BATCH).items()}

    got = ENCODER.run(operators, inputs)["sentence_embedding"].numpy()

    expected = ENCODER.run(ops, BATCH)["sentence_embedding"]
    assert got.dtype == np.float64
    assert np.abs(got - expected).max() <= 1e-12 * np.abs(expected).max()


def test_gradients_flow_to_a_lifted_weight():
    """A tensor that wants a gradient gets the one that a central difference in the reference confirms."""
    name = "encoder.layer.1.output.dense.bias"
    operators = TorchOperators(torch.float64)
    bias = operators.constant(ENCODER.constants[name]).requires_grad_()
    lift = operators.constant
    operators.constant = lambda array: bias if array is ENCODER.constants[name] else lift(array)
    inputs = {name: lift(array) for name, array in ENCODER.checked(BATCH).items()}

    ENCODER.run(operators, inputs)["sentence_embedding"][0, 0].backward()

    def shifted(step):
        moved = ENCODER.constants[name].astype(np.float64)
        moved[3] += step
        program = ENCODER.replace(constants={**ENCODER.constants, name: moved})
        return program.run(ops, BATCH)["sentence_embedding"][0, 0]

    h = 1e-5
    assert bias.grad[3].item() == pytest.approx((shifted(h) - shifted(-h)) / (2 * h), abs=1e-9)
