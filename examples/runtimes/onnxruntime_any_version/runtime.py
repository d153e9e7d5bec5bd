"""
ONNX Runtime in whatever version the environment has, from 1.15 on.

    python -m venv old
    old/bin/pip install "onnxruntime==1.20.1" "numpy<2"
    distilspec check "exec:old/bin/python examples/runtimes/onnxruntime_any_version/runtime.py"
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python"))

import onnxruntime
from worker import serve

ERRORS_ONLY = 3


class Model:
    """The program that was loaded last."""

    def load(self, path):
        """Take the ONNX file at ``path``."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("DISTILSPEC_THREADS", "1"))
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, inputs, outputs):
        """Return the outputs of the model that have the names ``outputs``."""
        results = self._session.run(outputs, inputs)
        return {name: results[index] for index, name in enumerate(outputs)}


if __name__ == "__main__":
    model = Model()
    says = {"name": "onnxruntime", "version": onnxruntime.__version__, "program": "onnx", "threads": True}
    serve(says, load=model.load, run=model.run)
