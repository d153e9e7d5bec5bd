"""
The operators of the specification by the kernels of the fast engine, one at a time, on ordinary arrays.

Each has the name, the parameters and the checks of the specification's. They are for judging the kernels, and slow:
what they take and give is put into the layouts of the kernels and out of them again, in one thread.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from distilspec.fast.operators.add import add
from distilspec.fast.operators.block_sparse_linear import block_sparse_linear
from distilspec.fast.operators.cls_pool import cls_pool
from distilspec.fast.operators.dequantize import dequantize
from distilspec.fast.operators.dynamic_quantize import dynamic_quantize
from distilspec.fast.operators.dynamic_quantize_token import dynamic_quantize_token
from distilspec.fast.operators.embedding import embedding
from distilspec.fast.operators.gelu import gelu
from distilspec.fast.operators.gelu_tanh import gelu_tanh
from distilspec.fast.operators.l2_normalize import l2_normalize
from distilspec.fast.operators.layer_norm import layer_norm
from distilspec.fast.operators.linear import linear
from distilspec.fast.operators.matmul_integer import matmul_integer
from distilspec.fast.operators.mean_pool import mean_pool
from distilspec.fast.operators.multiply import multiply
from distilspec.fast.operators.quantize import quantize
from distilspec.fast.operators.quantized_block_sparse_linear import quantized_block_sparse_linear
from distilspec.fast.operators.quantized_linear import quantized_linear
from distilspec.fast.operators.relu import relu
from distilspec.fast.operators.scaled_dot_product_attention import scaled_dot_product_attention
from distilspec.fast.operators.sigmoid import sigmoid
from distilspec.fast.operators.silu import silu
from distilspec.fast.operators.tanh import tanh
from distilspec.reference.contract.types import Array

#: Every operator that has a kernel, by its name.
OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        operator.__name__: operator
        for operator in (
            add,
            block_sparse_linear,
            cls_pool,
            dequantize,
            dynamic_quantize,
            dynamic_quantize_token,
            embedding,
            gelu,
            gelu_tanh,
            l2_normalize,
            layer_norm,
            linear,
            matmul_integer,
            mean_pool,
            multiply,
            quantize,
            quantized_block_sparse_linear,
            quantized_linear,
            relu,
            scaled_dot_product_attention,
            sigmoid,
            silu,
            tanh,
        )
    }
)

__all__ = [
    "OPERATORS",
    "add",
    "block_sparse_linear",
    "cls_pool",
    "constant",
    "dequantize",
    "dynamic_quantize",
    "dynamic_quantize_token",
    "embedding",
    "gelu",
    "gelu_tanh",
    "l2_normalize",
    "layer_norm",
    "linear",
    "matmul_integer",
    "mean_pool",
    "multiply",
    "quantize",
    "quantized_block_sparse_linear",
    "quantized_linear",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "tanh",
]


def constant(array: Array) -> Array:
    """Return a program's constant as the operators take it."""
    return array
