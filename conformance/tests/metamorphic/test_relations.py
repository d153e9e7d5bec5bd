"""Relations on whole models: right runtimes keep them, planted bugs do not, and what does not apply says so."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import numpy as np
import planted_relations as bugs
import pytest
from planted_relations import Planted

from distilspec.conformance.cases.models import VOCABULARY, model_subject
from distilspec.conformance.check import RUN_TWICE
from distilspec.conformance.mandatory import mandatory_relations
from distilspec.conformance.metamorphic import (
    RELATIONS,
    check_metamorphic,
    head_permutation,
    judge_relation,
    relation_clauses,
)
from distilspec.conformance.metamorphic.batch_invariance import JUDGED
from distilspec.conformance.metamorphic.bench import Bench
from distilspec.conformance.replay import load_case, replay, save_case
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import State, Unit
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Granularity, RuntimeCrashError
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe

#: One layer, four heads of 5, and sentence embeddings of 20.
MODEL = "random-bert-7"

APART = [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC_TOKEN, Recipe.W8A32]


@cache
def subject(recipe=Recipe.FP32, name=MODEL, sparsity=0.0):
    """Return a small model under a recipe."""
    return model_subject(name, recipe, sparsity=sparsity)


def judged(runtime, relation, recipe=Recipe.FP32, **options):
    """Return the states of one relation on the batches to which it applies."""
    states = []
    chosen = subject(recipe, **options)
    with Bench(runtime, chosen) as bench:
        for inputs in chosen.batches.values():
            with suppress(UnsupportedError):
                states.append(judge_relation(bench, relation, inputs).state)
    return states


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("recipe", Recipe)
def test_the_reference_keeps_every_relation(recipe, opaque):
    """Whatever applies is PASS, and what does not says why."""
    cases = list(check_metamorphic(Planted(opaque=opaque), subject(recipe)))

    assert {case.state for case in cases} <= {State.PASS, State.UNSUPPORTED}
    exempt = {"w8a8-dynamic": {"PAD-S1"}, "w8a32": {"SPD-S1"}}.get(recipe, set())
    assert {case.clause for case in cases if case.state is State.UNSUPPORTED} == exempt
    assert all(case.judgement.detail for case in cases if case.state is State.UNSUPPORTED)
    assert (
        mandatory_relations(cases) == {clause.id for found in relation_clauses().values() for clause in found} - exempt
    )
    assert {case.judgement.unit for case in cases} == {Unit.METAMORPHIC}
    assert len({case.id for case in cases}) == len(cases)


@pytest.mark.parametrize("recipe", [recipe for recipe in Recipe if recipe != "w8a32"])
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_real_runtimes_keep_every_relation(name, recipe):
    """ONNX Runtime is told to keep sums of products of codes exact, which it does not do on every processor."""
    options = {"session.x64quantprecision": "1"} if name == "onnxruntime" else {}
    cases = list(check_metamorphic(find_runtime(name, options), subject(recipe)))

    assert {case.state for case in cases} <= {State.PASS, State.UNSUPPORTED}
    assert len(cases) > len(RELATIONS)


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("recipe", APART)
@pytest.mark.parametrize(
    ("relation", "bug"),
    [
        ("run again", bugs.longest_yet),
        ("batch", bugs.mask_kept_by_shape),
        ("threads", bugs.race),
        ("threads", bugs.tail_of_threads),
        ("batch", bugs.mask_of_the_first_text),
        ("padding", bugs.mask_from_ids),
        ("padding", bugs.attends_to_padding),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_bug_between_calls_breaks_its_relation(relation, bug, recipe, opaque):
    """RUN2-S2, THR-S1, BATCH-S1, PAD-S1: whether or not the runtime shows its codes."""
    assert State.FAIL in judged(Planted(bug, opaque=opaque), relation, recipe)


def test_a_small_leak_between_texts_fails():
    """BATCH-S1: a hundredth of the neighbour's answer is far above what float32 can do."""
    assert judged(Planted(bugs.neighbour_in_the_batch), "batch") == [State.FAIL]


def test_the_order_of_texts_matters_under_no_recipe():
    """BATCH-S1: also where one scale is taken from all of them."""
    assert judged(Planted(bugs.mask_of_the_first_text), "batch", Recipe.W8A8_DYNAMIC) == [State.FAIL]


