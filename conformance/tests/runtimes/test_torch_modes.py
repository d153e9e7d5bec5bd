"""PyTorch's other modes: Linears that quantise as they run, and programs that inductor compiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusal import refused
from small_encoder import BATCH, encoder

from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Granularity
from distilspec.conformance.segments import judge_segments
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe

SATURATES = "pairs of products saturate in 16 bits [QL-S1]"

ENGINES = torch.backends.quantized.supported_engines


def causes(executable, program):
    """
    Return the causes of all failing segments, after checking that showing the survivors changed no bit.

    A segment that ends in a single number is left out: several bugs may give it.
    """
    plain = executable.run(BATCH)
    shown = executable.run_exposed(BATCH, executable.survivors())
    assert shown["sentence_embedding"].tobytes() == plain["sentence_embedding"].tobytes()
    values = program.checked(BATCH) | {name: shown[name] for name in executable.survivors()}
    judged = list(judge_segments(program, values))
    assert len(judged) == len(executable.survivors())
    failed = [segment for segment in judged if segment.judgement.state is State.FAIL]
    return {
        diagnose(segment.segment, segment.inputs, values[segment.segment.target], segment.error)
        for segment in failed
        if values[segment.segment.target].size > 1
    }


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "none"])
def test_dynamic_linears_are_the_dynamic_recipe_or_their_products_saturate(engine):
    """QL-S1, DYN-S3: codes over the full range of uint8; qnnpack's products are exact everywhere."""
    program = encoder(Recipe.W8A8_DYNAMIC)

    found = causes(find_runtime("torch", {"mode": "dynamic", "engine": engine}).load(program), program)

    assert found <= (set() if engine == "qnnpack" else {SATURATES})


def test_codes_inside_a_dynamic_linear_are_not_shown():
    """The Linear before and after are."""
    survivors = find_runtime("torch", {"mode": "dynamic"}).load(encoder(Recipe.W8A8_DYNAMIC)).survivors()

    assert not [name for name in survivors if ".quantized" in name]
    assert "encoder.layer.0.attention.self.query" in survivors


def test_seven_bits_are_no_recipe():
    """quantize_dynamic asks for a reduced range on x86, under which it is no recipe of ours."""
    reduced = find_runtime("torch", {"mode": "dynamic", "reduce_range": "yes"})

    assert set(reduced.recipes) == {Recipe.FP32}
    assert set(find_runtime("torch", {"mode": "dynamic"}).recipes) == {Recipe.FP32, Recipe.W8A8_DYNAMIC}


def test_dynamic_linears_take_no_static_codes():
    """A Linear whose codes come from elsewhere is refused."""
    with refused(UnsupportedError, "mode dynamic cannot run step encoder.layer.0.attention.self.query"):
        find_runtime("torch", {"mode": "dynamic"}).load(encoder(Recipe.W8A8_STATIC))


def test_each_mode_has_its_options():
    """An option of another mode does not exist."""
    assert find_runtime("torch").options == {"mode": "eager", "dtype": "float32", "threads": "1"}
    assert find_runtime("torch", {"mode": "inductor"}).with_threads(2).options == {"mode": "inductor", "threads": "2"}
    assert find_runtime("torch", {"mode": "inductor"}).granularity == (Granularity.PROGRAMS,)
    assert not find_runtime("torch", {"mode": "inductor"}).supports("block_sparse_linear")
    with refused(RangeError, "option mode is 'jit'"):
        find_runtime("torch", {"mode": "jit"})
    with refused(RangeError, "option dtype does not exist; expected one of mode, threads"):
        find_runtime("torch", {"mode": "inductor", "dtype": "float64"})
    with refused(RangeError, "option engine is 'mkl'"):
        find_runtime("torch", {"mode": "dynamic", "engine": "mkl"})


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [*find_runtime("torch", {"mode": "inductor"}).recipes])
def test_a_compiled_encoder_passes_or_its_products_saturate(recipe):
    """QL-S1: inductor's integer kernels are oneDNN's, which saturate eight bits on processors without VNNI."""
    program = encoder(recipe)

    found = causes(find_runtime("torch", {"mode": "inductor"}).load(program), program)

    quantised = (Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC)
    assert found <= ({SATURATES} if recipe in quantised else set())


@pytest.mark.slow
def test_quantised_linears_become_integer_kernels():
    """All twelve of them, in every recipe that has some; what they read and make is shown."""
    for recipe in (Recipe.W8A8_STATIC, Recipe.W7A8_STATIC, Recipe.W8A8_DYNAMIC):
        executable = find_runtime("torch", {"mode": "inductor"}).load(encoder(recipe))
        executable.run(BATCH)

        calls = executable.library_calls().items()

        assert sum(count for call, count in calls if "onednn.qlinear_pointwise" in call) == 12


@pytest.mark.slow
def test_a_program_is_compiled_again_for_other_shapes():
    """Two texts of 16 tokens, then one of 5."""
    executable = find_runtime("torch", {"mode": "inductor"}).load(encoder(Recipe.FP32))
    many = executable.run(BATCH)["sentence_embedding"]

    one = executable.run({name: array[1:2, :5] for name, array in BATCH.items()})["sentence_embedding"]

    assert one.shape == (1, 24)
    assert np.argmax(one @ many.T) == 1
