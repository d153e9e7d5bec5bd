"""The ONNX Runtime adapter: what it shows is what it computes, and each segment of it is judged."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from operator_cases import CASES, Constant, codes, one_step, scales
from small_encoder import BATCH, ENCODER, encoder

from distilspec.conformance import bounds
from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.judge import judge
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.segments import judge_segments
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.onnx_writer import write_onnx

#: Keeps u8 x s8 products exact on processors without VNNI; its pass fails on the weights of w8a32, which has no such
#: products.
EXACT = {"session.x64quantprecision": "1"}

#: The weights of ``w7a8-static`` need no help: no two of its products leave 16 bits.
WITHOUT = (Recipe.W8A32, Recipe.W7A8_STATIC)


def load(recipe, **options):
    """Return the small encoder under a recipe in a session that multiplies codes exactly."""
    exact = {} if recipe in WITHOUT else EXACT
    return find_runtime("onnxruntime", {**exact, **options}).load(encoder(recipe))


@pytest.mark.parametrize("recipe", list(Recipe))
def test_showing_the_survivors_changes_no_bit_of_the_output(recipe):
    """The premise of judging segments; it holds for the survivors and fails for all tensors together."""
    executable = load(recipe)
    survivors = executable.survivors()

    shown = executable.run_exposed(BATCH, survivors)

    assert shown["sentence_embedding"].tobytes() == executable.run(BATCH)["sentence_embedding"].tobytes()
    assert shown["sentence_embedding"] is shown["l2_normalize"]
    assert survivors == tuple(name for name in encoder(recipe).tensors if name in set(survivors))
    assert len(encoder(recipe).tensors) // 2 < len(survivors) < len(encoder(recipe).tensors)


@pytest.mark.parametrize("recipe", list(Recipe))
def test_an_encoder_passes_segment_by_segment(recipe):
    """
    Every segment between survivors stays within its bound on ONNX Runtime's own inputs to it.

    MMI-S1: on a processor without VNNI, products of codes of two activations may saturate; no option prevents that.
    """
    executable, program = load(recipe), encoder(recipe)

    shown = executable.run_exposed(BATCH, executable.survivors())

    values = program.checked(BATCH) | {name: shown[name] for name in executable.survivors()}
    judged = list(judge_segments(program, values))
    assert len(judged) == len(executable.survivors())
    failed = [segment for segment in judged if segment.judgement.state is State.FAIL]
    if recipe is Recipe.W8A8_STATIC_ATTN:
        pairs = "pairs of products saturate in 16 bits [MMI-S1]"
        failed = [found for found in failed if _cause(found, values) != pairs]
    assert [segment.judgement.detail for segment in failed] == []


def _cause(found, values):
    return diagnose(found.segment, found.inputs, values[found.segment.target], found.error)


def test_fused_tensors_do_not_survive():
    """What a fusion swallows is not shown: the sum inside a fused LayerNormalization, the product inside BiasGelu."""
    survivors = load(Recipe.W8A8_STATIC).survivors()

    assert "encoder.layer.0.intermediate.gelu" in survivors
    assert "encoder.layer.0.intermediate.dense" not in survivors
    assert "encoder.layer.0.output.LayerNorm" in survivors
    assert "encoder.layer.0.output.add" not in survivors
    assert "encoder.layer.0.intermediate.gelu.quantized" in survivors
    assert "encoder.layer.0.intermediate.gelu.quantized" not in load(Recipe.W8A8_DYNAMIC).survivors()


def test_without_optimisation_everything_survives():
    """Level disable runs the graph node by node as it was written."""
    executable = load(Recipe.FP32, level="disable")

    assert executable.survivors() == tuple(ENCODER.tensors)


def test_weights_that_were_dequantised_ahead_are_left_out():
    """Showing them makes ONNX Runtime dequantise twice; the operators before and after are still shown."""
    survivors = load(Recipe.W8A32).survivors()

    assert not [name for name in survivors if name.endswith(".weight")]
    assert "encoder.layer.0.attention.self.query" in survivors


@pytest.mark.parametrize("sizes", [None, {"batch": 3, "sequence": 16}], ids=["symbolic", "static"])
@pytest.mark.parametrize("recipe", [recipe for recipe in Recipe if "a8" in recipe and "attn" not in recipe])
def test_every_encoder_linear_becomes_an_integer_kernel(recipe, sizes, tmp_path):
    """The written forms are those that ONNX Runtime fuses, with symbolic and with static sizes."""
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    settings.log_severity_level = 3

    onnxruntime.InferenceSession(write_onnx(encoder(recipe), static_shapes=sizes).SerializeToString(), settings)

    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    integer = sum(kinds.count(kind) for kind in ("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"))
    assert integer == sum("encoder" in step.tags for step in encoder(recipe).steps if step.op == "quantized_linear")
    assert "DequantizeLinear" not in kinds


#: Products of codes are judged further down, because some processors depart there.
SAFE_CASES = [case for case in CASES if case[0] not in ("matmul_integer", "quantized_linear")]


#: Opset 13 and 21 have other forms of layer_norm and gelu; at level disable, each node is judged as it was written.
@pytest.mark.parametrize("options", [{}, {"opset": "13"}, {"opset": "21"}, {"level": "disable"}], ids=str)
@pytest.mark.parametrize(("op", "operands", "attributes"), SAFE_CASES)
def test_an_operator_stays_within_its_bound(op, operands, attributes, options):
    """One step, on inputs that include masked rows, infinities and full-range codes."""
    program, inputs = one_step(op, operands, attributes)

    got = find_runtime("onnxruntime", options).load(program).run(inputs)

    for label, judgement in judged(program, inputs, got).items():
        assert judgement.state in (State.PASS, State.MISTRUSTED), (label, judgement.detail)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("is_static", [False, True])
def test_full_range_products_are_exact_or_found_wrong(rank, is_static):
    """
    QL-S1, MMI-S1: on a processor without VNNI, u8 x s8 products saturate by default, and the judge must see it.

    With the exact option they pass everywhere.
    """
    x = np.full((2, 4, 64)[3 - rank :], 255, np.uint8)
    scale, zero_point = np.float32(0.02), np.uint8(3)
    activations = [x, *(map(Constant, (scale, zero_point)) if is_static else (scale, zero_point))]
    weight = np.full((5, 64), 127, np.int8)
    weight[0] = np.arange(64)
    operands = [*activations, Constant(weight), Constant(scales(5)), Constant(scales(5))]
    program, inputs = one_step("quantized_linear", operands, {})

    exact, default = (find_runtime("onnxruntime", options).load(program).run(inputs) for options in (EXACT, {}))

    assert judged(program, inputs, exact)["result 0"].state is State.PASS
    saturated = exact["result 0"].tobytes() != default["result 0"].tobytes()
    assert judged(program, inputs, default)["result 0"].state is (State.FAIL if saturated else State.PASS)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_products_of_one_signedness_are_exact_everywhere(dtype):
    """MMI-S1: only u8 x s8 saturates."""
    program, inputs = one_step("matmul_integer", [codes(dtype, 3, 512), Constant(codes(dtype, 512, 8))], {})

    got = find_runtime("onnxruntime").load(program).run(inputs)["result 0"]

    assert np.array_equal(got, program.run(ops, inputs)["result 0"])


def judged(program, inputs, got):
    """Return the judgement of every output."""
    lifted = {name: bounds.Bounded.exact(array) for name, array in inputs.items()}
    with np.errstate(all="ignore"):
        allowed = program.run(bounds, lifted)
    return {label: judge(got[label], np.asarray(allowed[label].value), allowed[label].error) for label in got}
