"""Running a written model in ONNX's own evaluator, and comparing."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx.reference import ReferenceEvaluator


def evaluate(model, inputs):
    """
    Run a model in ONNX's own evaluator; masks are fed as int64.

    That one has no DequantizeLinear before opset 19, so ONNX Runtime takes its place there, node by node as written.
    """
    feeds = {name: array.astype(np.int64) if array.dtype == np.bool_ else array for name, array in inputs.items()}
    outputs = [output.name for output in model.graph.output]
    if model.opset_import[0].version < 19 and any(node.op_type == "DequantizeLinear" for node in model.graph.node):
        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        results = onnxruntime.InferenceSession(model.SerializeToString(), settings).run(outputs, feeds)
    else:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(outputs, feeds)
    return dict(zip(outputs, results, strict=True))


def assert_within(got, expected, bound):
    """Check dtype, shape and every element; a NaN must be a NaN."""
    expected = expected.astype(np.float32) if expected.dtype == np.float64 else expected
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if expected.dtype.kind != "f":
        assert np.array_equal(got, expected)
        return
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    error = np.abs(got.astype(np.float64) - expected, where=~same, out=np.zeros(got.shape))
    assert (error <= bound).all(), f"error {error.max()}, bound {bound.ravel()[error.argmax()]}"
