"""
DeepSparse 1.8.0, in an environment of its own that the README beside this file makes.

    distilspec check "exec:deepsparse-env/bin/python examples/runtimes/deepsparse/runtime.py" --option timeout=600

DeepSparse uses its own kernels only where all sizes are known, so a model is compiled for every shape that comes.
"""

import os
import re
import sys
import tempfile
from collections import Counter
from itertools import chain, groupby

os.environ["NM_DISABLE_ANALYTICS"] = "1"  # it would tell its makers of every engine; read when it is imported
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python"))

import numpy as np
import onnx
from worker import serve

#: The ONNX Runtime 1.15 inside of DeepSparse reads no later version of the file format.
IR_VERSION = 8

#: Its makers say that it has no dynamic quantisation (issue 1656); what happens then is in docs/findings/0021.
RECIPES = ("fp32", "w8a8-static", "w8a32")

#: Sizes with which it is found which tensors can be shown, because a program comes without any.
BATCH, OTHER_SIZE = 8, 16

#: Layers that only copy; how many there are depends on what is shown.
MOVES_DATA = "shuffle"


class Engines:
    """
    A model, compiled for every shape that comes.

    Parameters
    ----------
    compiler : callable
        ``compiler(path)`` compiles an ONNX file into a function from a list of arrays to a list of arrays.
    layers : callable
        ``layers(path, arrays)`` returns the names of the layers that a file is compiled into.
    """

    def __init__(self, compiler, layers):
        """Have no model yet."""
        self._compiler = compiler
        self._layers = layers
        self._harmless = []

    def load(self, path):
        """Take the model at ``path``, and return the tensors that can be shown."""
        self._model = readable(onnx.load(path))
        self._compiled = {}
        self._harmless = survivors(self._model, self._layers, self._harmless)
        return self._harmless

    def run(self, inputs, outputs):
        """Return the outputs of the model that have the names ``outputs``."""
        shapes = {name: array.shape for name, array in inputs.items()}
        known = tuple(sorted(shapes.items()))
        if known not in self._compiled:
            self._compiled[known] = with_file(frozen(self._model, shapes), self._compiler)
        made = self._compiled[known](arrays(self._model, inputs))
        by_name = dict(zip((value.name for value in self._model.graph.output), made, strict=True))
        return {name: by_name[name] for name in outputs}


def readable(model):
    """Return ``model`` without imports of opsets that it does not use, some of which DeepSparse does not know."""
    used = {"", *(node.domain for node in model.graph.node)}
    imports = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    model.ir_version = IR_VERSION
    return model


def frozen(model, shapes, shown=()):
    """Return a copy in which inputs have the given shapes, and whose outputs include the tensors ``shown``."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name: value for value in copy.graph.value_info}
    copy.graph.output.extend(known[name] for name in shown)
    sizes = {}
    for value in copy.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            sizes[dimension.dim_param] = size
            dimension.dim_value = size
    for value in chain(copy.graph.output, copy.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in sizes:
                dimension.dim_value = sizes[dimension.dim_param]
    return copy


def survivors(model, layers, likely):
    """
    Return tensors that can be shown, all at once, while the layers that calculate remain the same.

    Trying costs a compilation each time, so those in ``likely`` are tried first, and are the answer if all of them can
    be shown. What DequantizeLinear makes is not among them: if it has a second reader, DeepSparse forgets its axis
    (docs/findings/0020).
    """
    outputs = {value.name for value in model.graph.output}
    made = {name for node in model.graph.node if node.op_type != "DequantizeLinear" for name in node.output} - outputs
    candidates = sorted((value.name for value in model.graph.value_info if value.name in made), key=role)
    if not candidates or (likely and outputs.issuperset(likely)):
        return []
    shapes = {value.name: default_shape(value) for value in model.graph.input}
    zeros = {value.name: np.zeros(shapes[value.name], element_type(value)) for value in model.graph.input}

    def signature(shown):
        try:
            names = with_file(frozen(model, shapes, shown), lambda path: layers(path, arrays(model, zeros)))
        except RuntimeError:  # what DeepSparse cannot run when it is shown is not shown
            return None
        return Counter(name for name in names if not name.startswith(MOVES_DATA))

    def harmless(kept, groups):
        everything = [*kept, *chain.from_iterable(groups)]
        if signature(everything) == plain:
            return everything
        if len(groups) == 1:
            return kept
        middle = len(groups) // 2
        return harmless(harmless(kept, groups[:middle]), groups[middle:])

    plain = signature(())
    if plain is None:
        return []
    first = [name for name in candidates if name in likely]
    if first and signature(first) == plain:
        return first
    return harmless([], [list(group) for _, group in groupby(candidates, key=role)])


def role(name):
    """Return what a tensor's name has in common with those of the same tensor in other layers."""
    return re.sub(r"\d+", "#", name)


def default_shape(value):
    """Return the shape of a graph's input, with a likely size wherever it has a symbol."""
    dimensions = value.type.tensor_type.shape.dim
    return tuple(d.dim_value or (OTHER_SIZE if index else BATCH) for index, d in enumerate(dimensions))


def element_type(value):
    """Return the NumPy type of a graph's input."""
    return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def arrays(model, inputs):
    """Return the inputs in the order of the graph, as DeepSparse wants them."""
    return [np.ascontiguousarray(inputs[value.name]) for value in model.graph.input]


def with_file(model, function):
    """Return what ``function`` makes of a file with ``model``, which is gone afterwards."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        return function(file.name)


def main():
    """Serve DeepSparse."""
    import deepsparse
    from deepsparse.engine import DebugAnalysisEngine

    settings = {"batch_size": None, "num_cores": int(os.environ.get("DISTILSPEC_THREADS", "1"))}

    def layers(path, inputs):
        engine = DebugAnalysisEngine(path, **settings, num_iterations=1, num_warmup_iterations=0)
        found = engine.analyze(inputs)["layer_info"]
        return [f"{re.sub('_?[0-9]+$', '', layer['name'])} {layer['canonical_name']}" for layer in found]

    engines = Engines(lambda path: deepsparse.compile_model(path, **settings).run, layers)
    capabilities = {"name": "deepsparse", "version": deepsparse.__version__, "program": "onnx", "recipes": RECIPES}
    serve({**capabilities, "expose": True, "threads": True}, load=engines.load, run=engines.run)


if __name__ == "__main__":
    main()
