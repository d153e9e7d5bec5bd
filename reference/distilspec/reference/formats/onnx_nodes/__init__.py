"""How each ONNX node is read: one function a kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from distilspec.reference.formats.onnx_nodes import elementwise, indexing, layout, neural, quantised, reduction
from distilspec.reference.formats.onnx_nodes.node import Node

#: Every node that can be read, by its operator type in ONNX.
NODES: Mapping[str, Callable[[Node], None]] = MappingProxyType(
    dict.fromkeys(elementwise.ONE_STEP, elementwise.one_step)
    | dict.fromkeys(elementwise.PAIRWISE, elementwise.pairwise)
    | dict.fromkeys(reduction.REDUCTIONS, reduction.reduction)
    | {
        "Cast": elementwise.cast,
        "Clip": elementwise.clip,
        "Concat": layout.concat,
        "Constant": layout.constant,
        "ConstantOfShape": layout.constant_of_shape,
        "DequantizeLinear": quantised.dequantize_linear,
        "Dropout": elementwise.same,
        "DynamicQuantizeLinear": quantised.dynamic_quantize_linear,
        "Expand": layout.expand,
        "Flatten": layout.flatten,
        "Gather": indexing.gather,
        "GatherND": indexing.gather_nd,
        "Gelu": elementwise.gelu,
        "Gemm": neural.gemm,
        "GreaterOrEqual": elementwise.or_equal,
        "Identity": elementwise.same,
        "IsNaN": elementwise.is_nan,
        "LayerNormalization": neural.layer_normalization,
        "LessOrEqual": elementwise.or_equal,
        "MatMulInteger": quantised.matmul_integer,
        "Pow": elementwise.power,
        "QLinearMatMul": quantised.qlinear_matmul,
        "QuantizeLinear": quantised.quantize_linear,
        "Range": layout.range_of,
        "Reshape": layout.reshape,
        "Shape": layout.shape_of,
        "Slice": layout.slice_of,
        "Softmax": neural.softmax,
        "Split": layout.split,
        "Squeeze": layout.squeeze,
        "Transpose": layout.transpose,
        "Unsqueeze": layout.unsqueeze,
    }
)

__all__ = ["NODES"]
