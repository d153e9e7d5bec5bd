"""
A worker that computes on the reference, or on ONNX Runtime for ONNX files.

Its arguments are the form in which it takes programs, ``show`` or ``hide`` for the tensors inside, and an operator that
is wrong, if one is.
"""

import inspect
import sys
from pathlib import Path

import numpy as np

from distilspec.conformance.runtimes.reference import Float32
from distilspec.reference import ops
from distilspec.reference.formats.saved import load_program

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "examples" / "runtimes" / "python"))

from worker import serve

KIND, TENSORS, WRONG = sys.argv[1], sys.argv[2], sys.argv[3:]


class Operators(Float32):
    """The reference's operators in float32, one of which adds a half to its first element."""

    def __getattr__(self, name):
        """Return an operator."""
        right = super().__getattr__(name)

        def wrong(*operands, **attributes):
            result = right(*operands, **attributes).copy()
            result[(0,) * result.ndim] += np.float32(0.5)
            return result

        return wrong if name in WRONG else right


OPERATORS = Operators(ops)


def apply(op, operands, attributes, outputs):
    """Apply one operator of the reference."""
    parameters = inspect.signature(ops.OPERATORS[op]).parameters.values()
    arguments = [
        operands.get(parameter.name) for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    if op == "concat":
        arguments = list(operands.values())
    attributes = {name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()}
    with np.errstate(all="ignore"):
        results = getattr(OPERATORS, op)(*arguments, **attributes)
    return dict(zip(outputs, results if isinstance(results, tuple) else (results,), strict=True))


class Loaded:
    """The program that was loaded last."""

    def load(self, path):
        """Load a program, and say which tensors survive: here those that normalise."""
        if KIND == "distilspec":
            self.program = load_program(Path(path))
            return [step.name for step in self.program.steps if step.op == "layer_norm"] if TENSORS == "show" else None
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        return None

    def run(self, inputs, outputs):
        """Run it."""
        if KIND == "onnx":
            return dict(zip(outputs, self.session.run(outputs, inputs), strict=True))
        values = self.program.run(OPERATORS, inputs, keep=outputs)
        return {name: values[name] for name in outputs}


if __name__ == "__main__":
    loaded = Loaded()
    capabilities = {"name": "whole programs", "version": "1", "program": KIND, "expose": TENSORS == "show"}
    if KIND == "none":
        capabilities["ops"] = list(ops.OPERATORS)
    serve({**capabilities, "threads": True}, apply=apply, load=loaded.load, run=loaded.run)
