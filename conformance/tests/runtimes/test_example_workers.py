"""The workers of examples/runtimes for engines that need an environment of their own."""

from __future__ import annotations

import importlib.util
import os
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper

from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.check import check_model
from distilspec.conformance.replay import load_case, replay
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.reference.formats.onnx_writer import write_onnx

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "runtimes"
FLOAT = onnx.TensorProto.FLOAT


def example(name):
    """Import ``runtime.py`` of an example, which imports its engine only when it serves."""
    spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / name / "runtime.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES / "python"))
        spec.loader.exec_module(module)
    return module


def worker(name, variable):
    """Return an example as a runtime, in the interpreter that an environment variable names."""
    python = os.environ.get(variable)
    if python is None:
        pytest.skip(f"{variable} names no interpreter; examples/runtimes/{name}/README.md says how to make it")
    return find_runtime(f"exec:{shlex.quote(python)} {EXAMPLES / name / 'runtime.py'}", {"timeout": "600"})


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Let nothing of an example outlive its test: it sets a variable and a path when it is imported."""
    monkeypatch.setenv("NM_DISABLE_ANALYTICS", "1")
    monkeypatch.syspath_prepend(str(EXAMPLES / "python"))


@pytest.fixture
def deepsparse():
    """Return the worker of DeepSparse as a module."""
    return example("deepsparse")


def chain():
    """Return y = tanh(hidden), hidden = |x|, of a symbolic number of rows, with an import that nothing uses."""
    graph = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["hidden"]), helper.make_node("Tanh", ["hidden"], ["y"])],
        "chain",
        [helper.make_tensor_value_info("x", FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", FLOAT, ["batch", 2])],
        value_info=[helper.make_tensor_value_info("hidden", FLOAT, ["batch", 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 5)])


def sizes(value):
    """Return the sizes of a graph's value, a symbol by its name."""
    return [dimension.dim_value or dimension.dim_param for dimension in value.type.tensor_type.shape.dim]


class TestDeepSparse:
    """What the worker does with a model before DeepSparse sees it, and what DeepSparse makes of it."""

    def test_frozen_model_has_no_symbols(self, deepsparse):
        """Inputs, outputs and the tensor that is shown alike, in a model that ONNX's checker accepts."""
        frozen = deepsparse.frozen(chain(), {"x": (3, 2)}, ["hidden"])
        onnx.checker.check_model(frozen, full_check=True)
        graph = frozen.graph
        assert [sizes(value) for value in (*graph.input, *graph.output, *graph.value_info)] == [[3, 2]] * 4
        assert [value.name for value in graph.output] == ["y", "hidden"]

    def test_frozen_leaves_the_model_as_it_is(self, deepsparse):
        """The next shape starts from the same model."""
        model = chain()
        deepsparse.frozen(model, {"x": (3, 2)})
        assert model == chain()

    def test_readable_drops_imports_that_nothing_uses(self, deepsparse):
        """The opset ``ai.onnx.ml`` goes, and the version of the format is one that DeepSparse reads."""
        readable = deepsparse.readable(chain())
        assert [opset.domain for opset in readable.opset_import] == [""]
        assert readable.ir_version == 8

    def test_a_model_is_compiled_once_for_every_shape(self, deepsparse, tmp_path):
        """A shape that came before costs no second compilation."""
        compiled = []

        def compiler(path):
            compiled.append(sizes(onnx.load(path).graph.input[0]))
            return lambda arrays: [np.tanh(np.abs(arrays[0]))]

        onnx.save(chain(), tmp_path / "model.onnx")
        engines = deepsparse.Engines(compiler, lambda *_: [])
        engines.load(tmp_path / "model.onnx")
        for rows in (3, 1, 3):
            x = np.full((rows, 2), -1, np.float32)
            assert engines.run({"x": x}, ["y"])["y"].tolist() == np.tanh(np.abs(x)).tolist()
        assert compiled == [[3, 2], [1, 2]]

    def test_shows_what_leaves_the_layers_as_they_are(self, deepsparse):
        """A tensor of two is shown; layers that only copy do not count, and neither does one that fails."""
        program = model_subject("random-distilbert-0").program
        model = deepsparse.readable(write_onnx(program))
        harmful, failing = "transformer.layer.0.ffn.gelu", "transformer.layer.1.sa_layer_norm"

        def layers(path, _):
            shown = {value.name for value in onnx.load(path).graph.output}
            if failing in shown:
                raise RuntimeError("cannot")
            return ["pyramid", *["gelu"] * (harmful in shown), *["shuffle"] * len(shown)]

        names = {name.replace("1", "0") for name in deepsparse.survivors(model, layers, [])}
        shown = {name.replace("1", "0") for name in program.tensors} - set(program.outputs)
        assert shown - names == {harmful, failing.replace("1", "0")}

    def test_what_was_harmless_before_is_tried_first(self, deepsparse):
        """One attempt is enough when the answer of the last model fits."""
        tried = []

        def layers(path, _):
            tried.append([value.name for value in onnx.load(path).graph.output])
            return ["pyramid"]

        assert deepsparse.survivors(chain(), layers, ["hidden"]) == ["hidden"]
        assert tried == [["y"], ["y", "hidden"]]

    def test_nothing_more_is_looked_for_in_a_model_that_shows_it(self, deepsparse):
        """The host's second file, in which the tensors are outputs, is compiled without a search."""
        shown = deepsparse.frozen(chain(), {"x": (3, 2)}, ["hidden"])
        assert deepsparse.survivors(shown, pytest.fail, ["hidden"]) == []

    @pytest.mark.slow
    def test_float32_conforms(self):
        """Every segment between tensors that DeepSparse shows stays in its bound."""
        runtime = worker("deepsparse", "DISTILSPEC_DEEPSPARSE_PYTHON")
        try:
            results = check_model(runtime, model_subject("random-distilbert-0"))
        finally:
            runtime.close()
        assert {result.state for result in results} == {State.PASS}
        assert any("ffn.add" in result.id for result in results)

    @pytest.mark.slow
    @pytest.mark.parametrize("finding", ["0020", "0021"])
    def test_finding_is_reproduced(self, finding):
        """The replay file fails as the finding says."""
        case = load_case(ROOT / "docs" / "findings" / "replays" / finding / "case.json")
        runtime = worker("deepsparse", "DISTILSPEC_DEEPSPARSE_PYTHON")
        try:
            assert replay(case, runtime).state is State.FAIL
        finally:
            runtime.close()


