"""
The reference evaluator of whatever version of onnx is in the environment, from 1.13 on.

    python -m venv old
    old/bin/pip install "onnx==1.14.1" "numpy<1.24"
    distilspec check "exec:old/bin/python examples/runtimes/onnx_reference_any_version/runtime.py 17"

The number is the opset of the files; versions before 1.16 need 17, and later ones 21.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python"))

import onnx
from onnx.reference import ReferenceEvaluator
from worker import Unsupported, serve


class Model:
    """The program that was loaded last."""

    def load(self, path):
        """Take the ONNX file at ``path``."""
        try:
            self._evaluator = ReferenceEvaluator(onnx.load(path))
        except (RuntimeError, NotImplementedError) as error:  # it has no such node in this version of it
            raise Unsupported(str(error).splitlines()[0]) from None

    def run(self, inputs, outputs):
        """Return the outputs of the model that have the names ``outputs``."""
        results = self._evaluator.run(outputs, inputs)
        return {name: results[index] for index, name in enumerate(outputs)}


if __name__ == "__main__":
    model = Model()
    says = {"name": "onnx-reference", "version": onnx.__version__, "program": "onnx", "opset": int(sys.argv[1])}
    serve(says, load=model.load, run=model.run)
