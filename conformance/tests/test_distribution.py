"""docs/derivations/statistics.md: what passes its bound and is no float32 is warned of, and no float32 is."""

from __future__ import annotations

from functools import partial

import float32_forms
import numpy as np
import pytest
from float32_arithmetic import SUMS
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds, distribution
from distilspec.conformance.distribution import Distribution, suspicion
from distilspec.conformance.judge import judge
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.segments import cut, judge_segments
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

ROWS, COLUMNS = 64, 96


def one_linear(terms, seed, signed=np.positive):
    """Return a program of one Linear on normal numbers, and its input."""
    random = np.random.default_rng(seed)
    shapes = (ROWS, terms), (COLUMNS, terms), (COLUMNS,)
    x, weight, bias = (signed(random.standard_normal(shape)).astype(np.float32) for shape in shapes)
    builder = Builder("linear", {"x": TensorSpec("float", x.shape)}, {"recipe": "fp32"})
    operands = ["x", builder.constant("weight", weight), builder.constant("bias", bias)]
    return builder.finish({"y": builder.emit("y", "linear", operands)[0]}), {"x": x}


def judged(program, inputs, got):
    """Return the verdict on what a runtime made of the program's only segment."""
    (verdict,) = judge_segments(program, {**inputs, "y": got})
    return verdict.judgement


def kept(x, bits):
    """Round float32 to so many bits of significand, a tie to even."""
    dropped = np.uint32(24 - bits)
    raw = x.view(np.uint32)
    half = (np.uint32(1) << (dropped - np.uint32(1))) - np.uint32(1)
    raw = raw + half + ((raw >> dropped) & np.uint32(1))
    return (raw >> dropped << dropped).view(np.float32)


def cut_off(x, weight, bias):
    """Add products from the left, each sum cut off to float32 towards zero."""
    total = np.zeros((len(x), len(weight)), np.float32)
    for k in range(x.shape[-1]):
        exact = total + x[:, k, np.newaxis].astype(np.float64) * weight[:, k].astype(np.float64)
        nearest = exact.astype(np.float32)
        total = np.where(np.abs(nearest) > np.abs(exact), np.nextafter(nearest, np.float32(0)), nearest)
    return total + bias


@pytest.mark.parametrize("terms", [1, 32, 384, 1536])
@pytest.mark.parametrize("add", SUMS)
def test_no_order_of_summation_is_suspicious(terms, add):
    """Float32 sums, from the worst to the best."""
    program, inputs = one_linear(terms, terms)
    x, weight, bias = (a[:16] for a in (inputs["x"], program.constants["weight"], program.constants["bias"]))
    judgement_of = partial(judge, likely=lambda: _of_linear(x, weight, bias))
    bounded = bounds.linear(x, weight, bias)

    judgement = judgement_of(SUMS[add](x[:, np.newaxis] * weight) + bias, bounded.value, bounded.error)

    assert (judgement.state, judgement.suspicion) == (State.PASS, "")


def _of_linear(*operands):
    errors = []
    for count in (np.sqrt, np.zeros_like):
        with bounds.model.counting(count):
            errors.append(bounds.linear(*operands).error)
    return Distribution(*errors)


def test_operands_in_tf32_pass_their_bound_and_are_suspicious():
    """11 bits of significand and 1536 terms; 8 bits, as in bfloat16, fail; 384 terms in TF32 fail."""
    verdicts = {}
    for terms, bits in ((1536, 11), (1536, 8), (384, 11)):
        program, inputs = one_linear(terms, 0)
        weight, bias = program.constants["weight"], program.constants["bias"]
        got = kept(inputs["x"], bits) @ kept(weight, bits).T + bias
        verdicts[terms, bits] = judged(program, inputs, got)

    assert verdicts[1536, 11].state is State.PASS
    assert "times as large as independent roundings can be" in verdicts[1536, 11].suspicion
    assert verdicts[1536, 11].suspicion in verdicts[1536, 11].detail
    assert verdicts[1536, 11].rms_used > 0.05
    assert [verdicts[case].state for case in ((1536, 8), (384, 11))] == [State.FAIL, State.FAIL]


def test_sums_that_are_cut_off_pass_their_bound_and_are_suspicious():
    """Sums of positive terms are nearer to zero than independent roundings leave them."""
    program, inputs = one_linear(384, 0, np.abs)
    got = cut_off(inputs["x"], program.constants["weight"], program.constants["bias"])

    judgement = judged(program, inputs, got)

    assert judgement.state is State.PASS
    assert "times as large as independent roundings can be" in judgement.suspicion


