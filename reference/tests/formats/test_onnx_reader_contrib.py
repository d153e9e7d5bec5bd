"""
``read_onnx`` of nodes that ONNX Runtime's optimizers and quantizer write, each alone in a model.

The oracle for floats is ONNX Runtime without optimizations: a node makes about 64 roundings at most on the way to one
element, so both differ by less than 64 * 2**-24 of the largest. The oracle for codes is the formula of ONNX Runtime's
ContribOperators.md in exact fractions.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.formats.onnx_reader import read_onnx

TOLERANCE = 2.0**-18
RNG = np.random.default_rng(7)
BATCH, SEQUENCE, HIDDEN, HEADS = 3, 5, 8, 2

TYPES = {
    np.dtype("f4"): TensorProto.FLOAT,
    np.dtype("i8"): TensorProto.INT64,
    np.dtype("i4"): TensorProto.INT32,
    np.dtype("u1"): TensorProto.UINT8,
    np.dtype("i1"): TensorProto.INT8,
    np.dtype("?"): TensorProto.BOOL,
}


def floats(*shape):
    """Return seeded float32."""
    return RNG.standard_normal(shape).astype(np.float32)


def codes(dtype, *shape):
    """Return seeded codes of the whole range."""
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max + 1, shape).astype(dtype)


def model(kind, operands, inputs, *, outputs=1, fixed=False, domain="com.microsoft", opset=17, **attributes):
    """Return a model of one node; operands are arrays, or None if absent, and ``inputs`` the places that are fed."""
    names = [f"o{place}" if operand is not None else "" for place, operand in enumerate(operands)]
    made = [f"y{place}" for place in range(outputs)]
    node = helper.make_node(kind, names, made, "node", domain=domain, **attributes)
    free = {} if fixed else {(0, BATCH): "b", (1, SEQUENCE): "s"}
    fed = [
        helper.make_tensor_value_info(
            names[place],
            TYPES[operands[place].dtype],
            [free.get(entry, entry[1]) for entry in enumerate(operands[place].shape)],
        )
        for place in inputs
    ]
    constants = [
        numpy_helper.from_array(operand, names[place])
        for place, operand in enumerate(operands)
        if operand is not None and place not in inputs
    ]
    values = [onnx.ValueInfoProto(name=name) for name in made]
    graph = helper.make_graph([node], "graph", fed, values, initializer=constants)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8), {names[p]: operands[p] for p in inputs}


def read(proto, folder):
    """Return the program of a model that lies in a file."""
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return read_onnx(folder / "model.onnx")


def compare(proto, feeds, folder):
    """Check a program against ONNX Runtime, and return it."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    expected = onnxruntime.InferenceSession(proto.SerializeToString(), settings).run(None, feeds)
    program = read(proto, folder)
    got = program.run(ops, feeds)
    for value, want in zip(proto.graph.output, expected, strict=True):
        have = got[value.name]
        assert have.shape == want.shape
        if want.dtype.kind == "f":
            assert np.abs(have - want).max() <= TOLERANCE * np.abs(want).max()
        else:
            assert have.dtype == want.dtype
            assert np.array_equal(have, want)
    return program


