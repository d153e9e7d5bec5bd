"""ONNX Runtime on the CPU, on written programs and on a user's own file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import onnx
import onnxruntime

from distilspec.conformance.runtimes.adapter import Executable, Runtime, expect_known, expect_option
from distilspec.conformance.runtimes.onnx_source import OnnxSource, UserOnnx, WrittenOnnx
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_forms import FORMS
from distilspec.reference.formats.onnx_forms.graph import QUANTISED_FORMS
from distilspec.reference.program import Program

LEVELS = {
    "disable": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}

#: What a user gets who sets nothing, except that one thread makes a run repeatable.
DEFAULTS = {"level": "all", "opset": "17", "form": "qdq", "threads": "1"}

#: Options with this prefix are ONNX Runtime's own session configuration entries and are passed on as they are.
#: ``session.x64quantprecision=1`` keeps u8 x s8 products exact on processors without VNNI.
PASSED_ON = "session."

_ERRORS_ONLY = 3

Signature = list[tuple[str, str, tuple[str, ...], tuple[str, ...], bytes]]


class OnnxRuntime(Runtime):
    """
    Runs programs in ONNX Runtime's CPU execution provider.

    Options: ``level`` (disable, basic, extended, all), ``opset``, ``form`` (qdq, qoperator), ``threads``, and any
    ``session.*`` entry. A user's file has an opset and a form of its own.
    """

    name = "onnxruntime"
    version = onnxruntime.__version__
    recipes = MappingProxyType(
        {
            Recipe.FP32: "float nodes",
            Recipe.W8A8_STATIC: "DequantizeLinear and MatMul, or MatMulInteger and QLinearMatMul (form=qoperator)",
            Recipe.W7A8_STATIC: "the same, with weights in [-64, 64], as of reduce_range",
            Recipe.W8A8_STATIC_ATTN: "as w8a8-static, and MatMulInteger of codes of attention",
            Recipe.W8A8_DYNAMIC: "DynamicQuantizeLinear and MatMulInteger",
            Recipe.W8A8_DYNAMIC_TOKEN: "QuantizeLinear on an axis and MatMulInteger",
            Recipe.W8A32: "DequantizeLinear of weights",
        }
    )

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        own = {key: value for key, value in options.items() if not key.startswith(PASSED_ON)}
        expect_known(self.name, own, tuple(DEFAULTS))
        self.options = {**DEFAULTS, **options}
        expect_option(self.name, "level", self.options["level"], tuple(LEVELS))
        expect_option(self.name, "form", self.options["form"], QUANTISED_FORMS)
        for key in ("opset", "threads"):
            if not self.options[key].isdecimal():
                raise RangeError(f"runtime {self.name}: option {key} is {self.options[key]!r}; expected a number")

    def supports(self, op: str) -> bool:
        """Return whether the operator has an ONNX form."""
        return op in FORMS

    def load(self, program: Program) -> Executable:
        """Write the program as ONNX and load it."""
        source = WrittenOnnx(program, int(self.options["opset"]), self.options["form"])
        return OnnxExecutable(source, self.options)

    def load_onnx(self, path: Path, program: Program) -> Executable:
        """Load the user's file."""
        return OnnxExecutable(UserOnnx(path, program), self.options)

    def with_threads(self, threads: int) -> OnnxRuntime:
        """Return ONNX Runtime with another number of threads within an operator."""
        return OnnxRuntime({**self.options, "threads": str(threads)})


class OnnxExecutable(Executable):
    """
    One session for the model as it is, and one with tensors shown.

    A tensor survives if the graph that ONNX Runtime made of the model still has it, and if the graph that it makes
    when the tensor is an output is the same graph, node for node.
    """

    def __init__(self, source: OnnxSource, options: Mapping[str, str]) -> None:
        """Load the model of ``source``."""
        self._source = source
        self._options = options
        self._plain = self._load()
        self._exposed: tuple[tuple[str, ...], onnxruntime.InferenceSession] = ((), self._plain)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the session in which nothing is shown."""
        return self._run(self._plain, inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors that ONNX Runtime's graph keeps, without those whose showing changes it."""
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Run a session in which ``expose`` are outputs; the last such session is kept."""
        labels = {tensor: label for label, tensor in self._source.program.outputs.items()}
        shown = tuple(name for name in expose if name not in labels)
        if self._exposed[0] != shown:
            self._exposed = (shown, self._load(shown))
        values = self._run(self._exposed[1], inputs, shown)
        return values | {name: values[labels[name]] for name in expose if name in labels}

    @cached_property
    def _survivors(self) -> tuple[str, ...]:
        program, tensors = self._source.program, self._source.tensors
        outputs = set(program.outputs.values())
        plain = self._optimised(())
        made = {output for _, _, _, made_here, _ in plain for output in made_here}
        makers = {output: step.op for step in program.steps for output in step.outputs}
        groups: dict[str, list[str]] = {}
        for name, in_graph in tensors.items():
            if in_graph in made and name not in outputs:
                groups.setdefault(makers[name], []).append(name)
        kept = outputs.union(self._harmless([], [groups[op] for op in sorted(groups)], plain))
        return tuple(name for name in program.tensors if name in kept)

    def _harmless(self, kept: list[str], groups: Sequence[list[str]], plain: Signature) -> list[str]:
        """Return ``kept`` and the groups, one an operator, without those that change the graph when they are shown."""
        everything = [*kept, *chain.from_iterable(groups)]
        if self._optimised(everything) == plain:
            return everything
        if len(groups) <= 1:
            return kept
        middle = len(groups) // 2
        return self._harmless(self._harmless(kept, groups[:middle], plain), groups[middle:], plain)

    def _optimised(self, expose: Sequence[str]) -> Signature:
        with tempfile.TemporaryDirectory(prefix="distilspec-") as folder:
            path = Path(folder) / "optimised.onnx"
            self._load(expose, path)
            nodes = onnx.load(path, load_external_data=False).graph.node
        return [(node.domain, node.op_type, tuple(node.input), tuple(node.output), _attributes(node)) for node in nodes]

    def _load(self, expose: Sequence[str] = (), save: Path | None = None) -> onnxruntime.InferenceSession:
        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = LEVELS[self._options["level"]]
        settings.intra_op_num_threads = int(self._options["threads"])
        settings.log_severity_level = _ERRORS_ONLY
        for key, value in self._options.items():
            if key.startswith(PASSED_ON):
                settings.add_session_config_entry(key, value)
        if save is not None:
            settings.optimized_model_filepath = str(save)
        model = self._source.model(expose).SerializeToString()
        return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])

    def _run(
        self, session: onnxruntime.InferenceSession, inputs: Mapping[str, Array], shown: Sequence[str]
    ) -> dict[str, Array]:
        made = session.run(self._source.names(shown), self._source.feeds(inputs))
        return self._source.values(made, shown)


def _attributes(node: onnx.NodeProto) -> bytes:
    return b"".join(sorted(attribute.SerializeToString() for attribute in node.attribute))


create = OnnxRuntime
