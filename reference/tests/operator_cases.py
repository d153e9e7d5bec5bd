"""Small cases of every operator that a runtime may be asked for, as programs of one step."""

from __future__ import annotations

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.types import TensorSpec, dtype_name
from distilspec.reference.tracer import Builder

RNG = np.random.default_rng(20)


def real(*shape):
    """Return float32 numbers of both signs and several magnitudes."""
    return (RNG.standard_normal(shape) * RNG.choice([0.1, 1.0, 4.0], shape)).astype(np.float32)


def small(*shape, low=-8, high=9):
    """Return float32 integers, whose sums and products float32 holds exactly."""
    return RNG.integers(low, high, shape).astype(np.float32)


def codes(dtype, *shape):
    """Return 8-bit codes over the full range."""
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max + 1, shape).astype(dtype)


def scales(*shape):
    """Return float32 scales that are no powers of two."""
    return RNG.uniform(0.01, 0.1, shape).astype(np.float32)


def mask(*shape):
    """Return a mask whose first row keeps nothing and whose last row keeps everything."""
    kept = RNG.integers(0, 2, shape).astype(np.bool_)
    kept[0], kept[-1] = False, True
    return kept


class Constant:
    """An operand that the program holds itself."""

    def __init__(self, array):
        """Hold ``array``."""
        self.array = np.asarray(array)


def one_step(op, operands, attributes):
    """Return a program of one step, and the inputs for the operands that are not constants."""
    given = {f"operand_{index}": operand for index, operand in enumerate(operands) if operand is not None}
    inputs = {name: np.asarray(value) for name, value in given.items() if not isinstance(value, Constant)}
    specs = {name: TensorSpec(dtype_name(array), array.shape) for name, array in inputs.items()}
    builder = Builder("one step", specs, {"recipe": "fp32"})
    for name, value in given.items():
        if isinstance(value, Constant):
            builder.constant(name, value.array)
    names = [None if operand is None else f"operand_{index}" for index, operand in enumerate(operands)]
    outputs = builder.emit("step", op, names, attributes)
    return builder.finish({f"result {index}": output for index, output in enumerate(outputs)}), inputs


EDGES = np.float32([-np.inf, -1, 0, 2, np.inf, np.nan])
BLOCK_SPARSE = tuple(
    Constant(part)
    for part in ops.pack_block_sparse(
        small(8, 6) * np.kron(np.eye(4, 3), np.ones((2, 2))).astype(np.float32), block_shape=(2, 2)
    )
)
BLOCK_SPARSE_CODES = (Constant(BLOCK_SPARSE[0].array.astype(np.int8)), *BLOCK_SPARSE[1:])

