"""The engine as a user calls it: what must not change its bits, and what it refuses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from small_models import inputs, renamed, small_program
from tiny_result import inputs_of, tiny_result

from distilspec.conformance.result import State
from distilspec.conformance.segments import judge_segments
from distilspec.fast import Engine, compile
from distilspec.fast.backends import native
from distilspec.fast.engine import program_of_result
from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes import apply_recipe, calibrate
from distilspec.reference.tracer import trace

RECIPES = ("fp32", "w8a8-static", "w8a8-dynamic-token", "w7a8-static", "w8a8-dynamic", "w8a32")
BACKENDS = ("native", "numpy")


def engine(recipe="w8a8-static", *, threads=1, backend="native", **model):
    """Return an engine of a small model."""
    return Engine(small_program(recipe, **model), threads=threads, oversubscribe=threads > 1, backend=backend)


def bits(outputs):
    """Return outputs in a form in which equal means the same bits."""
    return {label: array.tobytes() for label, array in outputs.items()}


@pytest.mark.parametrize("sparsity", [0.0, 0.8])
@pytest.mark.parametrize("recipe", RECIPES[:3])
def test_a_sequence_has_the_same_bits_alone_and_in_any_batch(recipe, sparsity):
    """Alone, among others, and padded: what stands beside it changes nothing."""
    made = engine(recipe, sparsity=sparsity)
    arrays = inputs(small_program(), 5, 17)
    together = made.run(arrays)["last_hidden_state"]
    for row in range(5):
        alone = made.run({name: array[row : row + 1] for name, array in arrays.items()})["last_hidden_state"]
        np.testing.assert_array_equal(alone[0], together[row])
    padded = {name: np.pad(array, ((0, 0), (0, 14))) for name, array in arrays.items()}
    np.testing.assert_array_equal(made.run(padded)["last_hidden_state"][:, :17], together)


@pytest.mark.parametrize("recipe", RECIPES)
def test_threads_change_no_bit(recipe):
    """Whoever does which part of the work."""
    arrays = inputs(small_program(), 6, 23)
    with engine(recipe) as one, engine(recipe, threads=2) as two:
        expected = bits(one.run(arrays))
        assert all(bits(two.run(arrays)) == expected for _ in range(20))


def test_a_large_batch_goes_through_in_parts_without_a_difference(monkeypatch):
    """Seven sequences, two of them together at a time."""
    arrays = inputs(small_program(), 7, 20)
    with engine() as whole:
        expected = bits(whole.run(arrays))
    monkeypatch.setattr(native, "TOKENS_TOGETHER", 40)
    with engine() as made:
        assert bits(made.run(arrays)) == expected
        assert {shape for shape, _ in made._backend._bound} == {(2, 20), (1, 20)}


@pytest.mark.parametrize("head", ["sentence-embedding", "sequence-classification"])
def test_padding_is_left_out_where_nobody_sees_it(head, monkeypatch):
    """Each sequence has the bits that it has alone, without padding; one has no token at all. Tiles hold 8 tokens."""
    monkeypatch.setenv("DISTILSPEC_ISA", "portable")
    program = small_program("w8a8-static", family="bert", head=head)
    arrays = inputs(program, 6, 39)
    lengths = (3, 39, 17, 16, 1, 0)
    for row, length in enumerate(lengths):
        arrays["attention_mask"][row, length:] = False
        arrays["attention_mask"][row, max(0, length - 1) : length] = True
    with Engine(program) as made:
        (label,) = made.run(arrays)
        together = made.run(arrays)[label]
        assert {shape for shape, _ in made._backend._bound} == {(3, 8), (1, 16), (1, 24), (1, 39)}
        for row, length in enumerate(lengths):
            alone = {name: array[row : row + 1, : max(1, length)] for name, array in arrays.items()}
            np.testing.assert_array_equal(made.run(alone)[label][0], together[row])


def test_one_scale_for_the_tensor_keeps_the_batch_together(monkeypatch):
    """Or the scale would be that of a part, which the specification fixes from all of the tensor, and so the codes."""
    monkeypatch.setattr(native, "TOKENS_TOGETHER", 40)
    program = small_program("w8a8-dynamic")
    arrays = inputs(program, 7, 20)
    with Engine(program) as made:
        outputs = made.run(arrays)
        assert {shape for shape, _ in made._backend._bound} == {(7, 20)}
        same, shown = made.run_exposed(arrays, made.survivors())
    assert bits(outputs) == bits(same)
    judged = list(judge_segments(program, {**program.checked(arrays), **shown}))
    assert [found.judgement for found in judged if found.judgement.state is not State.PASS] == []


@pytest.mark.parametrize("sequence", [1, 2, 7, 8, 9, 15, 16, 17, 31])
@pytest.mark.parametrize("head", ["sentence-embedding", "question-answering"])
def test_backends_agree_at_every_length(head, sequence):
    """Two ways of computing, within the float32 rounding of either (values are of size 1, sums of some 100 terms)."""
    program = small_program(head=head, shape="odd")
    arrays = inputs(program, 3, sequence)
    with Engine(program) as made, Engine(program, backend="numpy") as other:
        got, expected = made.run(arrays), other.run(arrays)
    for label, array in expected.items():
        assert got[label].shape == array.shape
        assert np.abs(got[label] - array).max() < 2e-5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_showing_tensors_changes_no_bit(recipe, backend):
    """Every tensor that there is, shown at once."""
    arrays = inputs(small_program(), 2, 11)
    with engine(recipe, backend=backend) as made:
        outputs, shown = made.run_exposed(arrays, made.survivors())
        assert bits(outputs) == bits(made.run(arrays))
        assert list(shown) == list(made.survivors())
        assert shown["embeddings.LayerNorm"].shape == (2, 11, 24)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_may_be_read_only_and_strided(backend):
    """And of any integer type, or bools."""
    arrays = inputs(small_program(), 3, 9)
    strided = np.asfortranarray(arrays["input_ids"].astype(np.int32))
    strided.setflags(write=False)
    ones = arrays["input_ids"] % 2
    with engine(backend=backend) as made:
        expected = made(arrays["input_ids"], arrays["attention_mask"])
        got = made(strided, arrays["attention_mask"].astype(np.uint8))
        listed = made(arrays["input_ids"].tolist(), arrays["attention_mask"].tolist())
        assert bits(made(ones.astype(bool))) == bits(made(ones))
    assert bits(got) == bits(expected) == bits(listed)


@pytest.mark.parametrize("backend", BACKENDS)
def test_outputs_are_the_callers_own(backend):
    """The next call does not change them, nor does writing to them change the next call's."""
    arrays, others = (inputs(small_program(), 3, 9, seed=seed) for seed in (1, 2))
    with engine(backend=backend) as made:
        first = made.run(arrays)
        expected = bits(first)
        assert bits(made.run(others)) != expected
        assert bits(first) == expected
        for output in first.values():
            output[...] = np.nan
        assert bits(made.run(arrays)) == expected


