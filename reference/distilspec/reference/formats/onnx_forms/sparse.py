"""Block-sparse operators. ONNX has no block-sparse matrix: the weight is written dense, with explicit zeros."""

from __future__ import annotations

from distilspec.reference import ops
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_forms.graph import StepWriter
from distilspec.reference.formats.onnx_forms.quantised import integer_product


def block_sparse_linear(to: StepWriter, x: str, data: str, indices: str, indptr: str, bias: str | None = None) -> None:
    """Write ``linear`` with the dense weight."""
    weight = to.constant("weight", _dense(to, (data, indices, indptr), _in_features(to, x)).T)
    to.chain(("MatMul", [x, weight], "product"), *([("Add", [bias], "sum")] if bias else []))


def quantized_block_sparse_linear(
    to: StepWriter,
    x: str,
    x_scale: str,
    x_zero_point: str,
    data: str,
    indices: str,
    indptr: str,
    weight_scale: str,
    bias: str | None = None,
) -> None:
    """Write ``quantized_linear`` with the dense weight."""
    codes = to.constant("weight.codes", _dense(to, (data, indices, indptr), _in_features(to, x)).T)
    integer_product(to, x, x_scale, x_zero_point, codes, weight_scale, bias)


def unpack_block_sparse(to: StepWriter, data: str, indices: str, indptr: str, *, in_features: int) -> None:
    """Write the dense matrix."""
    to.result("Identity", [to.constant("dense", _dense(to, (data, indices, indptr), in_features))])


def _dense(to: StepWriter, parts: tuple[str, str, str], in_features: int) -> Array:
    arrays = [array for array in map(to.array, parts) if array is not None]
    if len(arrays) < len(parts):
        raise to.refuse("has a block-sparse weight that is not constant; expected constants")
    return ops.unpack_block_sparse(*arrays, in_features=in_features)


def _in_features(to: StepWriter, x: str) -> int:
    return int(to.spec(x).shape[-1])
