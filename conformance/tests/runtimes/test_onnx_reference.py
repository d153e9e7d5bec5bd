"""The adapter of ONNX's reference evaluator: every tensor is shown, and what it lacks is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from judged_outputs import judged
from operator_cases import Constant, one_step
from refusal import refused
from small_encoder import BATCH, encoder

from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.one_step import one_step_program
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.segments import judge_segments
from distilspec.reference.contract.errors import ContractError, RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.onnx_writer import write_onnx


@pytest.mark.parametrize("recipe", list(Recipe))
def test_an_encoder_passes_step_by_step(recipe):
    """Every tensor of the program is a tensor of the graph, so every step is judged alone."""
    program = encoder(recipe)
    executable = find_runtime("onnx-reference").load(program)

    shown = executable.run_exposed(BATCH, executable.survivors())

    assert executable.survivors() == tuple(program.tensors)
    judged_steps = list(
        judge_segments(program, program.checked(BATCH) | {name: shown[name] for name in program.tensors})
    )
    assert len(judged_steps) == len(program.tensors)
    assert [step.judgement.detail for step in judged_steps if step.judgement.state is State.FAIL] == []


def test_the_form_qdq_is_no_mode_for_static_codes():
    """QL-S1: node by node, DequantizeLinear and MatMul make a sum of real numbers, which leaves the exact bound."""
    program = encoder(Recipe.W8A8_STATIC)
    runtime = find_runtime("onnx-reference", {"form": "qdq"})

    shown = runtime.load(program).run_exposed(BATCH, program.tensors)

    values = program.checked(BATCH) | {name: shown[name] for name in program.tensors}
    failed = [step for step in judge_segments(program, values) if step.judgement.state is State.FAIL]
    assert {step.segment.operators for step in failed} == {("quantized_linear",)}
    assert set(Recipe) - set(runtime.recipes) == {recipe for recipe in Recipe if recipe.is_calibrated}
    assert set(find_runtime("onnx-reference").recipes) == set(Recipe)


def test_requantised_ties_are_right_or_found_wrong():
    """QL-S4: finding 0012 is that QLinearMatMul adds the zero point before it rounds."""
    runtime = find_runtime("onnx-reference")
    golden = next(case for case in load_goldens() if case.id == "quantized_linear-requantized-ties-odd-zero-point")
    program, inputs = one_step_program(golden)

    (result,) = check_operators(runtime, [golden])

    is_right = np.array_equal(runtime.load(program).run(inputs)["y"], golden.expected[0].value)
    assert result.state is (State.PASS if is_right else State.FAIL)


def test_infinities_saturate_or_are_found_wrong():
    """Q-S4: finding 0012 is that the evaluator casts to int32 before it clips."""
    operands = [np.float32([np.inf, -np.inf, 3e38, 1]), Constant(np.float32(0.5)), Constant(np.uint8(7))]
    program, inputs = one_step("quantize", operands, {})

    got = find_runtime("onnx-reference").load(program).run(inputs)

    state = judged(program, inputs, got)["result 0"].state
    assert state is (State.PASS if got["result 0"].tolist() == [255, 0, 255, 9] else State.FAIL)


def test_a_users_file_shows_its_tensors(tmp_path):
    """A file is evaluated as it is, in its own opset."""
    path = tmp_path / "model.onnx"
    path.write_bytes(write_onnx(encoder(Recipe.FP32), opset=15).SerializeToString())
    program = read_onnx(path)

    executable = find_runtime("onnx-reference").load_onnx(path, program)
    shown = executable.run_exposed(BATCH, executable.survivors())

    values = program.checked(BATCH) | {name: shown[name] for name in executable.survivors()}
    assert len(values) > 40
    assert {step.judgement.state for step in judge_segments(program, values)} <= {State.PASS, State.MISTRUSTED}


def test_a_node_that_the_evaluator_lacks_is_refused_in_one_line():
    """Before opset 19 it has no DequantizeLinear."""
    with pytest.raises(ContractError, match=r"onnx-reference: No implementation .*DequantizeLinear") as caught:
        find_runtime("onnx-reference", {"opset": "17"}).load(encoder(Recipe.W8A32))

    assert "\n" not in str(caught.value)


def test_options_are_checked():
    """The opset is a number, and the form is one that is written."""
    with refused(RangeError, "option opset is 'new'"):
        find_runtime("onnx-reference", {"opset": "new"})
    with refused(RangeError, "option form is 'float'"):
        find_runtime("onnx-reference", {"form": "float"})
    with refused(RangeError, "option level does not exist"):
        find_runtime("onnx-reference", {"level": "all"})
