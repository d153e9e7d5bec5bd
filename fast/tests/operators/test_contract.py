"""What single operators refuse: what the reference refuses, by the same clause, and what the kernels do not have."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.fast import operators as fast
from distilspec.reference import ops as reference
from distilspec.reference.contract.errors import ContractError, UnsupportedError

X, HALF, TABLE, INTEGERS = np.ones((3, 4)), np.float16([[1]]), np.ones((5, 4)), np.ones((3, 4), np.int64)
ONE, ZERO = np.ones((), np.float32), np.zeros((), np.uint8)
CODES, WEIGHT, SCALES = np.ones((3, 4), np.uint8), np.ones((2, 4), np.int8), np.ones(2, np.float32)
QUANTIZED = CODES, ONE, ZERO, WEIGHT, SCALES
BLOCKS = np.ones((1, 2, 1)), np.int32([0]), np.int32([0, 1])
BYTES = BLOCKS[0].astype(np.int8), *BLOCKS[1:]
SPARSE = CODES, ONE, ZERO, *BYTES, SCALES
HEADS, HIDDEN = np.ones((2, 3, 4)), np.ones((2, 3, 4))
MASK = np.ones((2, 3), np.bool_)
LONG = np.ones((1, 33026), np.uint8)


def but(operands, place, other):
    """Return operands with another one at a place."""
    return (*operands[:place], other, *operands[place + 1 :])


CALLS = [
    *((name, (INTEGERS,), {}) for name in ("gelu", "gelu_tanh", "relu", "sigmoid", "silu", "tanh")),
    *((name, operands, {}) for name in ("add", "multiply") for operands in ((X, INTEGERS), (HALF, HALF), (X, X[:2]))),
    ("linear", (INTEGERS, TABLE), {}),
    ("linear", (np.ones(()), TABLE), {}),
    ("linear", (X, TABLE[:, 1:]), {}),
    ("linear", (X, TABLE, np.ones(4)), {}),
    ("block_sparse_linear", (INTEGERS, *BLOCKS), {}),
    ("block_sparse_linear", (np.ones(()), *BLOCKS), {}),
    ("block_sparse_linear", (X, BLOCKS[0], np.int32([0, 1]), BLOCKS[2]), {}),
    ("block_sparse_linear", (X, BLOCKS[0], np.int32([4]), BLOCKS[2]), {}),
    ("block_sparse_linear", (X, *BLOCKS, np.ones(3)), {}),
    ("quantized_linear", but(QUANTIZED, 0, X), {}),
    ("quantized_linear", but(QUANTIZED, 1, np.zeros((), np.float32)), {}),
    ("quantized_linear", but(QUANTIZED, 1, np.ones(3, np.float32)), {}),
    ("quantized_linear", but(QUANTIZED, 2, np.zeros((), np.int8)), {}),
    ("quantized_linear", but(QUANTIZED, 2, np.zeros(3, np.uint8)), {}),
    ("quantized_linear", but(QUANTIZED, 3, WEIGHT[:, 1:]), {}),
    ("quantized_linear", but(QUANTIZED, 3, CODES[:2]), {}),
    ("quantized_linear", but(QUANTIZED, 4, SCALES[:1]), {}),
    ("quantized_linear", but(QUANTIZED, 4, -SCALES), {}),
    ("quantized_linear", (*QUANTIZED, np.ones(3)), {}),
    ("quantized_linear", (*QUANTIZED, np.ones(2, np.int32)), {}),
    ("quantized_linear", (*QUANTIZED, None, ONE), {}),
    ("quantized_linear", (*QUANTIZED, None, ONE, np.zeros((), np.int32)), {}),
    ("quantized_linear", (*QUANTIZED, None, SCALES, ZERO), {}),
    ("quantized_linear", (*QUANTIZED, None, -ONE, ZERO), {}),
    ("quantized_linear", (LONG, ONE, ZERO, LONG.astype(np.int8), SCALES[:1]), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 0, X), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 0, ZERO), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 3, BLOCKS[0]), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 4, np.int32([-1])), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 5, np.int32([0, 2])), {}),
    ("quantized_block_sparse_linear", but(SPARSE, 6, SCALES[:1]), {}),
    ("matmul_integer", (X, CODES.T), {}),
    ("matmul_integer", (CODES, CODES.T, np.zeros((), np.int8)), {}),
    ("matmul_integer", (CODES, CODES), {}),
    ("matmul_integer", (CODES, CODES[0]), {}),
    ("matmul_integer", (ZERO, CODES), {}),
    ("matmul_integer", (LONG, LONG.T), {}),
    ("matmul_integer", (CODES, CODES.T, CODES), {}),
    ("matmul_integer", (CODES, CODES.T, None, CODES.T), {}),
    ("quantize", (INTEGERS, ONE, ZERO), {}),
    ("quantize", (X, ONE, np.zeros((), np.int16)), {}),
    ("quantize", (X, np.float32(np.inf), ZERO), {}),
    ("quantize", (X, np.float64(1), ZERO), {}),
    ("quantize", (X, np.ones(3, np.float32), ZERO), {}),
    ("quantize", (X, ONE, CODES[np.newaxis]), {}),
    ("quantize", (X, np.ones(4, np.float32), CODES[0]), {"axis": 2}),
    ("quantize", (X, np.ones(4, np.float32), CODES[0]), {"axis": 0}),
    ("quantize", (X, np.ones(4, np.float32), ZERO), {"axis": 1}),
    ("dequantize", (X, ONE, ZERO), {}),
    ("dequantize", (CODES, -ONE, ZERO), {}),
    ("dequantize", (CODES, ONE, np.zeros((), np.int8)), {}),
    ("dequantize", (CODES, np.ones(3, np.float32)), {}),
    ("dequantize", (CODES, np.ones(4, np.float32)), {"axis": 0}),
    ("dequantize", (CODES, np.ones(4, np.float32)), {"axis": -3}),
    ("dynamic_quantize", (INTEGERS,), {}),
    ("dynamic_quantize", (np.float32([1, np.nan]),), {}),
    ("dynamic_quantize", (np.float64([1e300]),), {}),
    ("dynamic_quantize", (np.float32([3e38, -3e38]),), {}),
    ("dynamic_quantize_token", (INTEGERS,), {}),
    ("dynamic_quantize_token", (np.ones(()),), {}),
    ("dynamic_quantize_token", (np.float32([[np.inf]]),), {}),
    ("layer_norm", (INTEGERS, X[0], X[0]), {"epsilon": 0.1}),
    ("layer_norm", (np.ones(()), X[0], X[0]), {"epsilon": 0.1}),
    ("layer_norm", (X[:, :0], X[0, :0], X[0, :0]), {"epsilon": 0.1}),
    ("layer_norm", (X, X[0, 1:], X[0]), {"epsilon": 0.1}),
    ("layer_norm", (X, X[0], X), {"epsilon": 0.1}),
    ("layer_norm", (X, X[0], X[0]), {"epsilon": -0.1}),
    ("l2_normalize", (INTEGERS,), {}),
    ("l2_normalize", (X,), {"axis": 2}),
    ("l2_normalize", (X,), {"epsilon": 0.0}),
    ("mean_pool", (INTEGERS, MASK), {}),
    ("mean_pool", (X, MASK), {}),
    ("mean_pool", (HIDDEN, MASK[:, 1:]), {}),
    ("mean_pool", (HIDDEN, MASK.astype(np.int64)), {}),
    ("cls_pool", (INTEGERS,), {}),
    ("cls_pool", (X,), {}),
    ("cls_pool", (HIDDEN[:, :0],), {}),
    ("embedding", (X, TABLE), {}),
    ("embedding", (INTEGERS, INTEGERS), {}),
    ("embedding", (INTEGERS, TABLE[0]), {}),
    ("embedding", (INTEGERS * 5, TABLE), {}),
    ("embedding", (-INTEGERS, TABLE), {}),
    ("scaled_dot_product_attention", (INTEGERS, HEADS, HEADS), {"scale": 1.0}),
    ("scaled_dot_product_attention", (X[0], X[0], X[0]), {"scale": 1.0}),
    ("scaled_dot_product_attention", (HEADS, HEADS[:1], HEADS), {"scale": 1.0}),
    ("scaled_dot_product_attention", (HEADS, HEADS, HEADS[:, 1:]), {"scale": 1.0}),
    ("scaled_dot_product_attention", (HEADS, HEADS, HEADS, INTEGERS), {"scale": 1.0}),
    ("scaled_dot_product_attention", (HEADS, HEADS, HEADS, MASK), {"scale": 1.0}),
    ("scaled_dot_product_attention", (HEADS, HEADS, HEADS), {"scale": np.nan}),
]


def refusal(operators, name, operands, attributes):
    """Return the type of the error and its message, which ends with a clause."""
    with pytest.raises(ContractError, match=r"expected .* because .* \[[A-Z0-9]+-C[0-9]+\]$") as caught:
        getattr(operators, name)(*operands, **attributes)
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(("name", "operands", "attributes"), CALLS)
def test_a_bad_operand_is_refused_in_the_words_of_the_reference(name, operands, attributes):
    """The same error, for the same reason, by the same clause."""
    assert refusal(fast, name, operands, attributes) == refusal(reference, name, operands, attributes)


def test_every_operator_refuses_something():
    """The table above forgets none."""
    assert {name for name, _, _ in CALLS} == set(fast.OPERATORS)


@pytest.mark.parametrize("name", ["add", "multiply"])
def test_integers_are_not_supported(name):
    """The specification has them, the kernels do not."""
    with pytest.raises(UnsupportedError, match=f"{name}: a has dtype int64; expected floats"):
        getattr(fast, name)(INTEGERS, INTEGERS)