class TestNeuralEngine:
    """What the worker does with a model before the engine sees it, and where its compiler stops."""

    def test_an_output_is_the_tensor_that_it_renames(self):
        """Identity before an output goes, because the compiler would leave the output without a maker."""
        model = write_onnx(model_subject("random-distilbert-0").program, opset=13)
        before = len(model.graph.node)
        renamed = example("neural_engine").remove_renaming(model.graph)
        assert renamed == {"last_hidden_state": "transformer.layer.1.output_layer_norm"}
        assert [value.name for value in model.graph.output] == list(renamed.values())
        assert len(model.graph.node) == before - 1
        onnx.checker.check_model(model, full_check=True)

    def test_inputs_are_given_in_the_order_of_the_compiled_graph(self):
        """Its first node has them as its outputs, under names with the number of the output."""
        names = [SimpleNamespace(name=name) for name in ("input_ids:0", "token_type_ids:0", "attention_mask:0")]
        graph = SimpleNamespace(nodes=[SimpleNamespace(output_tensors=names), SimpleNamespace(output_tensors=[])])

        found = example("neural_engine").inputs_in_order(graph)
        assert found == ["input_ids", "token_type_ids", "attention_mask"]

    def test_integers_are_given_in_32_bits(self):
        """Floats stay as they are."""
        narrowed = example("neural_engine").narrowed
        assert narrowed(np.array([1, 2], np.int64)).dtype == np.int32
        assert narrowed(np.array([1, 2], np.float32)).dtype == np.float32

    @pytest.mark.slow
    def test_a_width_that_its_compiler_does_not_know_is_an_error(self):
        """The compiler runs on any processor, and the answer says where it stopped."""
        runtime = worker("neural_engine", "DISTILSPEC_NEURAL_ENGINE_PYTHON")
        try:
            (result,) = check_model(runtime, model_subject("random-distilbert-0"))
        finally:
            runtime.close()
        assert result.state is State.ERROR
        assert "padding_sequence.py" in result.judgement.detail
        assert "KeyError: 24" in result.judgement.detail
