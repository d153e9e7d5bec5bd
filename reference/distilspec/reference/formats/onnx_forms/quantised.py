"""Quantised operators, in the forms that runtimes fuse into integer kernels."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from distilspec.reference.formats.onnx_forms.graph import ELEMENT_TYPES, StepWriter

_CODE_RANGE = {"uint8": (0, 255), "int8": (-128, 127)}
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def quantize(to: StepWriter, x: str, scale: str, zero_point: str, *, axis: int | None = None) -> None:
    """
    Write QuantizeLinear for one scale, or for one scale per index of ``axis``.

    Scales that broadcast in another way are outside QuantizeLinear; they become Div, Round, Add, Clip, Cast.
    """
    if axis is not None or _is_scalar(to, scale, zero_point):
        to.result("QuantizeLinear", [x, scale, zero_point], **_axis(axis))
        return
    dtype = to.spec(zero_point).dtype
    rounded = to.node("Round", [to.node("Div", [x, scale], "quotient")], "rounded")
    shifted = to.node("Add", [rounded, to.node("Cast", [zero_point], "zero_point", to=TensorProto.FLOAT)], "shifted")
    low, high = (to.number(part, limit) for part, limit in zip(("low", "high"), _CODE_RANGE[dtype], strict=True))
    to.result("Cast", [to.node("Clip", [shifted, low, high], "clipped")], to=ELEMENT_TYPES[dtype])


def dequantize(
    to: StepWriter, codes: str, scale: str, zero_point: str | None = None, *, axis: int | None = None
) -> None:
    """
    Write DequantizeLinear for one scale, or for one scale per index of ``axis``.

    Scales that broadcast in another way, and int32 codes with a zero point, are outside DequantizeLinear; they become
    Cast, Sub, Cast, Mul.
    """
    allowed = zero_point is None or to.spec(codes).dtype != "int32"
    if allowed and (axis is not None or _is_scalar(to, scale, zero_point)):
        to.result("DequantizeLinear", [codes, scale, *([zero_point] if zero_point else [])], **_axis(axis))
        return
    if axis is not None:
        scale = _along(to, scale, axis, codes, "scale.spread")
        zero_point = _along(to, zero_point, axis, codes, "zero.spread") if zero_point else None
    centred = _centred(to, codes, zero_point, "codes", TensorProto.INT64)
    to.result("Mul", [to.node("Cast", [centred], "real", to=TensorProto.FLOAT), scale])


def dynamic_quantize(to: StepWriter, x: str) -> None:
    """Write DynamicQuantizeLinear."""
    to.graph.add("DynamicQuantizeLinear", [x], to.step.outputs)


def dynamic_quantize_token(to: StepWriter, x: str) -> None:
    """
    Write the scale as ReduceMax(Abs(x)) / 127, and QuantizeLinear on axis 0 of ``x`` flattened to one row a token.

    QuantizeLinear takes one scale per index of one axis, which only the flattened form has.
    """
    if to.spec(x).shape[-1] == 0:
        raise to.refuse("has tokens without elements; expected some because ONNX has no ReduceMax of nothing")
    codes, scale, zero_point = to.step.outputs
    largest = to.reduction("ReduceMax", to.node("Abs", [x], "magnitude"), [-1], "largest")
    to.graph.add("Where", _guarded_scale(to, largest, 127.0), [scale])
    to.graph.add("Identity", [to.constant("zero", np.array(0, np.int8))], [zero_point])
    rows = to.node("Flatten", [x], "rows", axis=-1)
    scales = to.node("Reshape", [scale, to.integers("scales.shape", [-1])], "scales")
    count = to.node("Shape", [scales], "count")
    zeros = to.node("Expand", [zero_point, count], "zeros")
    quantized = to.node("QuantizeLinear", [rows, scales, zeros], "codes", axis=0)
    to.graph.add("Reshape", [quantized, to.node("Shape", [x], "shape")], [codes])


def symmetric_scale(to: StepWriter, largest: str, *, largest_code: int = 127) -> None:
    """Write largest / largest_code, and 1 where that is smaller than the smallest normal number."""
    to.result("Where", _guarded_scale(to, largest, float(largest_code)))


def asymmetric_scale(to: StepWriter, minimum: str, maximum: str) -> None:
    """Write the range that straddles 0 divided by 255, its guard, and the rounded and clipped zero point."""
    zero = to.number("zero", 0.0)
    low = to.node("Min", [minimum, zero], "low")
    span = to.node("Sub", [to.node("Max", [maximum, zero], "high"), low], "span")
    to.result("Where", _guarded_scale(to, span, 255.0))
    quotient = to.node("Div", [to.node("Neg", [low], "negated"), to.step.name], "quotient")
    limits = [to.number("smallest", 0.0), to.number("greatest", 255.0)]
    clipped = to.node("Clip", [to.node("Round", [quotient], "rounded"), *limits], "clipped")
    to.result("Cast", [clipped], output=1, to=TensorProto.UINT8)


def matmul_integer(
    to: StepWriter, a: str, b: str, a_zero_point: str | None = None, b_zero_point: str | None = None
) -> None:
    """
    Write MatMulInteger for scalar zero points.

    Zero points that differ along an axis are outside what runtimes take there; they become Cast, Sub and an int32
    MatMul.
    """
    if _is_scalar(to, a_zero_point, b_zero_point):
        operands = [a, b, a_zero_point, b_zero_point]
        while operands[-1] is None:
            operands.pop()
        to.result("MatMulInteger", operands)
        return
    centred = [
        _centred(to, a, a_zero_point, "a", TensorProto.INT32),
        _centred(to, b, b_zero_point, "b", TensorProto.INT32),
    ]
    to.result("MatMul", centred)


def quantized_linear(
    to: StepWriter,
    x: str,
    x_scale: str,
    x_zero_point: str,
    weight: str,
    weight_scale: str,
    bias: str | None = None,
    y_scale: str | None = None,
    y_zero_point: str | None = None,
) -> None:
    """
    Write the product in the form of its recipe, as ``integer_product`` says.

    The weight becomes [in_features, out_features].
    """
    codes = to.array(weight)
    if codes is None:
        transposed = to.node("Transpose", [weight], "weight.codes", perm=[1, 0])
    else:
        transposed = to.constant("weight.codes", codes.T)
    integer_product(to, x, x_scale, x_zero_point, transposed, weight_scale, bias, y_scale, y_zero_point)


def integer_product(
    to: StepWriter,
    x: str,
    x_scale: str,
    x_zero_point: str,
    transposed: str,
    weight_scale: str,
    bias: str | None,
    y_scale: str | None = None,
    y_zero_point: str | None = None,
) -> None:
    """
    Write a quantised product whose weight is already [in_features, out_features].

    Constant scale and zero point: DequantizeLinear of ``x`` and of the weight (axis 1), MatMul, Add, which ONNX Runtime
    turns into an integer kernel. The weight's zero points are written although they are 0, because its pass for
    processors without VNNI fails without them; the bias may get the rank of ``x``, see ``_kept_apart``. A matrix ``x``
    is left out: its product and bias would become a float Gemm before integer kernels are looked for.

    In the form ``qoperator``, QLinearMatMul where the result is codes and nothing is added, else as others.

    Others: MatMulInteger, Cast, Mul by both scales, Add. One scale for all of ``x`` is multiplied by the weight's
    first, which is how ONNX Runtime recognises the form. One scale a token is not: it would fuse that too, and
    multiply the bias by the token's scale.
    """
    after = [("Add", [_kept_apart(to, bias, x)], "sum")] if bias else []
    if y_scale is not None and y_zero_point is not None:
        after.append(("QuantizeLinear", [y_scale, y_zero_point], "codes"))
    is_static = to.array(x_scale) is not None and to.array(x_zero_point) is not None and _is_scalar(to, x_scale)
    if is_static and to.graph.form == "qoperator" and bias is None and y_scale is not None and y_zero_point is not None:
        zeros = to.constant("weight.zero_point", np.zeros(int(to.spec(weight_scale).shape[0]), np.int8))
        operands = [x, x_scale, x_zero_point, transposed, weight_scale, zeros, y_scale, y_zero_point]
        to.result("QLinearMatMul", operands)
        return
    if is_static and to.graph.form == "qdq" and len(to.spec(x).shape) > 2:
        real = to.node("DequantizeLinear", [x, x_scale, x_zero_point], "x")
        zeros = to.constant("weight.zero_point", np.zeros(int(to.spec(weight_scale).shape[0]), np.int8))
        weight = to.node("DequantizeLinear", [transposed, weight_scale, zeros], "weight", axis=1)
        to.chain(("MatMul", [real, weight], "product"), *after)
        return
    accumulators = to.node("MatMulInteger", [x, transposed, x_zero_point], "accumulators")
    real = to.node("Cast", [accumulators], "real", to=TensorProto.FLOAT)
    if _is_scalar(to, x_scale):
        to.chain(("Mul", [real, to.node("Mul", [x_scale, weight_scale], "scale")], "product"), *after)
    else:
        to.chain(("Mul", [real, x_scale], "scaled"), ("Mul", [weight_scale], "product"), *after)


def _kept_apart(to: StepWriter, bias: str, x: str) -> str:
    """
    Return the bias in a shape that ONNX Runtime does not join with MatMul into a float Gemm.

    It does so where every size is fixed and the bias has one axis, before it looks for integer kernels.
    """
    value, shape = to.array(bias), to.spec(x).shape
    if value is None or any(isinstance(size, str) for size in shape):
        return bias
    return to.constant("bias", value.reshape([1] * (len(shape) - 1) + [-1]))


def _along(to: StepWriter, values: str, axis: int, like: str, part: str) -> str:
    shape = [1] * len(to.spec(like).shape)
    shape[axis] = -1
    return to.node("Reshape", [values, to.integers(f"{part}.shape", shape)], part)


def _centred(to: StepWriter, codes: str, zero_point: str | None, part: str, element_type: int) -> str:
    wide = to.node("Cast", [codes], f"{part}.wide", to=element_type)
    if zero_point is None:
        return wide
    return to.node("Sub", [wide, to.node("Cast", [zero_point], f"{part}.zero", to=element_type)], f"{part}.centred")


def _guarded_scale(to: StepWriter, span: str, steps: float) -> list[str]:
    scale = to.node("Div", [span, to.number("steps", steps)], "scale")
    small = to.node("Less", [scale, to.number("smallest_normal", _SMALLEST_NORMAL)], "is_small")
    return [small, to.number("one", 1.0), scale]


def _is_scalar(to: StepWriter, *tensors: str | None) -> bool:
    return all(to.spec(tensor).shape == () for tensor in tensors if tensor is not None)


def _axis(axis: int | None) -> dict[str, int]:
    return {} if axis is None else {"axis": axis}