X = floats(BATCH, SEQUENCE, HIDDEN)
IDS = RNG.integers(0, 9, (BATCH, SEQUENCE)).astype(np.int32)
KINDS = RNG.integers(0, 2, (BATCH, SEQUENCE)).astype(np.int32)
KEPT = (np.arange(SEQUENCE) < np.array([[5], [2], [1]])).astype(np.int32)
#: A text without a token that counts: what is added to all of its scores must be small enough not to round them.
EMPTY = KEPT * np.array([[1], [0], [1]], np.int32)
LENGTHS = KEPT.sum(axis=1, dtype=np.int32)
TABLES = [floats(9, HIDDEN), floats(12, HIDDEN), floats(2, HIDDEN)]
AFFINE = [floats(HIDDEN), floats(HIDDEN)]
QKV = [floats(HIDDEN, 3 * HIDDEN), floats(3 * HIDDEN)]
ADDEND = floats(1, HEADS, 1, 1) * np.ones((1, HEADS, SEQUENCE, SEQUENCE), np.float32)
S8, U8 = codes(np.int8, HIDDEN, 3 * HIDDEN), codes(np.uint8, BATCH, SEQUENCE, HIDDEN)
#: Small enough that no pair of products saturates on any processor.
SMALL = (S8 // 4).astype(np.int8)
SCALE, SCALES = np.float32(0.02), (np.abs(floats(3 * HIDDEN)) / 50 + 0.001).astype(np.float32)
ZERO_U8, ZERO_S8 = np.array(113, np.uint8), np.array(0, np.int8)
POSITIONS = np.arange(SEQUENCE, dtype=np.int32)[None] + np.array([[3], [0], [1]], np.int32)

FLOAT_NODES = {
    "BiasGelu": ("BiasGelu", [X, floats(HIDDEN)], [0], {}),
    "Gelu": ("Gelu", [X], [0], {}),
    "QuickGelu": ("QuickGelu", [X], [0], {"alpha": 1.5}),
    "FastGelu": ("FastGelu", [X], [0], {}),
    "FastGelu with a bias": ("FastGelu", [X, floats(HIDDEN)], [0], {}),
    "FusedMatMul": ("FusedMatMul", [X, floats(4, HIDDEN)], [0], {"transB": 1, "alpha": 0.125}),
    "FusedMatMul of two": ("FusedMatMul", [X, X[:, :2]], [0, 1], {"transB": 1}),
    "SkipLayerNormalization": (
        "SkipLayerNormalization", [X, X[::-1].copy(), *AFFINE, floats(HIDDEN)], [0, 1], {"epsilon": 1e-5}
    ),
    "skip without biases": ("SkipLayerNormalization", [X, X[::-1].copy(), AFFINE[0]], [0, 1], {"epsilon": 1e-5}),
    "skip that gives the sum": (
        "SkipLayerNormalization", [X, X[::-1].copy(), *AFFINE, floats(HIDDEN)], [0, 1], {"epsilon": 1e-5, "outputs": 4}
    ),
    "EmbedLayerNormalization": (
        "EmbedLayerNormalization", [IDS, KINDS, *TABLES, *AFFINE, KEPT], [0, 1, 7], {"epsilon": 1e-5, "outputs": 2}
    ),
    "embed without kinds": (
        "EmbedLayerNormalization", [IDS, None, *TABLES[:2], None, *AFFINE], [0], {"epsilon": 1e-5, "outputs": 2}
    ),
    "embed with positions": (
        "EmbedLayerNormalization", [IDS, KINDS, *TABLES, *AFFINE, KEPT, POSITIONS], [0, 1, 7, 8],
        {"epsilon": 1e-5, "outputs": 3},
    ),
    "Attention": ("Attention", [X, *QKV], [0], {"num_heads": HEADS}),
    "Attention with lengths": ("Attention", [X, *QKV, LENGTHS], [0, 3], {"num_heads": HEADS}),
    "Attention with a mask": ("Attention", [X, *QKV, EMPTY], [0, 3], {"num_heads": HEADS, "mask_filter_value": -5.0}),
    "Attention with a mask a row": (
        "Attention", [X, *QKV, np.tril(np.ones((BATCH, SEQUENCE, SEQUENCE), np.int32))], [0, 3],
        {"num_heads": HEADS, "fixed": True},
    ),
    "Attention with an addend": (
        "Attention", [X, *QKV, KEPT, None, ADDEND], [0, 3], {"num_heads": HEADS, "scale": 0.3, "fixed": True}
    ),
    "MultiHeadAttention": (
        "MultiHeadAttention", [X, X + 1, X - 1, floats(3 * HIDDEN)], [0, 1, 2], {"num_heads": HEADS}
    ),
    "MultiHeadAttention masked": (
        "MultiHeadAttention", [X, X + 1, X - 1, None, KEPT], [0, 1, 2, 4], {"num_heads": HEADS}
    ),
    "QAttention": (
        "QAttention", [U8, SMALL, QKV[1], SCALE, SCALES, LENGTHS, ZERO_U8, np.zeros(24, np.int8)], [0, 5],
        {"num_heads": HEADS},
    ),
    "MatMulIntegerToFloat": ("MatMulIntegerToFloat", [U8, SMALL, SCALE, SCALES, ZERO_U8, ZERO_S8, QKV[1]], [0], {}),
    "no zero points": ("MatMulIntegerToFloat", [U8, SMALL, SCALE, SCALE], [0], {}),
    "DynamicQuantizeMatMul": ("DynamicQuantizeMatMul", [X, SMALL, SCALES, None, QKV[1]], [0], {}),
    "QGemm to float": (
        "QGemm", [U8[0], SCALE, ZERO_U8, SMALL.T.copy(), SCALES, np.zeros(24, np.int8)], [0], {"transB": 1}
    ),
    "QEmbedLayerNormalization": (
        "QEmbedLayerNormalization",
        [IDS, KINDS, *(codes(np.uint8, rows, HIDDEN) for rows in (9, 12, 2)), codes(np.uint8, HIDDEN),
         codes(np.uint8, HIDDEN), KEPT, *[SCALE] * 5, *[ZERO_U8] * 5],
        [0, 1, 7], {"epsilon": 1e-5, "outputs": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FLOAT_NODES)
def test_a_float_node_means_what_onnx_runtime_computes(case, tmp_path):
    """Batch and sequence are symbols in the file, and masks have texts of several lengths."""
    kind, operands, inputs, attributes = FLOAT_NODES[case]
    made = attributes.get("outputs", 1)
    proto, feeds = model(kind, operands, inputs, **attributes)
    if made == 4:  # the second and third output are those of training
        proto.graph.node[0].output[1:3] = ["", ""]
        del proto.graph.output[1:3]

    program = compare(proto, feeds, tmp_path)

    assert {"batch", "sequence"} >= {
        size for spec in program.inputs.values() for size in spec.shape if type(size) is str
    }


def test_the_attention_of_onnx_masks_with_booleans_and_addends(tmp_path):
    """Opset 23: a row whose keys are all masked is 0, and a product of both roots of the scale is the scale."""
    x = floats(BATCH, HEADS, SEQUENCE, 4)
    for mask in (KEPT[:, None, None].astype(bool), floats(BATCH, 1, SEQUENCE, SEQUENCE)):
        operands = [x, x + 1, x - 1, mask]
        proto, feeds = model("Attention", operands, [0, 1, 2, 3], domain="", opset=23, scale=0.3)

        got = read(proto, tmp_path).run(ops, feeds)["y0"]

        scores = np.float64(np.float32(0.3)) * np.float64(x) @ np.swapaxes(x + 1, -1, -2)
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        weights = np.exp(scores - np.max(scores, -1, keepdims=True, initial=-1e9))
        total = weights.sum(-1, keepdims=True)
        expected = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ (x - 1)
        assert np.abs(got - expected).max() <= 2.0**-40


def exact(array):
    """Return an array of fractions."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(array, np.float64))


def real(a, scale, zero_point):
    """Return the real numbers of codes, exactly."""
    return (exact(a) - Fraction(int(zero_point))) * Fraction(float(scale))


def quantized(value, scale, zero_point):
    """Return the codes of real numbers, exactly: half to even, then the zero point, then saturation."""
    limits = np.iinfo(zero_point.dtype)
    rounded = np.vectorize(round, otypes=[object])(value / Fraction(float(scale))) + int(zero_point)
    return np.clip(rounded.astype(np.int64), limits.min, limits.max).astype(zero_point.dtype)


A, B = codes(np.uint8, BATCH, SEQUENCE, HIDDEN), codes(np.uint8, BATCH, SEQUENCE, HIDDEN)
SA, SB, SC = np.float32(0.01303), np.float32(0.02137), np.float32(0.02991)
ZA, ZB, ZC = (np.array(zero, np.uint8) for zero in (7, 200, 128))
BIAS = RNG.integers(-9000, 9000, 3 * HIDDEN).astype(np.int32)
PRODUCT = exact(A[0].astype(int) - 7) @ exact(S8)
WHICH = RNG.integers(0, 2, (BATCH, SEQUENCE, HIDDEN)).astype(bool)
SIGMOID = 1 / (1 + np.exp(-np.float64(SA) * (A - 7.0)))

CODE_NODES = {
    "QLinearAdd": ([A, SA, ZA, B, SB, ZB, SC, ZC], [0, 3], {}, quantized(real(A, SA, 7) + real(B, SB, 200), SC, ZC)),
    "QLinearMul": ([A, SA, ZA, B, SB, ZB, SC, ZC], [0, 3], {}, quantized(real(A, SA, 7) * real(B, SB, 200), SC, ZC)),
    "QLinearWhere": (
        [WHICH, A, SA, ZA, B, SB, ZB, SC, ZC], [0, 1, 4], {},
        quantized(np.where(WHICH, real(A, SA, 7), real(B, SB, 200)), SC, ZC),
    ),
    "QLinearConcat": (
        [SC, ZC, A, SA, ZA, B, SB, ZB], [2, 5], {"axis": 2},
        quantized(np.concatenate([real(A, SA, 7), real(B, SB, 200)], 2), SC, ZC),
    ),
    "QLinearReduceMean": (
        [A, SA, ZA, SC / 2, ZA], [0], {"axes": [2], "keepdims": 0},
        quantized(real(A, SA, 7).sum(2) / HIDDEN, SC / 2, ZA),
    ),
    "QLinearSigmoid": ([A, SA, ZA, SC / 8, ZA], [0], {}, quantized(exact(SIGMOID), SC / 8, ZA)),
    "QGemm": (
        [A[0], SA, ZA, S8, SCALES, np.zeros(24, np.int8), BIAS, SC, ZC], [0], {"alpha": 0.5},
        quantized((PRODUCT + exact(BIAS)) * exact(SCALES) * Fraction(float(SA)) / 2, SC, ZC),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CODE_NODES)
def test_a_node_on_codes_is_its_formula_rounded_once(kind, tmp_path):
    """No element here lies so near to a tie that rounding of float64 could turn it."""
    operands, inputs, attributes, expected = CODE_NODES[kind]
    proto, feeds = model(kind, operands, inputs, **attributes)

    got = read(proto, tmp_path).run(ops, feeds)["y0"]

    assert got.dtype == expected.dtype
    assert np.array_equal(got, expected)
    assert np.unique(expected).size > 10


def test_absent_zero_points_are_0(tmp_path):
    """The type of the result is then that of the first operand."""
    left, right = codes(np.int8, BATCH, SEQUENCE), codes(np.int8, BATCH, SEQUENCE)
    proto, feeds = model("QLinearAdd", [left, SA, None, right, SB, None, SC], [0, 3])

    got = read(proto, tmp_path).run(ops, feeds)["y0"]

    assert np.array_equal(got, quantized(real(left, SA, 0) + real(right, SB, 0), SC, ZERO_S8))


def test_the_shares_of_codes_are_rounded_once(tmp_path):
    """QLinearSoftmax; ONNX Runtime's own kernel divides by floor(1 / scale), which is another number for 1 / 255."""
    a, scale = codes(np.uint8, BATCH, SEQUENCE, 5), np.float32(1 / 255)
    a[0, 0] = [255, 0, 0, 0, 0]
    zero = np.array(0, np.uint8)
    proto, feeds = model("QLinearSoftmax", [a, np.float32(0.1), ZA, scale, zero], [0])
    proto.graph.node[0].attribute.append(helper.make_attribute("opset", 13))

    got = read(proto, tmp_path).run(ops, feeds)["y0"]

    weights = np.exp(np.float64(np.float32(0.1)) * a)
    assert np.array_equal(got, quantized(exact(weights / weights.sum(-1, keepdims=True)), scale, zero))
    assert got[0, 0].tolist() == [255, 0, 0, 0, 0]


REFUSED = {
    "a causal mask": ("Attention", [X, *QKV], {"num_heads": HEADS, "unidirectional": 1}, "causal, rotary or has"),
    "a cache": ("Attention", [X, *QKV, None, floats(2, BATCH, HEADS, 4, 4)], {"num_heads": HEADS}, "operand past"),
    "no heads": ("Attention", [X, *QKV], {}, "has 0 heads; expected 1 or more"),
    "unequal heads": ("Attention", [X, *QKV], {"num_heads": 3}, "8 features among 3 heads"),
    "unequal parts": ("Attention", [X, *QKV], {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]}, "three parts of all"),
    "a mask of four axes": (
        "Attention", [X, *QKV, np.ones((BATCH, 1, 5, 5), np.int32)], {"num_heads": 2}, "mask has shape"
    ),
    "packed heads": ("MultiHeadAttention", [floats(BATCH, SEQUENCE, 2, 3, 4)], {"num_heads": 2}, "are packed"),
    "training": ("SkipLayerNormalization", [X, X, AFFINE[0]], {"outputs": 2}, "as in training"),
    "turned batches": ("FusedMatMul", [X, X], {"transBatchA": 1}, "turns batches"),
    "another count": (
        "EmbedLayerNormalization", [IDS, None, *TABLES[:2], None, *AFFINE], {"mask_index_type": 2}, "no count"
    ),
    "half an operand": ("QLinearConcat", [SC, ZC, A, SA], {"axis": 1}, "4 operands; expected two, and three"),
    "many scales": ("QLinearAdd", [A, np.ones(8, "f4"), ZA, B, SB, ZB, SC, ZC], {}, "more than one element"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_form_that_no_encoder_has_is_refused(case, tmp_path):
    """Each would be another calculation, so that leaving it out would give a wrong answer."""
    kind, operands, attributes, message = REFUSED[case]
    proto, _ = model(kind, operands, [0], **attributes)
    error = (
        FormatError if any(word in message for word in ("heads;", "among", "parts", "operands;")) else UnsupportedError
    )

    with refused(error, message):
        read(proto, tmp_path)


def test_constants_of_other_floats_are_cast_to_float32(tmp_path):
    """A FLOAT16 is a float32 already; a DOUBLE is rounded, as Cast does; typed fields hold FLOAT16 as bits."""
    third, half = np.float64([1 / 3, 1e300]), np.float16([1 / 3, -0.0])
    nodes = [
        helper.make_node("Constant", [], ["half"], value=helper.make_tensor("", TensorProto.FLOAT16, [2], half)),
        helper.make_node("Identity", ["double"], ["same"]),
        helper.make_node("Cast", ["same"], ["y0"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["half"], ["y1"], to=TensorProto.FLOAT),
    ]
    fed = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b"])]
    values = [onnx.ValueInfoProto(name=name) for name in ("y0", "y1")]
    graph = helper.make_graph(nodes, "graph", fed, values, initializer=[numpy_helper.from_array(third, "double")])
    program = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path)

    got = program.run(ops, {"x": np.zeros(1, np.float32)})

    assert got["y0"].tolist() == [float(np.float32(1 / 3)), np.inf]
    assert got["y1"].tobytes() == half.astype(np.float32).tobytes()


def test_a_third_axis_has_the_size_of_the_axis_of_its_name(tmp_path):
    """A mask for each row is [batch, sequence, sequence]; the names may be any."""
    nodes = [helper.make_node("Where", ["mask", "x", "x"], ["y"])]
    fed = [
        helper.make_tensor_value_info("mask", TensorProto.BOOL, ["rows", "tokens", "tokens"]),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "tokens", 1]),
    ]
    graph = helper.make_graph(nodes, "graph", fed, [onnx.ValueInfoProto(name="y")])
    program = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path)

    assert program.spec("y").shape == ("batch", "sequence", "sequence")
