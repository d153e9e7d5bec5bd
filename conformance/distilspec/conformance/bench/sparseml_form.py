"""The form of quantised ONNX files that SparseML exports, the only one for which DeepSparse has INT8 kernels."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

#: Scales that are known are multiplied before the file is written, with the rounding that the operator has.
_FOLDED = "Mul"


def as_sparseml(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Return a file of the form ``qoperator`` in which every factor of accumulators is one constant.

    Products of constants become constants, and MatMulInteger names the zero point of its weight, 0. Values are the same
    bit for bit; ``model`` is changed.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type == _FOLDED and all(name in constants for name in node.input):
            first, second = (numpy_helper.to_array(constants[name]) for name in node.input)
            _hold(graph, constants, node.output[0], first * second)
            continue
        if node.op_type == "MatMulInteger" and len(node.input) == 3:
            zero_point = f"{node.input[1]}/zero_point"
            if zero_point not in constants:
                _hold(graph, constants, zero_point, np.zeros((), numpy_helper.to_array(constants[node.input[1]]).dtype))
            node.input.append(zero_point)
        nodes.append(node)
    values = [value for value in graph.value_info if value.name not in constants]
    del graph.node[:]
    del graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(values)
    return model


def _hold(graph: onnx.GraphProto, constants: dict[str, onnx.TensorProto], name: str, array: np.ndarray) -> None:
    constants[name] = numpy_helper.from_array(array, name)
    graph.initializer.append(constants[name])