#: Operator, operands, attributes. Inputs are chosen so that only the named bounds are needed.
CASES = [
    ("absolute", [EDGES], {}),
    ("negate", [EDGES], {}),
    ("erf", [real(4, 5)], {}),
    ("exp", [real(4, 5)], {}),
    ("sqrt", [small(4, 5, low=0) ** 2], {}),
    ("reciprocal", [np.float32([-4, 0.25, 8])], {}),
    ("tanh", [real(4, 5)], {}),
    ("sigmoid", [real(4, 5)], {}),
    ("relu", [EDGES], {}),
    ("silu", [real(4, 5)], {}),
    ("gelu", [real(4, 5)], {}),
    ("gelu_tanh", [real(4, 5)], {}),
    ("add", [real(4, 1), real(3)], {}),
    ("add", [np.arange(3), Constant(np.int64(2**40))], {}),
    ("subtract", [small(4, 1), small(3)], {}),
    ("multiply", [small(4, 1), small(3)], {}),
    ("divide", [small(4, 3), np.float32([4, -0.5, 0])], {}),
    ("power", [small(4, 3), Constant(np.float32(2))], {}),
    ("minimum", [EDGES, small(6)], {}),
    ("maximum", [EDGES, small(6)], {}),
    ("maximum", [np.arange(3), np.int64([2])], {}),
    ("where", [mask(3, 4), EDGES[:4], real(3, 1)], {}),
    ("where", [mask(3, 4), mask(3, 4), mask(3, 1)], {}),
    ("where", [mask(3, 4), codes(np.int8, 4), codes(np.int8, 3, 1)], {}),
    ("equal", [EDGES, EDGES], {}),
    ("equal", [mask(3, 4), mask(3, 4)], {}),
    ("equal", [np.arange(4), Constant(np.int64(2))], {}),
    ("greater", [EDGES, np.float32(0)], {}),
    ("less", [codes(np.uint8, 3, 4), codes(np.uint8, 4)], {}),
    ("logical_and", [mask(3, 4), mask(4, 1)[:3]], {}),
    ("logical_or", [mask(3, 4), mask(3, 1)], {}),
    ("logical_not", [mask(3, 4)], {}),
    ("cast", [np.float32([-1.75, -0.5, 0, 0.5, 2.99])], {"dtype": "int64"}),
    ("cast", [EDGES], {"dtype": "bool"}),
    ("cast", [mask(3, 4)], {"dtype": "float"}),
    ("cast", [np.int64([-129, 127, 128, 300])], {"dtype": "int8"}),
    ("reshape", [real(2, 3, 4)], {"shape": (4, 6)}),
    ("reshape", [codes(np.int8, 2, 3, 4)], {"shape": (2, -1, 2)}),
    ("transpose", [real(2, 3, 4)], {"axes": (2, 0, 1)}),
    ("expand", [real(3, 1)], {"shape": (2, 1, 4)}),
    ("expand", [real(2, 3, 1)], {"shape": (4,)}),
    ("squeeze", [real(1, 3, 1)], {"axes": (0, -1)}),
    ("unsqueeze", [real(3)], {"axes": (0, -1)}),
    ("concat", [real(2, 3), real(2, 1), real(2, 2)], {"axis": -1}),
    ("slice", [real(5, 7)], {"axis": 1, "start": 1, "stop": -1, "step": 2}),
    ("gather", [real(5, 7), np.int64([[0, -1], [2, 2]])], {"axis": 1}),
    ("gather", [real(5, 7), np.int32([0, -1])], {}),
    ("reduce_mean", [real(3, 4, 5)], {"axes": (0, 2)}),
    ("reduce_sum", [real(3, 4, 5)], {"axes": (-1,), "keepdims": False}),
    ("reduce_sum", [np.arange(6).reshape(2, 3)], {"axes": (0,)}),
    ("reduce_max", [small(3, 4, 5)], {"axes": (1,), "keepdims": False}),
    ("reduce_min", [np.arange(6).reshape(2, 3)], {"axes": (1,)}),
    ("linear", [real(2, 3, 8), Constant(real(5, 8)), Constant(real(5))], {}),
    ("linear", [small(2, 8), Constant(small(5, 8))], {}),
    ("linear", [small(2, 8), small(5, 8), small(5)], {}),
    ("matmul", [real(2, 1, 3, 4), real(5, 4, 2)], {}),
    ("embedding", [np.int64([[0, 4], [2, 2]]), Constant(real(5, 3))], {}),
    ("layer_norm", [real(3, 8), Constant(real(8)), Constant(real(8))], {"epsilon": 1e-12}),
    ("layer_norm", [np.float32([[3, -1, -1, -1]]) + 10, Constant(small(4)), Constant(small(4))], {"epsilon": 1.0}),
    ("softmax", [real(3, 5)], {}),
    ("softmax", [real(3, 5)], {"axis": 0}),
    ("softmax", [real(3, 5), mask(3, 5)], {}),
    ("softmax", [real(2, 3, 5), mask(3, 1)], {"axis": -1}),
    ("softmax", [EDGES[[0, 1, 3, 5]], np.bool_([True, True, True, False])], {}),
    ("softmax", [np.full((1, 3), np.finfo(np.float32).min), np.bool_([True, False, True])], {}),
    ("scaled_dot_product_attention", [real(2, 3, 5, 4), real(2, 3, 6, 4), real(2, 3, 6, 2)], {"scale": 0.5}),
    (
        "scaled_dot_product_attention",
        [real(2, 3, 5, 4), real(2, 3, 5, 4), real(2, 3, 5, 4), mask(2, 1, 1, 5)],
        {"scale": 0.3},
    ),
    ("cls_pool", [real(2, 3, 4)], {}),
    ("mean_pool", [real(3, 4, 5), mask(3, 4)], {}),
    ("l2_normalize", [np.float32([[3, 4], [0, 0]])], {}),
    ("l2_normalize", [real(3, 4)], {"axis": 0, "epsilon": 2.0}),
    ("quantize", [np.float32([1, 3, -1, 600, -600, 0.7]), Constant(np.float32(2)), Constant(np.uint8(1))], {}),
    ("quantize", [real(3, 4) * 9, Constant(scales(4)), Constant(codes(np.int8, 4))], {"axis": -1}),
    ("quantize", [real(3, 4) * 9, scales(3, 1), np.int8(0)], {}),
    ("quantize", [np.float32([[1, 3, -1, np.inf]]), np.float32([[2]]), np.uint8([[1]])], {}),
    ("dequantize", [codes(np.uint8, 3, 4), Constant(np.float32(0.5)), Constant(np.uint8(7))], {}),
    ("dequantize", [Constant(codes(np.int8, 3, 4)), Constant(scales(3))], {"axis": 0}),
    ("dequantize", [codes(np.int8, 3, 4), scales(3, 1), np.int8(3)], {}),
    ("dequantize", [np.int32([2**24, -7]), Constant(np.float32(0.25))], {}),
    ("dequantize", [np.int32([[2**24, -7]]), np.float32([0.5, 2]), np.int32([2, 3])], {"axis": 1}),
    ("dynamic_quantize", [real(3, 4)], {}),
    ("dynamic_quantize_token", [real(2, 3, 4)], {}),
    ("dynamic_quantize_token", [np.float32([[0, 0], [127, -63.5]])], {}),
    ("dynamic_quantize_token", [real(4)], {}),
    ("symmetric_scale", [np.float32([0, 1e-38, 1, 254])], {}),
    ("symmetric_scale", [np.float32([0, 1e-38, 1, 254])], {"largest_code": 64}),
    ("asymmetric_scale", [np.float32([0, -1, 0.5, -1e-39]), np.float32([0, 3, 2, 0])], {}),
    ("matmul_integer", [codes(np.uint8, 2, 3, 64), Constant(codes(np.int8, 64, 5)), Constant(np.uint8(128))], {}),
    ("matmul_integer", [codes(np.int8, 3, 64), codes(np.int8, 64, 5)], {}),
    (
        "matmul_integer",
        [codes(np.uint8, 3, 8), codes(np.uint8, 8, 5), codes(np.uint8, 3, 1), codes(np.uint8, 1, 5)],
        {},
    ),
    ("unpack_block_sparse", [*BLOCK_SPARSE], {"in_features": 6}),
    ("block_sparse_linear", [small(3, 6), *BLOCK_SPARSE, Constant(small(8))], {}),
]

