"""Small operands for every float operator that rounds, for searches that vary their values."""

from __future__ import annotations

import numpy as np

#: Shapes of the float32 operands, other operands, and attributes.
PROBLEMS = {
    "add": ([(4,), (4,)], (), {}),
    "subtract": ([(4,), (4,)], (), {}),
    "multiply": ([(4,), (4,)], (), {}),
    "divide": ([(4,), (4,)], (), {}),
    "reciprocal": ([(4,)], (), {}),
    "sqrt": ([(4,)], (), {}),
    "power": ([(4,)], (np.float32([2, 3, 0.5, -1]),), {}),
    "exp": ([(4,)], (), {}),
    "erf": ([(4,)], (), {}),
    "tanh": ([(4,)], (), {}),
    "sigmoid": ([(4,)], (), {}),
    "silu": ([(4,)], (), {}),
    "gelu": ([(4,)], (), {}),
    "gelu_tanh": ([(4,)], (), {}),
    "linear": ([(1, 12), (2, 12), (2,)], (), {}),
    "matmul": ([(2, 12), (12, 2)], (), {}),
    "reduce_sum": ([(2, 12)], (), {"axes": (1,)}),
    "reduce_mean": ([(2, 12)], (), {"axes": (1,)}),
    "mean_pool": ([(2, 12, 2)], (np.arange(12) < np.array([[12], [7]]),), {}),
    "l2_normalize": ([(2, 12)], (), {}),
    "layer_norm": ([(2, 12), (12,), (12,)], (), {"epsilon": 1e-12}),
    "softmax": ([(2, 12)], (), {}),
    "scaled_dot_product_attention": ([(1, 6), (5, 6), (5, 2)], (np.arange(5) < 4,), {"scale": 0.37}),
}
