"""How each ONNX node is read: one function a kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from distilspec.reference.formats.onnx_nodes import (
    attention,
    contrib,
    elementwise,
    indexing,
    layout,
    neural,
    qlinear,
    quantised,
    reduction,
    rounding,
)
from distilspec.reference.formats.onnx_nodes.node import Node

#: The domain of the operators that ONNX Runtime adds.
CONTRIB = "com.microsoft"

#: Every node that can be read, by its operator type, after its domain unless that is ONNX's own.
NODES: Mapping[str, Callable[[Node], None]] = MappingProxyType(
    dict.fromkeys(elementwise.ONE_STEP, elementwise.one_step)
    | dict.fromkeys(elementwise.PAIRWISE, elementwise.pairwise)
    | dict.fromkeys(reduction.REDUCTIONS, reduction.reduction)
    | {
        "Attention": attention.standard_attention,
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
        "Round": rounding.round_half_even,
        "Shape": layout.shape_of,
        "Slice": layout.slice_of,
        "Softmax": neural.softmax,
        "Split": layout.split,
        "Squeeze": layout.squeeze,
        "Transpose": layout.transpose,
        "Unsqueeze": layout.unsqueeze,
    }
    | {
        f"{CONTRIB}.{name}": read
        for name, read in {
            "Attention": attention.attention,
            "BiasGelu": contrib.bias_gelu,
            "DequantizeLinear": quantised.dequantize_linear,
            "DynamicQuantizeMatMul": qlinear.dynamic_quantize_matmul,
            "EmbedLayerNormalization": contrib.embed_layer_normalization,
            "FastGelu": contrib.fast_gelu,
            "FusedMatMul": contrib.fused_matmul,
            "Gelu": contrib.gelu,
            "MatMulIntegerToFloat": qlinear.matmul_integer_to_float,
            "MultiHeadAttention": attention.multi_head_attention,
            "QAttention": attention.q_attention,
            "QEmbedLayerNormalization": contrib.q_embed_layer_normalization,
            "QGemm": qlinear.q_gemm,
            "QLinearAdd": qlinear.qlinear_add,
            "QLinearConcat": qlinear.qlinear_concat,
            "QLinearMul": qlinear.qlinear_mul,
            "QLinearReduceMean": qlinear.qlinear_reduce_mean,
            "QLinearSigmoid": qlinear.qlinear_sigmoid,
            "QLinearSoftmax": qlinear.qlinear_softmax,
            "QLinearWhere": qlinear.qlinear_where,
            "QuantizeLinear": quantised.quantize_linear,
            "QuickGelu": contrib.quick_gelu,
            "SkipLayerNormalization": contrib.skip_layer_normalization,
        }.items()
    }
)

__all__ = ["CONTRIB", "NODES"]
