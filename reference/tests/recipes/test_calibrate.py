"""``calibrate``: ranges against the tensors of plain runs, without their padding."""

from __future__ import annotations

import numpy as np
import pytest
from encoders import batch, one_linear, small_bert
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Observer
from distilspec.reference.recipes import apply_recipe, calibrate
from distilspec.reference.recipes.aciq_range import aciq_range

INPUTS_OF_LINEARS = [
    "embeddings.LayerNorm",
    "encoder.layer.0.attention.self.reshape",
    "encoder.layer.0.attention.output.LayerNorm",
    "encoder.layer.0.intermediate.gelu",
    "encoder.layer.0.output.LayerNorm",
    "encoder.layer.1.attention.self.reshape",
    "encoder.layer.1.attention.output.LayerNorm",
    "encoder.layer.1.intermediate.gelu",
]


@pytest.fixture(scope="module")
def bert():
    """Return a small random BERT."""
    return small_bert()


def tokens(program, inputs, tensor):
    """Return the values of a tensor at the positions that are not padding, one sequence at a time, as float32."""
    values = program.run(ops, inputs, keep=[tensor])[tensor]
    lengths = inputs["attention_mask"].sum(axis=1)
    return np.concatenate([row[:length].ravel() for row, length in zip(values, lengths, strict=True)]).astype(
        np.float32
    )


OBSERVERS = [
    (Observer.MINMAX, {}, ops.minmax_range),
    (Observer.PERCENTILE, {"percentile": 95.0}, lambda x: ops.percentile_range(x, percentile=95.0)),
    (Observer.MEAN_SIGMA, {"sigmas": 2.0}, lambda x: ops.mean_sigma_range(x, sigmas=2.0)),
    (Observer.ACIQ, {}, aciq_range),
]


@pytest.mark.parametrize(("observer", "options", "operator"), OBSERVERS, ids=list(Observer))
def test_ranges_are_the_observers_of_all_tokens_of_all_batches(bert, observer, options, operator):
    """Two batches of different lengths, merged; one range for every distinct input of an encoder Linear."""
    batches = [batch(0), batch(1, (2, 4))]

    ranges = calibrate(bert, iter(batches), observer, **options)

    assert list(ranges) == INPUTS_OF_LINEARS
    for tensor, got in ranges.items():
        together = np.concatenate([tokens(bert, inputs, tensor) for inputs in batches])
        assert got == pytest.approx(tuple(map(float, operator(together))), rel=1e-6)
        assert all(type(end) is float and end == np.float32(end) for end in got)


@pytest.mark.parametrize("observer", Observer)
def test_padding_has_no_influence(bert, observer):
    """Other ids at the padded positions, and more of them, give the same ranges."""
    inputs = batch()
    padded = {name: np.pad(array, ((0, 0), (0, 4))) for name, array in inputs.items()}
    padded["input_ids"] = np.where(padded["attention_mask"], padded["input_ids"], 17)

    ranges, others = calibrate(bert, [inputs], observer), calibrate(bert, [padded], observer)

    for tensor, got in ranges.items():
        assert others[tensor] == pytest.approx(got, rel=1e-6)


def test_padding_would_have_had_an_influence(bert):
    """The test above can fail: unmasked positions move some range."""
    inputs = batch()

    whole = calibrate(bert, [inputs | {"attention_mask": np.ones_like(inputs["attention_mask"])}])

    assert whole != calibrate(bert, [inputs])


def test_batches_without_tokens_are_left_out(bert):
    """A batch that is all padding, and a mask of 0 and 1."""
    inputs = batch()
    empty = inputs | {"attention_mask": np.zeros_like(inputs["attention_mask"])}
    integers = inputs | {"attention_mask": inputs["attention_mask"].astype(np.int64)}

    assert calibrate(bert, [empty, integers]) == calibrate(bert, [inputs])


def test_a_program_without_a_mask_counts_every_position():
    """One Linear that reads the input itself."""
    program = one_linear(np.ones((2, 3), np.float32), None)

    ranges = calibrate(program, [{"x": np.full((1, 2, 3), value, np.float32)} for value in (-2, 5)])

    assert ranges == {"x": (-2, 5)}
    assert apply_recipe(program, "w8a8-static", calibration=ranges).recipe == "w8a8-static"


def test_bad_arguments_are_refused_in_one_line(bert):
    """Each names what was seen and what was expected."""
    inputs = batch()
    without_mask = {name: array for name, array in inputs.items() if name != "attention_mask"}
    program = one_linear(np.ones((2, 3), np.float32), None)

    with refused(UnsupportedError, "observer 'entropy' does not exist; expected one of minmax, percentile, mean-sigma"):
        calibrate(bert, [inputs], "entropy")
    with refused(RangeError, "tensor embeddings.LayerNorm: the batches hold no token"):
        calibrate(bert, [])
    with refused(ShapeError, "input attention_mask is missing"):
        calibrate(bert, [without_mask])
    with refused(RangeError, "tensor x: .* holds nan.*OBSM-C3"):
        calibrate(program, [{"x": np.full((1, 1, 3), np.nan)}])
    with refused(RangeError, "tensor x: .*OBSP-C4"):
        calibrate(program, [{"x": np.ones((1, 1, 3))}], "percentile", percentile=0.5)
    with refused(UnsupportedError, "no linear step has the tag encoder"):
        calibrate(apply_recipe(program, "w8a8-dynamic"), [])
