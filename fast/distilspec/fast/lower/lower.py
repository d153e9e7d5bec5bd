"""``lower``: a program as fused steps, or an error that names the first step that the fast engine does not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches

from distilspec.fast.lower.attention_codes import find_quantized_attention
from distilspec.fast.lower.fused import Lowered
from distilspec.fast.lower.lowering import Lowering
from distilspec.fast.lower.steps.attention import lower_attention, lower_quantized_attention
from distilspec.fast.lower.steps.embedding import lower_embedding
from distilspec.fast.lower.steps.linear import (
    lower_block_sparse_linear,
    lower_dequantize,
    lower_linear,
    lower_quantized_block_sparse_linear,
    lower_quantized_linear,
)
from distilspec.fast.lower.steps.pool import lower_cls_pool, lower_mean_pool
from distilspec.fast.lower.steps.quantize import lower_dynamic_quantize, lower_dynamic_quantize_token, lower_quantize
from distilspec.fast.lower.steps.rowwise import lower_activation, lower_add, lower_l2_normalize, lower_layer_norm
from distilspec.fast.lower.steps.views import (
    lower_reshape,
    lower_slice,
    lower_squeeze,
    lower_transpose,
    lower_unsqueeze,
)
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.program import Program, Step

#: Operators of one operand that keep the shape, each with its own name in the fused step.
ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "sigmoid", "silu", "tanh")

#: Who lowers each operator.
LOWERERS: Mapping[str, Callable[[Lowering, Step], None]] = {
    **dict.fromkeys(ACTIVATIONS, lower_activation),
    "add": lower_add,
    "block_sparse_linear": lower_block_sparse_linear,
    "cls_pool": lower_cls_pool,
    "dequantize": lower_dequantize,
    "dynamic_quantize": lower_dynamic_quantize,
    "dynamic_quantize_token": lower_dynamic_quantize_token,
    "embedding": lower_embedding,
    "l2_normalize": lower_l2_normalize,
    "layer_norm": lower_layer_norm,
    "linear": lower_linear,
    "mean_pool": lower_mean_pool,
    "quantize": lower_quantize,
    "quantized_block_sparse_linear": lower_quantized_block_sparse_linear,
    "quantized_linear": lower_quantized_linear,
    "reshape": lower_reshape,
    "scaled_dot_product_attention": lower_attention,
    "slice": lower_slice,
    "squeeze": lower_squeeze,
    "transpose": lower_transpose,
    "unsqueeze": lower_unsqueeze,
}

#: The operators that programs may consist of.
OPERATORS = tuple(sorted(LOWERERS))

#: The operators that hold others which a program has by themselves.
_HOLDERS = {
    "erf": "gelu", "matmul": "linear", "matmul_integer": "quantized_linear", "softmax": "scaled_dot_product_attention",
}  # fmt: skip


def lower(program: Program) -> Lowered:
    """
    Return a program as fused steps.

    Raises
    ------
    UnsupportedError
        A step, by its name, that no fused step carries out, with what would be; or there is no input ``input_ids``.
    """
    if "input_ids" not in program.inputs:
        given = ", ".join(program.inputs) or "none"
        raise UnsupportedError(f"program {program.name}: inputs {given}; expected input_ids, the tokens, among them")
    lowering = Lowering(program)
    quantized_attention, inside = find_quantized_attention(program)
    for step in program.steps:
        if step.name in quantized_attention:
            lower_quantized_attention(lowering, step, quantized_attention[step.name])
        elif step.name not in inside:
            _lowerer(step)(lowering, step)
    return lowering.finished()


def _lowerer(step: Step) -> Callable[[Lowering, Step], None]:
    if step.op not in LOWERERS:
        raise UnsupportedError(f"step {step.name}: the fast engine has no {step.op}; expected {_nearest(step.op)}")
    return LOWERERS[step.op]


def _nearest(op: str) -> str:
    """Return what a program is expected to have instead of an operator."""
    close = get_close_matches(op, OPERATORS, n=1)
    found = _HOLDERS.get(op) or (close[0] if close else None)
    return "one of distilspec.fast.OPERATORS" if found is None else f"{found}, the nearest that it has"
