"""
A runtime in NumPy that calculates in float32, as an example of ``worker.py``.

    distilspec check "exec:python numpy_runtime.py"
"""

import numpy as np
from worker import serve


def add(a, b):
    """Return the sum; integers stay integers."""
    return a + b


def relu(x):
    """Return the larger of each element and 0."""
    return np.maximum(x, 0)


def linear(x, weight, bias=None):
    """Multiply by a transposed weight and add a bias."""
    y = x @ weight.T
    return y if bias is None else y + bias


def softmax(x, mask=None, *, axis):
    """Return exponentials that sum to 1 over the kept entries; a row without any is 0."""
    kept = np.broadcast_to(True if mask is None else mask, x.shape)
    largest = np.max(x, axis=axis, keepdims=True, where=kept, initial=-np.inf)
    e = np.exp(np.where(kept, x - largest, -np.inf))
    return np.divide(e, e.sum(axis=axis, keepdims=True), out=np.zeros_like(x), where=kept)


def layer_norm(x, weight, bias, *, epsilon):
    """Give the last axis mean 0 and variance 1, then scale and shift it."""
    d = x - x.mean(axis=-1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + np.float32(epsilon)) * weight + bias


def quantize(x, scale, zero_point, *, axis):
    """Divide, round half to even, add the zero point, saturate."""
    limits = np.iinfo(zero_point.dtype)
    codes = np.rint(x / along(scale, axis, x.ndim)) + along(zero_point, axis, x.ndim)
    return np.clip(np.nan_to_num(codes, posinf=np.inf, neginf=-np.inf), limits.min, limits.max).astype(zero_point.dtype)


def dequantize(codes, scale, zero_point=None, *, axis):
    """Subtract the zero point and multiply by the scale."""
    zero = 0 if zero_point is None else along(zero_point, axis, codes.ndim).astype(np.int64)
    return ((codes - zero) * along(scale, axis, codes.ndim).astype(np.float64)).astype(np.float32)


def dynamic_quantize(x):
    """Return codes over the range of the values, with their scale and zero point."""
    low, high = x.min(initial=0), x.max(initial=0)
    scale = (high - low) / np.float32(255)
    scale = np.asarray(scale if scale >= np.finfo(np.float32).tiny else 1, np.float32)
    zero_point = np.asarray(min(np.rint(-low / scale), 255), np.uint8)
    return quantize(x, scale, zero_point, axis=None), scale, zero_point


def along(parameter, axis, rank):
    """Return a parameter that broadcasts along an axis, or as it is without one."""
    if axis is None:
        return parameter
    return parameter.reshape([-1 if index == axis % rank else 1 for index in range(rank)])


OPERATORS = {f.__name__: f for f in (add, dequantize, dynamic_quantize, layer_norm, linear, quantize, relu, softmax)}


def apply(op, operands, attributes, outputs):
    """Apply one operator."""
    with np.errstate(all="ignore"):
        results = OPERATORS[op](**operands, **attributes)
    return dict(zip(outputs, results if isinstance(results, tuple) else (results,), strict=True))


if __name__ == "__main__":
    serve({"name": "numpy-example", "version": np.__version__, "ops": list(OPERATORS)}, apply=apply)