_QUANTIZED = [
    codes(np.uint8, 2, 3, 16),
    np.float32(0.02),
    np.uint8(131),
    Constant(codes(np.int8, 5, 16)),
    Constant(scales(5)),
]
_STATIC = [_QUANTIZED[0], Constant(np.float32(0.02)), Constant(np.uint8(131)), *_QUANTIZED[3:]]
_TOKEN = [codes(np.int8, 2, 3, 16), scales(2, 3, 1), np.int8(0), *_QUANTIZED[3:]]
_COARSE = [Constant(np.float32(64)), Constant(np.uint8(3))]
_POWERS = [codes(np.uint8, 3, 6), np.float32(0.5), np.uint8(9)]
CASES += [
    *(
        ("quantized_linear", [*operands, bias], {})
        for operands in (_QUANTIZED, _STATIC, _TOKEN)
        for bias in (None, Constant(real(5)))
    ),
    ("quantized_linear", [*_QUANTIZED[:3], codes(np.int8, 5, 16), Constant(scales(5))], {}),
    (
        "quantized_linear",
        [*_POWERS, Constant(codes(np.int8, 2, 6)), Constant(np.float32([0.5, 2])), Constant(small(2)), *_COARSE],
        {},
    ),
    (
        "quantized_block_sparse_linear",
        [*_POWERS, *BLOCK_SPARSE_CODES, Constant(np.float32([0.5, 2] * 4)), Constant(small(8))],
        {},
    ),
]