@pytest.mark.parametrize("bug", [bugs.heads_turned, bugs.heads_reversed, bugs.heads_interleaved, bugs.last_head_lost])
@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC])
def test_heads_that_have_an_order_break_the_relation(bug, recipe):
    """HEAD-S1: turned, reversed, taken apart the other way, or not all there."""
    runtime = Planted(operators={"scaled_dot_product_attention": bug})

    assert set(judged(runtime, "heads", recipe)) == {State.FAIL}


def test_heads_of_attention_of_codes_have_no_order_either():
    """HEAD-S1: the sums of products of heads, each moved to the next one."""

    def turned(a, b, *zero_points):
        sums = ops.matmul_integer(a, b, *zero_points)
        return np.roll(sums, 1, axis=1) if sums.ndim == 4 else sums

    runtime = Planted(operators={"matmul_integer": turned})

    assert set(judged(runtime, "heads", Recipe.W8A8_STATIC_ATTN)) == {State.FAIL}


def test_ids_that_are_cut_off_break_the_relation():
    """VOC-S1: few words have small numbers, which survive what large ones do not."""
    assert set(judged(Planted(operators={"embedding": bugs.ids_cut_off}), "vocabulary")) == {State.FAIL}


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC])
def test_a_lost_block_breaks_the_relation(recipe, sparsity):
    """SPD-S1: a dense model is pruned for it, a block-sparse one is taken as it is."""
    operators = {
        "block_sparse_linear": bugs.last_block_dropped,
        "quantized_block_sparse_linear": bugs.last_code_block_dropped,
    }

    assert set(judged(Planted(operators=operators), "sparse equals dense", recipe, sparsity=sparsity)) == {State.FAIL}


def test_quantised_forms_must_agree_bit_for_bit():
    """SPD-S1: one step of one accumulator is too much where sums are integers."""
    operators = {"quantized_block_sparse_linear": bugs.correction_without_empty_columns}
    cases = check_metamorphic(Planted(operators=operators), subject(Recipe.W8A8_STATIC))
    case = next(case for case in cases if case.clause == "SPD-S1")

    assert case.state is State.FAIL
    assert case.judgement.detail.startswith("the same weights with explicit zeros: sentence_embedding differs by up to")


def test_what_does_not_apply_says_why():
    """A runtime without threads, one without block-sparse operators, one that takes whole models, and one text."""

    class Bare(Planted):
        def with_threads(self, threads):
            return None

        def supports(self, op):
            return "sparse" not in op

    class Models(Planted):
        granularity = (Granularity.MODELS,)

        def load_model(self, model, program):
            return self.load(program)

    bare = {case.clause: case for case in check_metamorphic(Bare(), subject())}
    models = {case.clause: case for case in check_metamorphic(Models(), subject())}
    alone = {case.clause: case for case in check_metamorphic(Planted(), subject(name="random-distilbert-1"))}

    assert bare["THR-S1"].judgement.detail == "planted lets nobody choose the number of threads"
    assert bare["SPD-S1"].judgement.detail == "planted declares no support for block_sparse_linear"
    assert {clause for clause, case in models.items() if case.state is State.UNSUPPORTED} == {
        "SPD-S1",
        "VOC-S1",
        "HEAD-S1",
    }
    assert models["VOC-S1"].judgement.detail == "planted takes no programs; the relation needs another one"
    assert alone["HEAD-S1"].judgement.detail.endswith("has no attention with several heads")
    assert alone["HEAD-S1"].id == "random-distilbert-1/fp32/heads"


@pytest.mark.parametrize(
    ("error", "state"), [(RuntimeError("one\ntwo"), State.ERROR), (RuntimeCrashError("ended"), State.CRASH)]
)
def test_a_runtime_that_fails_in_a_relation_is_a_case(error, state):
    """The other relations are judged all the same."""

    def fail(executable, inputs, expose):
        if len(inputs["input_ids"]) == 1:
            raise error
        return executable.right.run_exposed(inputs, expose)

    cases = {case.id.partition("/fp32/")[2]: case for case in check_metamorphic(Planted(fail), subject())}

    assert cases["mixed/batch"].state is state
    assert "\n" not in cases["mixed/batch"].judgement.detail
    assert cases["mixed/padding"].state is State.PASS


