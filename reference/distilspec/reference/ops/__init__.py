"""
The operators of the specification, one a file; this module is the namespace on which programs are evaluated.

>>> OPERATORS["linear"] is linear
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from distilspec.reference.contract.types import Array
from distilspec.reference.ops.absolute import absolute
from distilspec.reference.ops.add import add
from distilspec.reference.ops.asymmetric_scale import asymmetric_scale
from distilspec.reference.ops.block_magnitude_mask import block_magnitude_mask
from distilspec.reference.ops.block_sparse_linear import block_sparse_linear
from distilspec.reference.ops.cast import cast
from distilspec.reference.ops.cls_pool import cls_pool
from distilspec.reference.ops.concat import concat
from distilspec.reference.ops.dequantize import dequantize
from distilspec.reference.ops.divide import divide
from distilspec.reference.ops.dynamic_quantize import dynamic_quantize
from distilspec.reference.ops.dynamic_quantize_token import dynamic_quantize_token
from distilspec.reference.ops.embedding import embedding
from distilspec.reference.ops.equal import equal
from distilspec.reference.ops.erf import erf
from distilspec.reference.ops.exp import exp
from distilspec.reference.ops.expand import expand
from distilspec.reference.ops.gather import gather
from distilspec.reference.ops.gelu import gelu
from distilspec.reference.ops.gelu_tanh import gelu_tanh
from distilspec.reference.ops.greater import greater
from distilspec.reference.ops.l2_normalize import l2_normalize
from distilspec.reference.ops.layer_norm import layer_norm
from distilspec.reference.ops.less import less
from distilspec.reference.ops.linear import linear
from distilspec.reference.ops.logical_and import logical_and
from distilspec.reference.ops.logical_not import logical_not
from distilspec.reference.ops.logical_or import logical_or
from distilspec.reference.ops.matmul import matmul
from distilspec.reference.ops.matmul_integer import matmul_integer
from distilspec.reference.ops.maximum import maximum
from distilspec.reference.ops.mean_pool import mean_pool
from distilspec.reference.ops.mean_sigma_range import mean_sigma_range
from distilspec.reference.ops.minimum import minimum
from distilspec.reference.ops.minmax_range import minmax_range
from distilspec.reference.ops.multiply import multiply
from distilspec.reference.ops.negate import negate
from distilspec.reference.ops.pack_block_sparse import pack_block_sparse
from distilspec.reference.ops.percentile_range import percentile_range
from distilspec.reference.ops.power import power
from distilspec.reference.ops.quantize import quantize
from distilspec.reference.ops.quantized_block_sparse_linear import quantized_block_sparse_linear
from distilspec.reference.ops.quantized_linear import quantized_linear
from distilspec.reference.ops.reciprocal import reciprocal
from distilspec.reference.ops.reduce_max import reduce_max
from distilspec.reference.ops.reduce_mean import reduce_mean
from distilspec.reference.ops.reduce_min import reduce_min
from distilspec.reference.ops.reduce_sum import reduce_sum
from distilspec.reference.ops.relu import relu
from distilspec.reference.ops.reshape import reshape
from distilspec.reference.ops.scaled_dot_product_attention import scaled_dot_product_attention
from distilspec.reference.ops.sigmoid import sigmoid
from distilspec.reference.ops.silu import silu
from distilspec.reference.ops.slice import slice
from distilspec.reference.ops.softmax import softmax
from distilspec.reference.ops.sqrt import sqrt
from distilspec.reference.ops.squeeze import squeeze
from distilspec.reference.ops.subtract import subtract
from distilspec.reference.ops.symmetric_scale import symmetric_scale
from distilspec.reference.ops.tanh import tanh
from distilspec.reference.ops.transpose import transpose
from distilspec.reference.ops.unpack_block_sparse import unpack_block_sparse
from distilspec.reference.ops.unsqueeze import unsqueeze
from distilspec.reference.ops.where import where

#: Every operator by the name that programs use.
OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        operator.__name__: operator
        for operator in (
            absolute,
            add,
            asymmetric_scale,
            block_magnitude_mask,
            block_sparse_linear,
            cast,
            cls_pool,
            concat,
            dequantize,
            divide,
            dynamic_quantize,
            dynamic_quantize_token,
            embedding,
            equal,
            erf,
            exp,
            expand,
            gather,
            gelu,
            gelu_tanh,
            greater,
            l2_normalize,
            layer_norm,
            less,
            linear,
            logical_and,
            logical_not,
            logical_or,
            matmul,
            matmul_integer,
            maximum,
            mean_pool,
            mean_sigma_range,
            minimum,
            minmax_range,
            multiply,
            negate,
            pack_block_sparse,
            percentile_range,
            power,
            quantize,
            quantized_block_sparse_linear,
            quantized_linear,
            reciprocal,
            reduce_max,
            reduce_mean,
            reduce_min,
            reduce_sum,
            relu,
            reshape,
            scaled_dot_product_attention,
            sigmoid,
            silu,
            slice,
            softmax,
            sqrt,
            squeeze,
            subtract,
            symmetric_scale,
            tanh,
            transpose,
            unpack_block_sparse,
            unsqueeze,
            where,
        )
    }
)

__all__ = [
    "OPERATORS",
    "absolute",
    "add",
    "asymmetric_scale",
    "block_magnitude_mask",
    "block_sparse_linear",
    "cast",
    "cls_pool",
    "concat",
    "constant",
    "dequantize",
    "divide",
    "dynamic_quantize",
    "dynamic_quantize_token",
    "embedding",
    "equal",
    "erf",
    "exp",
    "expand",
    "gather",
    "gelu",
    "gelu_tanh",
    "greater",
    "l2_normalize",
    "layer_norm",
    "less",
    "linear",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "matmul_integer",
    "maximum",
    "mean_pool",
    "mean_sigma_range",
    "minimum",
    "minmax_range",
    "multiply",
    "negate",
    "pack_block_sparse",
    "percentile_range",
    "power",
    "quantize",
    "quantized_block_sparse_linear",
    "quantized_linear",
    "reciprocal",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_sum",
    "relu",
    "reshape",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "slice",
    "softmax",
    "sqrt",
    "squeeze",
    "subtract",
    "symmetric_scale",
    "tanh",
    "transpose",
    "unpack_block_sparse",
    "unsqueeze",
    "where",
]


def constant(array: Array) -> Array:
    """Lift a program's constant into this namespace: the reference takes arrays as they are."""
    return array
