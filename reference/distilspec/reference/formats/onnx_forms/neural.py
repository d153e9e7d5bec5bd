"""Operators of neural networks in float32."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from distilspec.reference.formats.onnx_forms.graph import StepWriter

#: What a masked score becomes before Softmax. A row without a kept key becomes NaN there, and 0 by the selection after
#: it; a large finite number instead would let masked keys count in a row whose kept scores are as low.
MASKED_SCORE = -np.inf


def linear(to: StepWriter, x: str, weight: str, bias: str | None = None) -> None:
    """Write MatMul with the weight as [in_features, out_features], and Add."""
    value = to.array(weight)
    if value is None:
        transposed = to.node("Transpose", [weight], "weight", perm=[1, 0])
    else:
        transposed = to.constant("weight", value.T)
    to.chain(("MatMul", [x, transposed], "product"), *([("Add", [bias], "sum")] if bias else []))


def matmul(to: StepWriter, a: str, b: str) -> None:
    """Write MatMul."""
    to.result("MatMul", [a, b])


def embedding(to: StepWriter, input_ids: str, weight: str) -> None:
    """Write Gather on the rows of the table."""
    to.result("Gather", [weight, input_ids], axis=0)


def layer_norm(to: StepWriter, x: str, weight: str, bias: str, *, epsilon: float) -> None:
    """Write LayerNormalization from opset 17, before that the two-pass formula."""
    if to.opset >= 17:
        to.result("LayerNormalization", [x, weight, bias], axis=-1, epsilon=epsilon)
        return
    centred = to.node("Sub", [x, to.reduction("ReduceMean", x, [-1], "mean")], "centred")
    square = to.node("Pow", [centred, to.number("two", 2.0)], "square")
    variance = to.reduction("ReduceMean", square, [-1], "variance")
    raised = to.node("Add", [variance, to.number("epsilon", epsilon)], "raised")
    normal = to.node("Div", [centred, to.node("Sqrt", [raised], "deviation")], "normal")
    to.result("Add", [to.node("Mul", [normal, weight], "scaled"), bias])


def softmax(to: StepWriter, x: str, mask: str | None = None, *, axis: int = -1) -> None:
    """Write Softmax; with a mask, Where before it and Where after it, so that a row without a kept key is 0."""
    if mask is None:
        to.result("Softmax", [x], axis=axis)
    else:
        to.result("Where", _masked_softmax(to, x, mask, axis))


def scaled_dot_product_attention(
    to: StepWriter, query: str, key: str, value: str, mask: str | None = None, *, scale: float
) -> None:
    """Write the products, the scale and the masked softmax one by one; ``<step>/weights`` holds the probabilities."""
    rank = len(to.spec(key).shape)
    swapped = to.node("Transpose", [key], "key", perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = to.node("MatMul", [query, swapped], "scores")
    scaled = to.node("Mul", [scores, to.number("scale", scale)], "scaled")
    if mask is None:
        weights = to.node("Softmax", [scaled], "weights", axis=-1)
    else:
        weights = to.node("Where", _masked_softmax(to, scaled, mask, -1), "weights")
    to.result("MatMul", [weights, value])


def cls_pool(to: StepWriter, hidden_states: str) -> None:
    """Write Gather of the first token."""
    to.result("Gather", [hidden_states, to.constant("first", np.array(0, np.int64))], axis=1)


def mean_pool(to: StepWriter, hidden_states: str, attention_mask: str) -> None:
    """Write the sum over kept tokens divided by their number, or by 1 where none is kept."""
    kept = to.node("Unsqueeze", [attention_mask, to.integers("last", [-1])], "kept")
    chosen = to.node("Where", [kept, hidden_states, to.number("zero", 0.0)], "chosen")
    ones = to.node("Cast", [kept], "ones", to=TensorProto.FLOAT)
    count = to.node(
        "Max", [to.reduction("ReduceSum", ones, [1], "kept_count", keepdims=False), to.number("one", 1.0)], "count"
    )
    to.result("Div", [to.reduction("ReduceSum", chosen, [1], "sum", keepdims=False), count])


def l2_normalize(to: StepWriter, x: str, *, axis: int = -1, epsilon: float = 1e-12) -> None:
    """Write the division by the root of the sum of squares, which is at least epsilon."""
    total = to.reduction("ReduceSum", to.node("Mul", [x, x], "square"), [axis], "sum")
    norm = to.node("Max", [to.node("Sqrt", [total], "root"), to.number("epsilon", epsilon)], "norm")
    to.result("Div", [x, norm])


def _masked_softmax(to: StepWriter, x: str, mask: str, axis: int) -> list[str]:
    hidden = to.node("Where", [mask, x, to.number("masked_score", MASKED_SCORE)], "masked")
    return [mask, to.node("Softmax", [hidden], "softmax", axis=axis), to.number("zero", 0.0)]