def _several_outputs(ops, weights, input_ids):
    rows = ops.embedding(input_ids, weights["table"])
    twice = ops.add(rows, rows)
    some, left = (ops.slice(tensor, axis=2, start=1, stop=4) for tensor in (rows, ops.add(twice, rows)))
    return {"whole": rows, "again": rows, "some": some, "twice": twice, "left": left}


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_two_results_share_memory(backend):
    """Outputs that are one tensor, or a part of it, and what is shown."""
    table = np.arange(30, dtype=np.float32).reshape(5, 6)
    specs = {"input_ids": TensorSpec("int64", ("batch", "sequence"))}
    ids = np.array([[4, 0, 1], [2, 2, 3]])
    with Engine(trace("parts", _several_outputs, specs, {"table": table}), backend=backend) as made:
        outputs, shown = made.run_exposed({"input_ids": ids}, made.survivors())
        alone = made(ids)
    assert bits(alone) == bits(outputs)
    rows = table[ids]
    expected = {"whole": rows, "again": rows, "some": rows[..., 1:4], "twice": 2 * rows, "left": 3 * rows[..., 1:4]}
    assert bits(outputs) == bits(expected)
    results = [*outputs.values(), *alone.values(), *shown.values()]
    assert len(shown) == 3
    assert not any(np.shares_memory(one, other) for one, other in combinations(results, 2))
    assert all(one.flags.c_contiguous and one.flags.writeable for one in results)


