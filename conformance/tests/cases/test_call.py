"""``Call`` and ``Case``: an operator with its operands, as a program of one step."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.cases.call import Cases, call
from distilspec.reference import ops
from distilspec.reference.contract.types import TensorSpec

X = np.float32([[1, 2, 3]])


def test_operands_and_attributes_are_told_apart_by_the_operators_signature():
    """Absent operands at the end are left out, those between others stay."""
    made = call("quantized_linear", x=np.uint8([[1]]), x_scale=np.float32(1), x_zero_point=np.uint8(0),
                weight=np.int8([[1]]), weight_scale=np.float32([1]), y_scale=np.float32(1),
                y_zero_point=np.uint8(3))  # fmt: skip

    assert list(made.operands)[-3:] == ["bias", "y_scale", "y_zero_point"]
    assert made.operands["bias"] is None
    assert made.attributes == {}
    assert list(call("softmax", x=X, axis=0).operands) == ["x"]
    assert call("softmax", x=X, axis=0).attributes == {"axis": 0}
    assert list(call("concat", tensors=[X, X], axis=1).operands) == ["tensors0", "tensors1"]
    with pytest.raises(TypeError, match="softmax has no axes"):
        call("softmax", x=X, axes=0)


def test_a_program_of_one_step_gives_what_the_operator_gives():
    """Scales are constants, unless they are fed; outputs have the names of the operator's results."""
    made = call("quantize", x=X, scale=np.float32(2), zero_point=np.uint8(1))
    program, inputs = made.program()

    assert list(inputs) == ["x"]
    assert program.run(ops, inputs)["y"].tolist() == [[1, 2, 3]]
    fed, inputs = call("quantize", x=X, scale=np.float32(2), zero_point=np.uint8(1), fed=("scale",)).program()
    assert list(inputs) == ["x", "scale"]
    assert fed.inputs["scale"] == TensorSpec("float32", ())
    assert fed.inputs["x"] == TensorSpec("float", (1, 3))
    assert list(call("dynamic_quantize", x=X).program()[0].outputs) == ["codes", "scale", "zero_point"]


def test_a_digest_depends_on_everything_that_a_call_consists_of():
    """Elements, types, shapes, attributes, and what is fed; not on identity."""
    made = [
        call("softmax", x=X),
        call("softmax", x=X, axis=0),
        call("softmax", x=X.T),
        call("softmax", x=X.astype(np.float64)),
        call("softmax", x=X + 1),
        call("softmax", x=X, mask=np.ones((1, 3), np.bool_)),
        call("softmax", x=X, mask=np.zeros((1, 3), np.bool_)),
        call("sigmoid", x=X),
        call("linear", x=X, weight=X),
        call("linear", x=X, weight=X, fed=("weight",)),
    ]

    assert len({each.digest() for each in made}) == len(made)
    assert call("softmax", x=X.copy()).digest() == made[0].digest()
    assert repr(made[5]) == "softmax(x=float32[1, 3], mask=bool[1, 3])"


def test_the_size_of_a_call_counts_elements_and_then_those_that_are_not_zero():
    """A smaller call has fewer elements, or as many with more zeros."""
    assert call("linear", x=X, weight=X * 0).size == (6, 3)


def test_a_case_is_named_after_its_operator_and_draws_by_that_name():
    """Two drafts of one name draw the same; a minus sign in a name is spelled out."""
    first, second = (Cases("relu").named("axis--1", "RELU-S1 RELU-S2", "why") for _ in range(2))
    case = first.case(x=first.reals(3))

    assert (case.id, case.clauses, case.aim) == ("relu/boundary/axis-m1", ("RELU-S1", "RELU-S2"), "why")
    assert case.call.digest() == second.case(x=second.reals(3)).call.digest()
