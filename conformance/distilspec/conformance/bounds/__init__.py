"""
The operators as bounds: a program run on this namespace gives values with the error that float32 may have.

>>> import numpy as np
>>> total = add(np.float32([1]), np.float32([2.0**-25]))
>>> float(total.value[0]), float(total.error[0]) / 2.0**-25
(1.0000000298023224, 1.0000009536743164)
"""

from __future__ import annotations

from distilspec.conformance.bounds.absolute import absolute
from distilspec.conformance.bounds.add import add
from distilspec.conformance.bounds.ahead_of_time import (
    block_magnitude_mask,
    mean_sigma_range,
    minmax_range,
    pack_block_sparse,
    percentile_range,
    unpack_block_sparse,
)
from distilspec.conformance.bounds.asymmetric_scale import asymmetric_scale
from distilspec.conformance.bounds.block_sparse_linear import block_sparse_linear
from distilspec.conformance.bounds.bounded import Bounded, BoundedCodes, Operand, lift
from distilspec.conformance.bounds.cast import cast
from distilspec.conformance.bounds.concat import concat
from distilspec.conformance.bounds.dequantize import dequantize
from distilspec.conformance.bounds.divide import divide
from distilspec.conformance.bounds.dynamic_quantize import dynamic_quantize
from distilspec.conformance.bounds.dynamic_quantize_token import dynamic_quantize_token
from distilspec.conformance.bounds.embedding import embedding
from distilspec.conformance.bounds.equal import equal
from distilspec.conformance.bounds.erf import erf
from distilspec.conformance.bounds.exp import exp
from distilspec.conformance.bounds.gather import gather
from distilspec.conformance.bounds.gelu import gelu
from distilspec.conformance.bounds.gelu_tanh import gelu_tanh
from distilspec.conformance.bounds.greater import greater
from distilspec.conformance.bounds.l2_normalize import l2_normalize
from distilspec.conformance.bounds.layer_norm import layer_norm
from distilspec.conformance.bounds.less import less
from distilspec.conformance.bounds.linear import linear
from distilspec.conformance.bounds.logical_and import logical_and
from distilspec.conformance.bounds.logical_not import logical_not
from distilspec.conformance.bounds.logical_or import logical_or
from distilspec.conformance.bounds.matmul import matmul
from distilspec.conformance.bounds.matmul_integer import matmul_integer
from distilspec.conformance.bounds.maximum import maximum
from distilspec.conformance.bounds.mean_pool import mean_pool
from distilspec.conformance.bounds.minimum import minimum
from distilspec.conformance.bounds.multiply import multiply
from distilspec.conformance.bounds.negate import negate
from distilspec.conformance.bounds.power import power
from distilspec.conformance.bounds.quantize import quantize
from distilspec.conformance.bounds.quantized_block_sparse_linear import quantized_block_sparse_linear
from distilspec.conformance.bounds.quantized_linear import quantized_linear
from distilspec.conformance.bounds.reciprocal import reciprocal
from distilspec.conformance.bounds.reduce_max import reduce_max
from distilspec.conformance.bounds.reduce_mean import reduce_mean
from distilspec.conformance.bounds.reduce_min import reduce_min
from distilspec.conformance.bounds.reduce_sum import reduce_sum
from distilspec.conformance.bounds.relu import relu
from distilspec.conformance.bounds.scaled_dot_product_attention import scaled_dot_product_attention
from distilspec.conformance.bounds.shape import cls_pool, expand, reshape, slice, squeeze, transpose, unsqueeze
from distilspec.conformance.bounds.sigmoid import sigmoid
from distilspec.conformance.bounds.silu import silu
from distilspec.conformance.bounds.softmax import softmax
from distilspec.conformance.bounds.sqrt import sqrt
from distilspec.conformance.bounds.subtract import subtract
from distilspec.conformance.bounds.symmetric_scale import symmetric_scale
from distilspec.conformance.bounds.tanh import tanh
from distilspec.conformance.bounds.where import where
from distilspec.reference.contract.types import Array

__all__ = [
    "Bounded",
    "BoundedCodes",
    "Operand",
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


def constant(array: Array) -> Bounded:
    """Lift a constant of a program: float64 is rounded when a runtime holds it in float32."""
    return lift(array)
