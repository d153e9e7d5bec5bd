"""The OpenVINO adapter: what it shows is what it computes, and each segment of it is judged."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from judged_outputs import judged
from operator_cases import Constant, one_step
from refusal import refused
from small_encoder import BATCH, encoder

from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.segments import judge_segments
from distilspec.reference.contract.errors import ContractError, RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.tracer import trace

pytest.importorskip("openvino")

#: With symbolic sizes, quantising on an axis of such a size ends the process; docs/findings/0008 says why.
STATIC = {"shapes": "static"}

SYMBOLIC = TensorSpec("float", ("batch", "sequence"))

SLOW = (Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN, Recipe.W8A32)
RECIPES = [pytest.param(recipe, marks=pytest.mark.slow) if recipe in SLOW else recipe for recipe in Recipe]


@cache
def load(recipe):
    """Return the small encoder under a recipe; finding its survivors takes many compilations."""
    return find_runtime("openvino", STATIC if recipe is Recipe.W8A8_DYNAMIC_TOKEN else {}).load(encoder(recipe))


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_encoder_passes_segment_by_segment_or_its_products_saturate(recipe):
    """
    QL-S1: showing the survivors changes no bit, and every segment stays within its bound.

    On a processor without VNNI, u8 x s8 products saturate where weights have eight bits, and then nothing else may be
    wrong.
    """
    program = encoder(recipe)
    executable = load(recipe)

    plain = executable.run(BATCH)
    shown = executable.run_exposed(BATCH, executable.survivors())

    assert shown["sentence_embedding"].tobytes() == plain["sentence_embedding"].tobytes()
    values = program.checked(BATCH) | {name: shown[name] for name in executable.survivors()}
    judged_segments = list(judge_segments(program, values))
    assert len(judged_segments) == len(executable.survivors())
    failed = [segment for segment in judged_segments if segment.judgement.state is State.FAIL]
    causes = {
        diagnose(segment.segment, segment.inputs, values[segment.segment.target], segment.error) for segment in failed
    }
    saturating = recipe in (Recipe.W8A8_STATIC, Recipe.W8A8_STATIC_ATTN)
    assert causes <= ({"pairs of products saturate in 16 bits [QL-S1]"} if saturating else set())


def test_tensors_that_hold_something_else_do_not_survive():
    """OpenVINO moves the attention's scale into the keys and joins GELU to its Linear."""
    survivors = load(Recipe.FP32).survivors()

    assert "encoder.layer.0.attention.self.key.reshape" not in survivors
    assert "encoder.layer.0.intermediate.dense" not in survivors
    assert "encoder.layer.0.intermediate.gelu" in survivors
    assert "encoder.layer.1.attention.self.reshape" in survivors
    assert "encoder.layer.1.output.LayerNorm" in survivors
    assert survivors[-1] == "l2_normalize"


def test_codes_survive():
    """The codes that a quantised Linear reads, which make its segment small."""
    survivors = load(Recipe.W8A8_STATIC).survivors()

    assert [name for name in encoder(Recipe.W8A8_STATIC).tensors if name.endswith(".quantized")] == [
        name for name in survivors if name.endswith(".quantized")
    ]


def test_ties_at_an_odd_zero_point_are_right_or_found_wrong():
    """Q-S3: the zero point is added after rounding; finding 0007 is that OpenVINO adds it before."""
    operands = [np.float32([1, 3, -1, 0.7]), Constant(np.float32(2)), Constant(np.uint8(1))]
    program, inputs = one_step("quantize", operands, {})

    got = find_runtime("openvino").load(program).run(inputs)

    state = judged(program, inputs, got)["result 0"].state
    assert state is (State.PASS if got["result 0"].tolist() == [1, 3, 1, 1] else State.FAIL)


def test_a_users_file_shows_its_tensors(tmp_path):
    """A file is compiled as it is; its nodes have names of their own."""
    model = write_onnx(encoder(Recipe.FP32))
    for index, node in enumerate(model.graph.node):
        node.name = f"node {index}"
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    program = read_onnx(path)

    executable = find_runtime("openvino").load_onnx(path, program)

    shown = executable.run_exposed(BATCH, executable.survivors())
    assert len(executable.survivors()) > 20
    assert shown["sentence_embedding"].tobytes() == executable.run(BATCH)["sentence_embedding"].tobytes()
    values = program.checked(BATCH) | {name: shown[name] for name in executable.survivors()}
    assert {segment.judgement.state for segment in judge_segments(program, values)} <= {State.PASS, State.MISTRUSTED}


@pytest.mark.parametrize("shapes", ["static", "dynamic"])
def test_shapes_may_change_from_run_to_run(shapes):
    """With static shapes the model is compiled again; a symbol of the program has the size that comes."""
    program = trace("sums", lambda ops, weights, x: {"y": ops.reduce_sum(x, axes=(1,))}, {"x": SYMBOLIC}, {})
    executable = find_runtime("openvino", {"shapes": shapes}).load(program)

    assert executable.run({"x": np.float32([[1, 2, 3]])})["y"].tolist() == [[6]]
    assert executable.run({"x": np.float32([[1, 2], [3, 4]])})["y"].tolist() == [[3], [7]]


def test_options_reach_openvino_or_are_refused():
    """Properties in capitals are passed on; threads and precision are ours."""
    assert find_runtime("openvino").with_threads(2).options["threads"] == "2"
    program, inputs = one_step("relu", [np.float32([-1, 2])], {})
    got = find_runtime("openvino", {"precision": "free", "EXECUTION_MODE_HINT": "ACCURACY"}).load(program).run(inputs)
    assert got["result 0"].tolist() == [0, 2]
    with refused(RangeError, "option precision is 'bf16'"):
        find_runtime("openvino", {"precision": "bf16"})
    with refused(RangeError, "option shapes is 'fixed'"):
        find_runtime("openvino", {"shapes": "fixed"})
    with refused(RangeError, "option level does not exist"):
        find_runtime("openvino", {"level": "all"})


def test_what_openvino_says_is_one_line():
    """Its errors name places in its own code first, on several lines."""
    program, inputs = one_step("linear", [np.zeros((2, 0), np.float32), Constant(np.zeros((3, 0), np.float32))], {})

    with pytest.raises(ContractError, match="openvino: ") as caught:
        find_runtime("openvino").load(program).run(inputs)

    assert "\n" not in str(caught.value)
    assert "Exception from" not in str(caught.value)


def test_an_old_version_is_refused(monkeypatch):
    """The adapter reads graphs as newer ones describe them."""
    monkeypatch.setattr("distilspec.conformance.runtimes.openvino.OpenVinoRuntime.version", "2023.3.0")

    with refused(UnsupportedError, r"version is 2023.3.0; expected 2025.0 or later"):
        find_runtime("openvino")