def test_a_budget_that_is_used_up_in_one_direction_is_not_suspicious():
    """Functions are deterministic: every exponential may be 8 ulp too large, and every GELU with it."""
    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    for operator in ("softmax", "gelu"):
        builder = Builder(operator, {"x": TensorSpec("float", x.shape)}, {"recipe": "fp32"})
        program = builder.finish({"y": builder.emit("y", operator, ["x"])[0]})
        bounded = getattr(bounds, operator)(x)
        likely = distribution.distribution(program, {"x": x}, "y")
        for _, got in getattr(float32_forms, operator)(x):
            assert suspicion(got - bounded.value, bounded.value, likely) == ""


@given(st.integers(0, 2**32 - 1))
def test_what_is_systematic_is_part_of_the_deviation_and_that_of_the_bound(seed):
    """In this order, for a segment with a sum, a root, a quotient and a function."""
    random = np.random.default_rng(seed)
    x, weight = random.standard_normal((8, 24)).astype(np.float32), np.ones(24, np.float32)
    builder = Builder("segment", {"x": TensorSpec("float", x.shape)}, {"recipe": "fp32"})
    norm = ["x", builder.constant("weight", weight), builder.constant("bias", 0 * weight)]
    (hidden,) = builder.emit("norm", "layer_norm", norm, {"epsilon": 1e-5})
    program = builder.finish({"y": builder.emit("y", "gelu", [hidden])[0]})
    (segment,) = cut(program, ["y"])
    error = segment.program.run(bounds, {"x": bounds.Bounded.exact(x)})["y"].error

    likely = distribution.distribution(segment.program, {"x": x}, "y")

    assert (likely.systematic <= likely.deviation).all()
    assert (likely.deviation < error).all()
    assert (likely.systematic > 0).all()


@pytest.mark.parametrize(("rows", "columns"), [(1, 50), (7, 200), (60, 60)])
@pytest.mark.parametrize("alike", ["rows", "columns", "none"])
def test_independent_groups_are_suspicious_as_seldom_as_is_said(monkeypatch, rows, columns, alike):
    """
    With one in a hundred in place of one in 10^12, on Gaussian errors, which are the widest that the parameter allows.

    Elements of a row, or of a column, are all equal, which is the strongest way to depend on each other.
    """
    monkeypatch.setattr(distribution, "IMPROBABLE", 0.01)
    random = np.random.default_rng(0)
    shape = {"rows": (rows, 1), "columns": (1, columns), "none": (rows, columns)}[alike]
    likely = Distribution(np.ones((rows, columns)), np.zeros((rows, columns)))
    expected = np.ones((rows, columns))

    warned = sum(bool(suspicion(random.standard_normal(shape) * expected, expected, likely)) for _ in range(2000))

    assert warned <= 2000 * 0.03


def test_a_larger_deviation_and_a_shift_are_found():
    """Twice the deviation, half a deviation upwards, and half a deviation towards zero, in a tensor of 200 rows."""
    random = np.random.default_rng(1)
    errors, expected = random.standard_normal((200, 200)), random.standard_normal((200, 200))
    likely = Distribution(np.ones(errors.shape), np.zeros(errors.shape))
    budget = Distribution(np.ones(errors.shape), np.full(errors.shape, 0.7))

    assert suspicion(errors, expected, likely) == ""
    assert "2 times as large" in suspicion(2 * errors, expected, likely)
    assert "upwards by 0.7" in suspicion(errors / 2 + 0.7, expected, likely)
    assert suspicion(errors / 2 + 0.7, expected, budget) == ""
    assert "downwards" in suspicion(errors / 2 - 0.7, expected, likely)
    assert "towards zero" in suspicion(errors / 2 - 0.7 * np.sign(expected), expected, likely)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,)])
def test_small_and_empty_tensors_prove_nothing(shape):
    """No group, no distribution."""
    zeros = np.zeros(shape)

    assert suspicion(zeros, zeros, Distribution(zeros + 1, zeros)) == ""
    assert suspicion(zeros, zeros, Distribution(zeros + np.inf, zeros)) == ""


def test_the_distribution_is_not_asked_for_where_little_of_the_bound_is_used():
    """It costs two more runs of the segment on the bounds."""
    expected, error = np.linspace(1, 2, 64).reshape(8, 8), np.full((8, 8), 1e-3)

    def refused():
        raise AssertionError("asked for")

    assert judge(expected + 1e-6, expected, error, refused).state is State.PASS
    with pytest.raises(AssertionError, match="asked for"):
        judge(expected + 1e-4, expected, error, refused)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fp32", "w8a8-dynamic-token"])
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_no_segment_of_a_real_runtime_on_minilm_is_suspicious(name, recipe):
    """Thousands of float32 tensors, from an embedding to a sentence vector."""
    from distilspec.conformance.check import check_model
    from distilspec.conformance.subject import prepare
    from distilspec.reference.formats.named_models import load_model

    results = check_model(find_runtime(name), prepare(load_model("minilm"), recipe))

    assert len(results) > 50
    assert [result.id for result in results if result.judgement.suspicion] == []