def test_without_a_mask_every_token_counts():
    """And without types, they are 0."""
    program = small_program(family="bert")
    arrays = inputs(program, 2, 6)
    ones, zeros = np.ones((2, 6), bool), np.zeros((2, 6), int)
    with Engine(program) as made:
        expected = made(arrays["input_ids"], ones, token_type_ids=zeros)
        assert bits(made(arrays["input_ids"])) == bits(expected)


@pytest.mark.parametrize("head", ["sentence-embedding", "question-answering"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mask_may_have_any_name(backend, head):
    """With the bits of the usual one, given or absent; and ids may be called a mask."""
    program = small_program(family="bert", head=head)
    other = renamed(renamed(program, "attention_mask", "keep"), "token_type_ids", "types_mask")
    arrays = inputs(program, 3, 19)
    given = [
        (arrays, {new: arrays[old] for old, new in zip(program.inputs, other.inputs, strict=True)}),
        ({"input_ids": arrays["input_ids"]},) * 2,
    ]
    with Engine(program, backend=backend) as made, Engine(other, backend=backend) as same:
        for usual, unusual in given:
            assert bits(same.run(unusual)) == bits(made.run(usual))


def test_an_empty_batch_gives_empty_outputs():
    """With the other axes as they would be."""
    for backend in BACKENDS:
        with engine("fp32", backend=backend) as made:
            outputs = made(np.zeros((0, 5), int))
        assert outputs["last_hidden_state"].shape == (0, 5, 24)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"input_ids": np.zeros(4, int)}, ShapeError, r"input_ids: shape \(4,\); expected \[batch, sequence\]"),
    ({"input_ids": np.zeros((2, 0), int)}, ShapeError, "expected at least one token"),
    ({"attention_mask": np.ones((2, 3), bool)}, ShapeError, r"attention_mask: shape \(2, 3\); expected \(2, 4\)"),
    ({"input_ids": np.zeros((2, 4))}, DTypeError, "input_ids: float64; expected integers"),
    ({"attention_mask": np.full((2, 4), 2)}, RangeError, "attention_mask: holds 2; expected 0 or 1"),
    ({"input_ids": np.full((2, 4), 50)}, RangeError, "input_ids: holds 50; expected 0 to 49"),
    ({"input_ids": np.full((2, 4), -1)}, RangeError, "input_ids: holds -1; expected 0 to 49"),
    ({"input_ids": np.full((2, 4), 2**64 - 1, np.uint64)}, RangeError, "input_ids: holds 18446744073709551615;"),
    ({"input_ids": 50 * np.eye(2, 4, dtype=np.int8)[:, ::-1]}, RangeError, "input_ids: holds 50; expected 0 to 49"),
    ({"attention_mask": -np.eye(2, 4, dtype=np.int8)}, RangeError, "attention_mask: holds -1; expected 0 or 1"),
    ({"input_ids": np.zeros((1, 41), int), "attention_mask": None}, RangeError, "of 41 tokens; expected at most 40"),
    ({"labels": np.zeros((2, 4), int)}, UnsupportedError, "input labels does not exist; expected input_ids"),
    ({"input_ids": [[1, 2], [3]]}, ShapeError, r"input_ids: rows of unequal lengths; expected \[batch, sequence\]"),
    ({"attention_mask": [[1], [1, 0]]}, ShapeError, r"attention_mask: rows of unequal lengths; expected \[batch"),
])  # fmt: skip
@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_input_is_refused_in_one_line(change, error, message, backend):
    """And the engine can be used afterwards."""
    given = {"input_ids": np.zeros((2, 4), int), "attention_mask": np.ones((2, 4), bool)} | change
    with engine("fp32", backend=backend) as made:
        with pytest.raises(error, match=message) as raised:
            made(**given)
        assert "\n" not in str(raised.value)
        made(np.zeros((2, 4), int))


