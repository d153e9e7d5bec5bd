"""The reference evaluator of the ONNX project, on written programs and on a user's own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Runtime,
    expect_known,
    expect_number,
    expect_option,
    expect_version,
)
from distilspec.conformance.runtimes.onnx_source import OnnxSource, UserOnnx, WrittenOnnx
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_forms import FORMS
from distilspec.reference.formats.onnx_forms.graph import QUANTISED_FORMS
from distilspec.reference.program import Program

#: The evaluator has no DequantizeLinear before opset 19. Node by node, the form qdq multiplies real numbers in float32.
DEFAULTS = {"opset": "21", "form": "qoperator"}

AS_WRITTEN = "every node as it is written"


class OnnxReferenceRuntime(Runtime):
    """
    Runs programs node by node in ``onnx.reference.ReferenceEvaluator``.

    Options: ``opset`` and ``form`` (qoperator, qdq), in which a program is written. A user's file has its own.
    """

    name = "onnx-reference"
    version = onnx.__version__

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        expect_version(self.name, self.version, "1.17")
        expect_known(self.name, options, tuple(DEFAULTS))
        self.options = {**DEFAULTS, **options}
        expect_number(self.name, "opset", self.options["opset"])
        form = expect_option(self.name, "form", self.options["form"], QUANTISED_FORMS)
        recipes = dict.fromkeys(Recipe, AS_WRITTEN)
        if form == "qdq":
            recipes = {recipe: mode for recipe, mode in recipes.items() if not recipe.is_calibrated}
        self.recipes = recipes

    def supports(self, op: str) -> bool:
        """Return whether the operator has an ONNX form."""
        return op in FORMS

    def load(self, program: Program) -> Executable:
        """Write the program as ONNX and prepare it."""
        return OnnxReferenceExecutable(WrittenOnnx(program, int(self.options["opset"]), self.options["form"]))

    def load_onnx(self, path: Path, program: Program) -> Executable:
        """Prepare the user's file."""
        return OnnxReferenceExecutable(UserOnnx(path, program))


class OnnxReferenceExecutable(Executable):
    """Evaluates the graph as it is, so every tensor that a node makes can be shown."""

    def __init__(self, source: OnnxSource) -> None:
        """
        Prepare the model of ``source``.

        Raises
        ------
        UnsupportedError
            The evaluator lacks a node in the version of the model's opset.
        """
        self._source = source
        try:
            self._evaluator = ReferenceEvaluator(source.model())
        except RuntimeError as error:
            raise UnsupportedError(f"runtime onnx-reference: {str(error).splitlines()[0]}") from None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return every tensor of the program that a node makes."""
        return tuple(self._source.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``; the evaluator gives any tensor of the graph by its name."""
        with np.errstate(all="ignore"):
            made = self._evaluator.run(self._source.names(expose), self._source.feeds(inputs))
        return self._source.values([np.asarray(array) for array in made], expose)


create = OnnxReferenceRuntime
