"""The operators in torch's own functions: a namespace on which programs and model functions run."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from distilspec.reference.contract.types import Array

#: A sum of products of 8-bit codes is exact in float64, in which torch multiplies matrices fast.
EXACT = torch.float64


class TorchOperators:
    """
    Every operator that a model needs, on tensors whose real numbers have one dtype.

    Gradients flow where torch's functions have them. What prepares weights or observes ranges is missing.

    Attributes
    ----------
    FUSED : frozenset of str
        Operators whose results exist only inside the step that reads them.
    """

    FUSED: frozenset[str] = frozenset()

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        """Hold real numbers in ``dtype``: torch.float32 or torch.float64."""
        self.dtype = dtype

    def constant(self, array: Array) -> Tensor:
        """Lift an array; real numbers get the namespace's dtype."""
        tensor = torch.tensor(array)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Multiply by the transposed weight and add the bias."""
        return F.linear(x, weight, bias)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply matrices."""
        return torch.matmul(a, b)

    def embedding(self, input_ids: Tensor, weight: Tensor) -> Tensor:
        """Look up rows."""
        return F.embedding(input_ids, weight)

    def layer_norm(self, x: Tensor, weight: Tensor, bias: Tensor, *, epsilon: float) -> Tensor:
        """Normalise the last axis."""
        return F.layer_norm(x, x.shape[-1:], weight, bias, epsilon)

    def softmax(self, x: Tensor, mask: Tensor | None = None, *, axis: int = -1) -> Tensor:
        """Softmax over the kept entries."""
        if mask is None:
            return F.softmax(x, axis)
        return F.softmax(x.masked_fill(~mask, -math.inf), axis).masked_fill(~mask, 0.0)

    def scaled_dot_product_attention(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *, scale: float
    ) -> Tensor:
        """Attend over the kept keys; where none is kept, versions of torch differ, so zeros are put there."""
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
        return attended if mask is None else attended.masked_fill(~mask.any(-1, keepdim=True), 0.0)

    def gelu(self, x: Tensor) -> Tensor:
        """GELU in its erf form."""
        return F.gelu(x)

    def gelu_tanh(self, x: Tensor) -> Tensor:
        """GELU in its tanh form."""
        return F.gelu(x, approximate="tanh")

    def relu(self, x: Tensor) -> Tensor:
        """Rectify."""
        return F.relu(x)

    def silu(self, x: Tensor) -> Tensor:
        """Multiply by the sigmoid."""
        return F.silu(x)

    def tanh(self, x: Tensor) -> Tensor:
        """Hyperbolic tangent."""
        return torch.tanh(x)

    def sigmoid(self, x: Tensor) -> Tensor:
        """Logistic function."""
        return torch.sigmoid(x)

    def erf(self, x: Tensor) -> Tensor:
        """Error function."""
        return torch.erf(x)

    def exp(self, x: Tensor) -> Tensor:
        """Exponential."""
        return torch.exp(x)

    def sqrt(self, x: Tensor) -> Tensor:
        """Square root."""
        return torch.sqrt(x)

    def reciprocal(self, x: Tensor) -> Tensor:
        """Invert."""
        return torch.reciprocal(x)

    def cls_pool(self, hidden_states: Tensor) -> Tensor:
        """Take the first token."""
        return hidden_states[:, 0]

    def mean_pool(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Average the kept tokens."""
        kept = attention_mask.unsqueeze(-1)
        return hidden_states.masked_fill(~kept, 0.0).sum(1) / kept.sum(1).clamp(min=1)

    def l2_normalize(self, x: Tensor, *, axis: int = -1, epsilon: float = 1e-12) -> Tensor:
        """Divide by the length."""
        return F.normalize(x, dim=axis, eps=epsilon)

    def absolute(self, x: Tensor) -> Tensor:
        """Absolute value."""
        return torch.abs(x)

    def negate(self, x: Tensor) -> Tensor:
        """Change the sign."""
        return torch.neg(x)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Add."""
        return torch.add(a, b)

    def subtract(self, a: Tensor, b: Tensor) -> Tensor:
        """Subtract."""
        return torch.sub(a, b)

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply."""
        return torch.mul(a, b)

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        """Divide."""
        return torch.div(a, b)

    def power(self, a: Tensor, b: Tensor) -> Tensor:
        """Raise to a power."""
        return torch.pow(a, b)

    def minimum(self, a: Tensor, b: Tensor) -> Tensor:
        """Take the smaller."""
        return torch.minimum(a, b)

    def maximum(self, a: Tensor, b: Tensor) -> Tensor:
        """Take the larger."""
        return torch.maximum(a, b)

    def where(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Select."""
        return torch.where(condition, a, b)

    def equal(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare."""
        return torch.eq(a, b)

    def greater(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare."""
        return torch.gt(a, b)

    def less(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare."""
        return torch.lt(a, b)

    def logical_and(self, a: Tensor, b: Tensor) -> Tensor:
        """Both."""
        return torch.logical_and(a, b)

    def logical_or(self, a: Tensor, b: Tensor) -> Tensor:
        """Either."""
        return torch.logical_or(a, b)

    def logical_not(self, x: Tensor) -> Tensor:
        """Not."""
        return torch.logical_not(x)

    def cast(self, x: Tensor, *, dtype: str) -> Tensor:
        """Change the element type."""
        return x.to(self.dtype if dtype == "float" else getattr(torch, dtype))

    def reshape(self, x: Tensor, *, shape: tuple[int, ...]) -> Tensor:
        """Change the shape."""
        return torch.reshape(x, shape)

    def transpose(self, x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
        """Permute the axes."""
        return torch.permute(x, axes)

    def expand(self, x: Tensor, *, shape: tuple[int, ...]) -> Tensor:
        """Repeat along axes of size 1."""
        return x.expand(np.broadcast_shapes(tuple(x.shape), shape))

    def squeeze(self, x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
        """Remove axes of size 1."""
        return torch.squeeze(x, axes)

    def unsqueeze(self, x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
        """Insert axes of size 1."""
        rank = x.ndim + len(axes)
        for axis in sorted(axis % rank for axis in axes):
            x = torch.unsqueeze(x, axis)
        return x

    def concat(self, *tensors: Tensor, axis: int) -> Tensor:
        """Join along an axis."""
        return torch.cat(tensors, axis)

    def slice(self, x: Tensor, *, axis: int, start: int, stop: int | None, step: int = 1) -> Tensor:
        """Take every ``step``-th index; torch's own slices only go forward."""
        chosen = range(x.shape[axis])[builtins.slice(start, stop, step)]
        return torch.index_select(x, axis, torch.tensor(chosen, dtype=torch.int64))

    def gather(self, x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
        """Take indices of an axis."""
        return x[(builtins.slice(None),) * (axis % x.ndim) + (indices.long(),)]

    def reduce_mean(self, x: Tensor, *, axes: tuple[int, ...], keepdims: bool = True) -> Tensor:
        """Average."""
        return torch.mean(x, axes, keepdims)

    def reduce_sum(self, x: Tensor, *, axes: tuple[int, ...], keepdims: bool = True) -> Tensor:
        """Sum."""
        return torch.sum(x, axes, keepdims)

    def reduce_max(self, x: Tensor, *, axes: tuple[int, ...], keepdims: bool = True) -> Tensor:
        """Take the largest."""
        return _extreme(torch.amax, x, axes, keepdims, -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min)

    def reduce_min(self, x: Tensor, *, axes: tuple[int, ...], keepdims: bool = True) -> Tensor:
        """Take the smallest."""
        return _extreme(torch.amin, x, axes, keepdims, math.inf if x.is_floating_point() else torch.iinfo(x.dtype).max)

    def quantize(self, x: Tensor, scale: Tensor, zero_point: Tensor, *, axis: int | None = None) -> Tensor:
        """Round to codes, in float32 as the specification says."""
        scale, zero_point = _along(scale, axis, x.ndim), _along(zero_point, axis, x.ndim)
        limits = torch.iinfo(zero_point.dtype)
        rounded = torch.round(x.float() / scale.float()) + zero_point
        return rounded.clamp(limits.min, limits.max).nan_to_num().to(zero_point.dtype)

    def dequantize(
        self, codes: Tensor, scale: Tensor, zero_point: Tensor | None = None, *, axis: int | None = None
    ) -> Tensor:
        """Give codes their real value."""
        wide = codes.long()
        if zero_point is not None:
            wide = wide - _along(zero_point, axis, codes.ndim).long()
        return wide.to(self.dtype) * _along(scale, axis, codes.ndim).to(self.dtype)

    def symmetric_scale(self, largest: Tensor, *, largest_code: int = 127) -> Tensor:
        """Divide the range by the largest code."""
        return _guarded(largest.float() / largest_code)

    def asymmetric_scale(self, minimum: Tensor, maximum: Tensor) -> tuple[Tensor, Tensor]:
        """Divide the range by 255, and find the code of zero."""
        low, high = minimum.float().clamp(max=0), maximum.float().clamp(min=0)
        scale = _guarded((high - low) / 255)
        return scale, torch.round(-low / scale).clamp(0, 255).to(torch.uint8)

    def dynamic_quantize(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise with the range of the whole tensor."""
        straddling = torch.cat([x.flatten(), x.new_zeros(1)])
        scale, zero_point = self.asymmetric_scale(straddling.min(), straddling.max())
        return self.quantize(x, scale, zero_point), scale, zero_point

    def dynamic_quantize_token(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise with one range a token."""
        scale = self.symmetric_scale(F.pad(x.abs(), (0, 1)).amax(-1, keepdim=True))
        zero_point = torch.tensor(0, dtype=torch.int8)
        return self.quantize(x, scale, zero_point), scale, zero_point

    def matmul_integer(
        self, a: Tensor, b: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
    ) -> Tensor:
        """Multiply codes exactly."""
        return torch.matmul(_centred(a, a_zero_point), _centred(b, b_zero_point)).to(torch.int32)

    def quantized_linear(
        self,
        x: Tensor,
        x_scale: Tensor,
        x_zero_point: Tensor,
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
        y_scale: Tensor | None = None,
        y_zero_point: Tensor | None = None,
    ) -> Tensor:
        """Multiply codes exactly, then scale and add the bias in the namespace's dtype."""
        accumulators = self.matmul_integer(x, weight.T, x_zero_point).to(self.dtype)
        y = accumulators * (x_scale.to(self.dtype) * weight_scale.to(self.dtype))
        if bias is not None:
            y = y + bias
        return y if y_scale is None or y_zero_point is None else self.quantize(y, y_scale, y_zero_point)

    def unpack_block_sparse(self, data: Tensor, indices: Tensor, indptr: Tensor, *, in_features: int) -> Tensor:
        """Make the matrix dense."""
        rows, columns = data.shape[1:]
        block_rows = len(indptr) - 1
        row = torch.repeat_interleave(torch.arange(block_rows), indptr.long().diff())
        dense = data.new_zeros(block_rows, in_features // columns, rows, columns)
        dense = dense.index_put((row, indices.long()), data)
        return dense.transpose(1, 2).reshape(block_rows * rows, in_features)

    def block_sparse_linear(
        self, x: Tensor, data: Tensor, indices: Tensor, indptr: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Multiply by the dense form of the weight."""
        return F.linear(x, self.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1]), bias)

    def quantized_block_sparse_linear(
        self,
        x: Tensor,
        x_scale: Tensor,
        x_zero_point: Tensor,
        data: Tensor,
        indices: Tensor,
        indptr: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Multiply by the dense form of the weight."""
        weight = self.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])
        return self.quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias)


def _extreme(
    function: Callable[..., Tensor], x: Tensor, axes: tuple[int, ...], keepdims: bool, over_nothing: float
) -> Tensor:
    """Reduce; torch refuses to where there are no elements, which gives ``over_nothing``."""
    if 0 in [x.shape[axis] for axis in axes]:
        return torch.full_like(torch.sum(x, axes, keepdims), over_nothing)
    return function(x, axes, keepdims)


def _along(values: Tensor, axis: int | None, rank: int) -> Tensor:
    if axis is None:
        return values
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def _guarded(scale: Tensor) -> Tensor:
    return torch.where(scale < torch.finfo(torch.float32).tiny, torch.ones_like(scale), scale)


def _centred(codes: Tensor, zero_point: Tensor | None) -> Tensor:
    wide = codes.to(EXACT)
    return wide if zero_point is None else wide - zero_point.to(EXACT)
