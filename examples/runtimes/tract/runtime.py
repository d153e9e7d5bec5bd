"""
tract, the inference engine of Sonos in Rust, from version 0.23 on.

    python -m venv tract-env
    tract-env/bin/pip install tract==0.23.9 onnx
    distilspec check "exec:tract-env/bin/python examples/runtimes/tract/runtime.py"
"""

import os
import sys
import tempfile
from importlib.metadata import version

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python"))

import onnx
import tract
from worker import serve

#: tract's own names of element types.
TYPES = {"float32": "f32", "int64": "i64", "int32": "i32", "int8": "i8", "uint8": "u8", "bool": "bool"}

#: One scale a token is missing: tract wants the scale of QuantizeLinear to be constant, and stops at any other.
RECIPES = ("fp32", "w8a8-static", "w8a8-dynamic", "w8a32")


class Model:
    """The program that was loaded last; tract compiles it for the sizes of its inputs."""

    def load(self, path):
        """
        Take the ONNX file at ``path``.

        The sizes that it states are forgotten: tract calls a symbol and the number that comes for it a contradiction.
        """
        model = onnx.load(path)
        del model.graph.value_info[:]
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        self._bytes = model.SerializeToString()

    def run(self, inputs, outputs):
        """Return the outputs of the model that have the names ``outputs``."""
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            file.write(self._bytes)
            file.flush()
            model = tract.onnx().load(file.name)
        names = [model.input_name(index) for index in range(model.input_count())]
        for index, name in enumerate(names):
            sizes = ",".join([*map(str, inputs[name].shape), TYPES[inputs[name].dtype.name]])
            model.set_input_fact(index, sizes)
        made = [model.output_name(index) for index in range(model.output_count())]
        results = model.into_model().into_runnable().run([inputs[name] for name in names])
        return {name: results[made.index(name)].to_numpy() for name in outputs}


if __name__ == "__main__":
    model = Model()
    says = {"name": "tract", "version": version("tract"), "program": "onnx", "recipes": RECIPES}
    serve(says, load=model.load, run=model.run)