@pytest.mark.parametrize("error", [OSError("no such library"), UnsupportedError("no gelu")])
def test_a_runtime_that_does_not_load_is_one_case(error):
    """Not one for every relation."""

    class Loading(Planted):
        def load(self, program):
            raise error

    (case,) = check_metamorphic(Loading(), subject())

    assert case.state is (State.UNSUPPORTED if isinstance(error, UnsupportedError) else State.ERROR)
    assert case.id == "random-bert-7/fp32/relations"


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_an_answer_that_says_nothing_keeps_no_relation(value):
    """NaN and infinity fail wherever answers are compared; zeros everywhere prove nothing."""

    def say_nothing(executable, inputs, expose):
        found = executable.right.run_exposed(inputs, expose)
        return {name: np.full_like(array, value) for name, array in found.items()}

    states = judged(Planted(say_nothing, opaque=True), "padding")

    assert set(states) == {State.MISTRUSTED if value == 0 else State.FAIL}


def test_a_wrong_form_is_an_error_and_not_an_end():
    """A shape of a text more than was asked for."""

    def longer(executable, inputs, expose):
        found = executable.right.run_exposed(inputs, expose)
        return {name: np.concatenate([array, array[:1]]) for name, array in found.items()}

    cases = list(check_metamorphic(Planted(longer, opaque=True), subject()))

    assert {case.state for case in cases} == {State.ERROR}
    assert cases[0].judgement.detail == "AnswerError: output sentence_embedding has shape (9, 20); expected (8, 20)"


@pytest.mark.parametrize(
    "runtime", [Planted(bugs.mask_of_the_first_text), Planted(operators={"embedding": bugs.ids_cut_off})]
)
def test_a_failing_relation_can_be_replayed_alone(runtime, tmp_path):
    """From a file, on the runtime that failed and on one that is right."""
    case = next(case for case in check_metamorphic(runtime, subject()) if case.state is State.FAIL)
    run = Run(runtime.name, runtime.version, {}, MODEL, ("fp32",), (case,), frozenset())
    save_case(tmp_path / "case", run, case)
    saved = load_case(tmp_path / "case" / "case.json")

    assert replay(saved, runtime) == case.judgement
    assert replay(saved, Planted()).state is State.PASS


def test_a_replay_holds_no_more_words_than_it_needs():
    """The table of words is most of a small model; it stays whole only where its size is the bug."""
    tables = []
    for runtime in (Planted(bugs.mask_of_the_first_text), Planted(operators={"embedding": bugs.ids_cut_off})):
        case = next(case for case in check_metamorphic(runtime, subject()) if case.state is State.FAIL)
        tables.append(max(len(array) for name, array in case.evidence.program.constants.items() if "word" in name))
    words = np.unique(subject().batches["mixed"]["input_ids"])

    assert tables == [len(words), VOCABULARY]


def test_a_relation_that_holds_carries_no_program():
    """Nothing is to be replayed, and programs are large."""
    assert all(case.evidence is None for case in check_metamorphic(Planted(), subject()))


def test_every_relation_has_a_clause_of_its_own():
    """As operators have."""
    ids = [clause.id for found in relation_clauses().values() for clause in found]

    assert set(ids) >= {"RUN2-S1", "RUN2-S2", "THR-S1", "BATCH-S1", "PAD-S1", "SPD-S1", "VOC-S1", "HEAD-S1"}
    assert len(set(ids)) == len(ids)
    assert RUN_TWICE in ids


@pytest.mark.parametrize("heads", range(3, 17))
def test_the_order_of_heads_commutes_with_no_order_that_a_runtime_might_have(heads):
    """Neither with a rotation nor with the reversal."""
    order = np.array(head_permutation.order(heads))
    rotations = [np.roll(np.arange(heads), shift) for shift in range(1, heads)]

    assert sorted(order) == list(range(heads))
    for other in [*rotations, np.arange(heads)[::-1]]:
        assert order[other].tolist() != other[order].tolist()


def test_the_texts_that_differ_most_are_judged():
    """Every text is run alone; a leak into the last one alone is found."""

    def leak(executable, inputs, expose):
        found = executable.right.run_exposed(inputs, expose)
        if len(inputs["input_ids"]) == 1 and np.array_equal(inputs["input_ids"][0], last):
            return {name: -value for name, value in found.items()}
        return found

    last = subject().batches["mixed"]["input_ids"][7]

    cases = list(check_metamorphic(Planted(leak, opaque=True), subject()))
    case = next(case for case in cases if case.clause == "BATCH-S1")

    assert len(subject().batches["mixed"]["input_ids"]) > JUDGED
    assert case.judgement.detail.startswith("text 7 alone: ")
