"""Runtimes that hold or multiply numbers in fewer bits than float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, float16
from distilspec.conformance.mutants.planted import (
    Load,
    RuntimeMutant,
    Stepwise,
    in_whole_programs,
    opaque,
    rewritten,
    with_operators,
)
from distilspec.conformance.mutants.runtimes.wiring import with_constants
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray
from distilspec.reference.program import Program

Rounding = Callable[[Array], Array]


def tensor_float(x: Array) -> Array:
    """Keep the 10 explicit bits of the significand that a TF32 unit reads."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)


class Rounded:
    """The reference's operators with every real result rounded to fewer bits."""

    def __init__(self, to: Rounding) -> None:
        """Round by ``to``."""
        self._to = to

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operator, or ``constant``, that rounds."""
        operator = getattr(ops, name)
        if name == "constant":
            return operator  # type: ignore[no-any-return]

        def rounded(*operands: Any, **attributes: Any) -> Any:
            result = operator(*operands, **attributes)
            return self._to(result) if isinstance(result, np.ndarray) and result.dtype == np.float64 else result

        return rounded


def _rounded_to(to: Rounding) -> Load:
    return in_whole_programs(lambda program: Stepwise(program, Rounded(to)))


def _products_of(to: Rounding) -> Load:
    """Return a loader whose products read rounded factors and add exactly."""

    def attention(query: Array, key: Array, value: Array, mask: Any = None, *, scale: float) -> Float64Array:
        return ops.scaled_dot_product_attention(to(query), to(key), to(value), mask, scale=scale)

    def sparse(x: Array, data: Array, indices: Array, indptr: Array, bias: Any = None) -> Float64Array:
        return ops.block_sparse_linear(to(x), to(data), indices, indptr, bias)

    planted = with_operators(
        linear=lambda x, weight, bias=None: ops.linear(to(x), to(weight), bias),
        matmul=lambda a, b: ops.matmul(to(a), to(b)),
        scaled_dot_product_attention=attention,
        block_sparse_linear=sparse,
    )
    return in_whole_programs(planted)


def _attention_weights(change: Callable[[Float64Array], Float64Array]) -> Load:
    """Return a loader whose attention changes the weights between softmax and the product with the values."""

    def attention(
        query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
    ) -> Float64Array:
        scores = scale * (real(query) @ real(key).swapaxes(-1, -2))
        weights = change(ops.softmax(scores, mask))
        products = weights[..., np.newaxis] * real(value)[..., np.newaxis, :, :]
        kept = np.broadcast_to(True if mask is None else mask, scores.shape)
        return np.asarray(np.sum(products, axis=-2, where=kept[..., np.newaxis]))

    return in_whole_programs(with_operators(scaled_dot_product_attention=attention))


def _in_8_bits(weights: Float64Array) -> Float64Array:
    return np.rint(weights * 255) / 255


def _without_small_ones(weights: Float64Array) -> Float64Array:
    return np.where(weights < 1e-3, 0.0, weights)


def _constants_by(change: Callable[[Array], Array], ending: str, rank: int) -> Callable[[Program], Program]:
    """Return a rewriting of the float constants with this ending and rank."""

    def changed(name: str, array: Array) -> Array:
        fits = name.endswith(ending) and array.ndim == rank and array.dtype == np.float32
        return change(array).astype(np.float32) if fits else array

    return lambda program: with_constants(program, changed)


def _in_8_bits_a_table(table: Array) -> Array:
    scale = np.abs(table).max(initial=0) / 127 or 1.0
    return np.asarray(np.rint(table / scale) * scale)


def _codes_in_7_bits(program: Program) -> Program:
    def shortened(name: str, array: Array) -> Array:
        is_codes = array.dtype == np.int8 and array.ndim > 0 and name.endswith((".codes", ".data"))
        return (np.rint(array / 2.0) * 2).clip(-128, 127).astype(np.int8) if is_codes else array

    return with_constants(program, shortened)


def _one_scale_a_weight(program: Program) -> Program:
    """Requantise every weight with the largest of its scales."""
    constants = dict(program.constants)
    for name, array in program.constants.items():
        scale = f"{name.removesuffix('.codes')}.scale"
        if name.endswith(".weight.codes") and scale in constants:
            each = real(program.constants[scale])
            largest = each.max(initial=0)
            constants[name] = np.rint(array * (each / largest)[:, np.newaxis]).astype(np.int8)
            constants[scale] = np.full_like(program.constants[scale], largest)
    return program.replace(constants=constants)


_FLOAT16 = _rounded_to(float16)
_BFLOAT16 = _rounded_to(bfloat16)
_WEIGHTS = (".weight", 2)

MUTANTS = (
    RuntimeMutant("tensors are held in float16", ("LIN-S1", "LN-S4", "SDPA-S3"), _FLOAT16),
    RuntimeMutant("tensors are held in float16, nothing shown", ("DEC-S2",), opaque(_FLOAT16)),
    RuntimeMutant(
        "tensors are held in bfloat16",
        ("LIN-S1", "LN-S4", "SDPA-S3"),
        _BFLOAT16,
        seen_in="OpenVINO's default precision hint on CPUs with AMX",
    ),
    RuntimeMutant("tensors are held in bfloat16, nothing shown", ("DEC-S2",), opaque(_BFLOAT16)),
    RuntimeMutant(
        "products read 10 bits of the significand",
        ("LIN-S1", "SDPA-S1"),
        _products_of(tensor_float),
        seen_in="TF32 units, on by default in some runtimes",
    ),
    RuntimeMutant("products read bfloat16", ("LIN-S1", "SDPA-S1"), _products_of(bfloat16)),
    RuntimeMutant(
        "attention weights are held in 8 bits",
        ("SDPA-S2",),
        _attention_weights(_in_8_bits),
    ),
    RuntimeMutant(
        "attention weights are held in bfloat16",
        ("SDPA-S2",),
        _attention_weights(lambda w: real(bfloat16(w))),
    ),
    RuntimeMutant(
        "attention weights below 0.001 are dropped",
        ("SDPA-S3",),
        _attention_weights(_without_small_ones),
    ),
    RuntimeMutant("weights are rounded to float16", ("LIN-S1",), rewritten(_constants_by(float16, *_WEIGHTS))),
    RuntimeMutant("weights are rounded to bfloat16", ("LIN-S1",), rewritten(_constants_by(bfloat16, *_WEIGHTS))),
    RuntimeMutant("biases are rounded to float16", ("LIN-S2", "QL-S3"), rewritten(_constants_by(float16, ".bias", 1))),
    RuntimeMutant(
        "the word table is held in 8 bits",
        ("EMB-S1",),
        rewritten(_constants_by(_in_8_bits_a_table, "word_embeddings.weight", 2)),
    ),
    RuntimeMutant(
        "scales of weights are rounded to float16",
        ("QL-S2", "DQ-S1"),
        rewritten(_constants_by(float16, ".scale", 1)),
        seen_in="checkpoints that store scales in half precision",
    ),
    RuntimeMutant(
        "weights are rounded twice, to 8 bits and then to 7",
        ("QL-S1", "DQ-S1"),
        rewritten(_codes_in_7_bits),
        seen_in="reduce_range against saturation on CPUs without VNNI",
    ),
    RuntimeMutant("each weight has one scale", ("QL-S1", "QL-S2"), rewritten(_one_scale_a_weight)),
)
