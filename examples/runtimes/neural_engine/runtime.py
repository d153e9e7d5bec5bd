"""
The Neural Engine of intel-extension-for-transformers 1.4.2, in an environment of its own that the README makes.

    distilspec check "exec:neural-engine-env/bin/python examples/runtimes/neural_engine/runtime.py" \
        --option timeout=600

Its compiler is written in Python and reads an ONNX file anywhere. Its library needs a processor with AVX-512.
"""

import os
import sys
import traceback
from importlib.metadata import version

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python"))

import numpy as np
import onnx
from worker import serve

PACKAGE = "intel-extension-for-transformers"

#: The extensions of the first instruction in its library that a processor without AVX-512 refuses.
NEEDED = ("avx512f", "avx512vl")


class Engine:
    """The model that was loaded last."""

    def load(self, path):
        """Compile the model at ``path`` and start an engine for it."""
        from intel_extension_for_transformers.transformers.runtime.compile import compile as compiled

        model = onnx.load(path)
        self._renamed = remove_renaming(model.graph)
        try:
            self._graph = compiled(model)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}:{place.lineno}"
            raise RuntimeError(f"its compiler stopped at {where} with {type(error).__name__}: {error}") from error
        self._inputs = inputs_in_order(self._graph)
        print(f"{PACKAGE}: starting its library, {support()}", file=sys.stderr, flush=True)
        self._graph.engine_init()

    def run(self, inputs, outputs):
        """Return the outputs of the model that have the names ``outputs``."""
        made = self._graph.inference([narrowed(inputs[name]) for name in self._inputs])
        return {name: made[f"{self._renamed.get(name, name)}:0"] for name in outputs}


def remove_renaming(graph):
    """
    Let the outputs of ``graph`` be the tensors that they rename, and return these by the outputs' names.

    The compiler removes Identity and leaves an output without a maker.
    """
    outputs = {value.name: value for value in graph.output}
    renaming = [node for node in graph.node if node.op_type == "Identity" and node.output[0] in outputs]
    for node in renaming:
        graph.node.remove(node)
        outputs[node.output[0]].name = node.input[0]
    return {node.output[0]: node.input[0] for node in renaming}


def inputs_in_order(graph):
    """
    Return the names of the inputs of the compiled ``graph`` in the order in which its ``inference`` takes them.

    The compiler puts the token types before the mask, whatever the order in the file.
    """
    return [tensor.name.rsplit(":", 1)[0] for tensor in graph.nodes[0].output_tensors]


def narrowed(array):
    """Return integers in 32 bits, which is all that the engine takes."""
    return np.ascontiguousarray(array, np.int32) if array.dtype == np.int64 else array


def support():
    """Say whether this processor can run the library: if not, this is the last line before SIGILL."""
    with open("/proc/cpuinfo") as file:
        flags = file.read().split()
    lacking = [flag for flag in NEEDED if flag not in flags]
    return (
        f"which needs {' and '.join(lacking)}; this processor lacks them" if lacking else "on a processor with AVX-512"
    )


def main():
    """Serve the engine."""
    engine = Engine()
    capabilities = {"name": "neural-engine", "version": version(PACKAGE), "program": "onnx", "opset": 13}
    serve({**capabilities, "recipes": ["fp32"]}, load=engine.load, run=engine.run)


if __name__ == "__main__":
    main()