def test_what_cannot_be_compiled_is_refused():
    """With what was expected."""
    with pytest.raises(UnsupportedError, match="backend 'cuda' does not exist; expected one of auto, native, numpy"):
        engine(backend="cuda")
    with pytest.raises(UnsupportedError, match="a program of recipe fp32; expected a model to apply w8a8-static to"):
        compile(small_program(), recipe="w8a8-static")
    for asked in ({"sparsity": 0.5}, {"calibration": ["a text"]}, {"head": "masked-lm"}):
        with pytest.raises(UnsupportedError, match=f"{next(iter(asked))} of a program, which is run as it is"):
            compile(small_program(), **asked)
    with pytest.raises(DTypeError, match="the model is a int; expected a Program, a Model, or the name or folder of"):
        compile(3)


@pytest.mark.parametrize("threads", [0, -1, 10_000, "2", 1.5, None])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_impossible_number_of_threads_is_refused(backend, threads, monkeypatch):
    """In one line, before any weight is packed."""
    monkeypatch.setattr("distilspec.fast.engine.lower", None)
    with pytest.raises(RangeError, match=f"threads: got {threads!r}; expected 1 to [0-9]+, the processors"):
        Engine(small_program(), threads=threads, backend=backend)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("distilspec.fast.engine.find_spec", lambda _: None, "llvmlite is not installed"),
        ("sys.platform", "darwin", "kernels run on Linux and this system is darwin"),
    ],
)
def test_without_kernels_numpy_computes(monkeypatch, name, value, reason):
    """With a warning; who asks for kernels is refused."""
    monkeypatch.setattr(name, value)
    arrays = inputs(small_program(), 2, 5)
    with pytest.warns(UserWarning, match=f"^{reason}, so NumPy computes"):
        made = engine(backend="auto")
    assert bits(made.run(arrays)) == bits(engine(backend="numpy").run(arrays))
    with pytest.raises(UnsupportedError, match=f"backend native: {reason}; expected Linux with llvmlite"):
        engine(backend="native")


def test_an_engine_that_was_closed_says_so():
    """Instead of running without threads."""
    made = engine()
    made.close()
    made.close()
    with pytest.raises(RangeError, match="the engine was closed"):
        made(np.zeros((1, 2), int))


def test_what_compress_has_made_is_run_as_it_is_saved(tmp_path):
    """The program that is saved under the recipe, its ranges and what it keeps in float32."""
    result = tiny_result(tmp_path)
    given = inputs_of(result.program(Recipe.FP32, []))
    for recipe in (Recipe.FP32, Recipe.W8A8_STATIC):
        with Engine(load_program(result.programs[recipe])) as saved:
            expected = saved.run(given)
        for path in (result.folder, str(result.student)):
            with compile(path, recipe=recipe) as engine:
                assert bits(engine.run(given)) == bits(expected)


@pytest.mark.parametrize("recipe", [Recipe.W8A8_DYNAMIC, Recipe.W8A8_STATIC])
def test_another_recipe_or_ranges_keep_blocks_and_linears(tmp_path, recipe):
    """Of what compress has made: the float32 program's blocks, and in float32 what the pipeline kept."""
    result = tiny_result(tmp_path)
    texts = ["the man", "a cat"] if recipe.is_calibrated else []
    student = load_model(result.student)
    batches = [student.encode(texts)] if texts else []
    program = load_program(result.programs[Recipe.FP32])
    ranges = calibrate(program, batches, recipe=recipe) if texts else None
    keeping, other = (
        apply_recipe(program, recipe, calibration=ranges, keep=keep) for keep in (result.kept(recipe), ())
    )
    given = inputs_of(program)
    with (
        compile(result.folder, recipe=recipe, calibration=texts) as made,
        Engine(keeping) as expected,
        Engine(other) as different,
    ):
        got = bits(made.run(given))
        assert got == bits(expected.run(given))
        assert got != bits(different.run(given))
    steps = program_of_result(result.folder, recipe, texts).steps
    assert [step.op for step in steps] == [step.op for step in keeping.steps]
    assert "quantized_block_sparse_linear" in {step.op for step in steps}
