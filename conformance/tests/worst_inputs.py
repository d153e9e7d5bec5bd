"""
Inputs on which a legitimate float32 form comes as near to its bound as is known, one for every operator that rounds.

    PYTHONPATH=conformance/tests python -m worst_inputs

renews the tables of docs/derivations/README.md and segments.md, with which tests in conformance/tests/bounds agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import float32_forms
import numpy as np
from float32_arithmetic import left_to_right, right_to_left, share_used
from fused_segments import SEGMENTS, fused

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference import ops

README = Path(__file__).resolve().parents[2] / "docs" / "derivations" / "README.md"
TABLE = re.compile(r"(?<=<!-- operators -->\n).*?(?=<!-- end of operators -->)", re.DOTALL)
SEGMENT_PAGE = README.with_name("segments.md")
SEGMENT_TABLE = re.compile(r"(?<=<!-- segments -->\n).*?(?=<!-- end of segments -->)", re.DOTALL)

#: Fused kernels that are tried on the worst operands of a segment.
CHOICES = 24

UNIT = 2.0**-24
LOST = np.float32(0.999 * UNIT)
ONE = np.float32(1)


@dataclass(frozen=True)
class Worst:
    """
    How an operator is driven towards its bound.

    Parameters
    ----------
    page : str
        The derivation.
    search : str
        The test that looks for a form that leaves the bound, as file::function.
    how : str
        What makes the roundings add up.
    reach : callable
        Returns the bound and what a legitimate form made.
    """

    page: str
    search: str
    how: str
    reach: Callable[[], tuple[Bounded, np.ndarray]]

    @property
    def used(self) -> float:
        """Return the largest share of its bound that an element used, and fail when the bound was left."""
        with np.errstate(all="ignore"):
            bounded, got = self.reach()
            shares = np.abs(got.astype(np.float64) - bounded.value) / bounded.error
        if not bounded.contains(got).all():
            raise AssertionError("a legitimate form left the bound")
        return float(shares[bounded.error > 0].max())


WORST: dict[str, Worst] = {}


def worst(operator: str, page: str, search: str, how: str):
    """Register what drives ``operator`` towards its bound."""

    def register(reach):
        WORST[operator] = Worst(page, search, how, reach)
        return reach

    return register


def lost_addends(n):
    """Return 1 and n - 1 numbers that are each too small to move a sum of at least 1."""
    x = np.full(n, LOST, np.float32)
    x[0] = 1
    return x


def largest_of(operator, forms, *operands, **attributes):
    """Return the bound, and for every element the result of the form that is farthest from the real value."""
    bounded = getattr(bounds, operator)(*operands, **attributes)
    results = np.stack([got for _, got in forms(*operands, **attributes)])
    farthest = np.abs(results - bounded.value).argmax(axis=0)
    return bounded, np.take_along_axis(results, farthest[np.newaxis], axis=0)[0]


def grid(low, high):
    """Return a thousand arguments."""
    return np.linspace(low, high, 1000).astype(np.float32)


def mantissas(seed, *shape):
    """Return numbers in [1, 2), whose roundings are as large, relative to them, as they get."""
    return np.random.default_rng(seed).uniform(1, 2, shape).astype(np.float32)


for _operator in ("add", "subtract", "multiply"):
    worst(_operator, "elementwise", "test_elementwise.py::test_two_operands", "one rounding, which is known")(
        lambda operator=_operator: largest_of(
            operator, getattr(float32_forms, operator), mantissas(0, 1000), mantissas(1, 1000) / np.float32(1000)
        )
    )


@worst("divide", "elementwise", "test_elementwise.py::test_two_operands", "product with a rounded reciprocal")
def _divide():
    return largest_of("divide", float32_forms.divide, mantissas(0, 10**5), mantissas(1, 10**5))


@worst("reciprocal", "elementwise", "test_elementwise.py::test_one_operand", "the rounding of a quotient")
def _reciprocal():
    return largest_of("reciprocal", float32_forms.reciprocal, mantissas(0, 10**5))


@worst("sqrt", "elementwise", "test_transcendental.py::test_no_form_leaves_the_bound", "x times a reciprocal root")
def _sqrt():
    return largest_of("sqrt", float32_forms.sqrt, mantissas(0, 10**5) * np.float32(2))


@worst("power", "elementwise", "test_transcendental.py::test_a_power_stays_inside_where_it_is_bounded", "its budget")
def _power():
    return largest_of("power", float32_forms.power, mantissas(0, 1000), np.full(1000, 2.5, np.float32))


for _operator in ("exp", "erf", "tanh"):
    worst(_operator, _operator, "test_transcendental.py::test_no_form_leaves_the_bound", "its budget")(
        lambda operator=_operator: largest_of(operator, getattr(float32_forms, operator), grid(-3, 3))
    )
for _operator in ("sigmoid", "silu"):
    worst(_operator, _operator, "test_transcendental.py::test_no_form_leaves_the_bound", "the budget of tanh")(
        lambda operator=_operator: largest_of(operator, getattr(float32_forms, operator), grid(-9, 9))
    )


@worst("gelu", "gelu", "test_gelu.py::test_no_form_leaves_the_bound", "the budget of erf")
def _gelu():
    return largest_of("gelu", float32_forms.gelu, grid(-9, 9))


@worst("gelu_tanh", "gelu_tanh", "test_gelu.py::test_no_form_leaves_the_bound", "the budget of tanh")
def _gelu_tanh():
    return largest_of("gelu_tanh", float32_forms.gelu_tanh, grid(-9, 9))


@worst("linear", "linear", "test_linear.py::test_no_order_of_summation_leaves_the_bound", "a sum that loses addends")
def _linear():
    x, weight = lost_addends(1000)[np.newaxis], np.ones((1, 1000), np.float32)
    return bounds.linear(x, weight), left_to_right(x * weight)[:, np.newaxis]


@worst(
    "block_sparse_linear",
    "linear",
    "test_linear.py::test_block_sparse_has_the_bound_of_the_dense_product",
    "a sum that loses addends",
)
def _block_sparse_linear():
    x, weight = lost_addends(1000)[np.newaxis], np.ones((1, 1000), np.float32)
    packed = ops.pack_block_sparse(weight, block_shape=(1, 1))
    return bounds.block_sparse_linear(x, *packed), left_to_right(x * weight)[:, np.newaxis]


@worst("matmul", "matmul", "test_matmul.py::test_no_order_of_summation_leaves_the_bound", "a sum that loses addends")
def _matmul():
    a, b = lost_addends(1000)[np.newaxis], np.ones((1000, 1), np.float32)
    return bounds.matmul(a, b), left_to_right(a * b.T)[:, np.newaxis]


@worst("reduce_sum", "elementwise", "test_elementwise.py::test_reductions", "a sum that loses addends")
def _reduce_sum():
    x = lost_addends(1000)[np.newaxis]
    return bounds.reduce_sum(x, axes=(1,)), left_to_right(x)[:, np.newaxis]


@worst("reduce_mean", "elementwise", "test_elementwise.py::test_reductions", "a sum that loses addends")
def _reduce_mean():
    x = lost_addends(1000)[np.newaxis]
    return bounds.reduce_mean(x, axes=(1,)), (left_to_right(x) / np.float32(1000))[:, np.newaxis]


@worst("mean_pool", "mean_pool", "test_mean_pool.py::test_no_form_leaves_the_bound", "a sum that loses addends")
def _mean_pool():
    x = lost_addends(1000)[np.newaxis, :, np.newaxis]
    mean = left_to_right(x[..., 0]) / np.float32(1000)
    return bounds.mean_pool(x, np.ones((1, 1000), np.bool_)), mean[:, np.newaxis]


@worst(
    "l2_normalize", "l2_normalize", "test_l2_normalize.py::test_no_form_leaves_the_bound", "squares that a sum loses"
)
def _l2_normalize():
    x = np.sqrt(lost_addends(1000))[np.newaxis]
    return bounds.l2_normalize(x), x / np.sqrt(left_to_right(x * x))[:, np.newaxis]


@worst(
    "layer_norm",
    "layer_norm",
    "test_layer_norm.py::test_no_legitimate_form_leaves_the_bound",
    "a sum that loses addends",
)
def _layer_norm():
    x, n = lost_addends(1000)[np.newaxis, ::-1], np.float32(1000)
    d = x - (right_to_left(x) / n)[:, np.newaxis]
    got = d / np.sqrt((right_to_left(d * d) / n)[:, np.newaxis] + np.float32(1e-12))
    return bounds.layer_norm(x, np.ones(1000, np.float32), np.zeros(1000, np.float32), epsilon=1e-12), got


@worst("softmax", "softmax", "test_softmax.py::test_no_form_leaves_the_bound", "exponentials that a sum loses")
def _softmax():
    x = np.log(lost_addends(4000))[np.newaxis].astype(np.float32)
    e = np.exp(x)
    return bounds.softmax(x), e / left_to_right(e)[:, np.newaxis]


@worst(
    "scaled_dot_product_attention",
    "scaled_dot_product_attention",
    "test_scaled_dot_product_attention.py::test_no_form_leaves_the_bound",
    "scores that lose addends, upwards where the value is 1, downwards where it is -1",
)
def _attention():
    query = np.concatenate([[64], np.full(999, 64 * LOST)]).astype(np.float32)[np.newaxis]
    key = np.stack([np.concatenate([[1], np.full(999, sign)]) for sign in (-1.0, 1.0)]).astype(np.float32)
    value = np.float32([[1], [-1]])
    scores = left_to_right(query * key)
    e = np.exp(scores - scores.max())
    got = left_to_right(e * value[:, 0]) / left_to_right(e)
    return bounds.scaled_dot_product_attention(query, key, value, scale=1.0), np.reshape(got, (1, 1))


@worst("cast", "elementwise", "test_elementwise.py::test_casts", "an integer beyond 2^24")
def _cast():
    x = np.int64([2**24 + 1])
    return bounds.cast(x, dtype="float"), x.astype(np.float32)


@worst("dequantize", "quantize", "test_quantize.py::test_dequantize_rounds_once", "one product")
def _dequantize():
    codes, zero = np.arange(256, dtype=np.uint8), np.asarray(np.uint8(3))
    scale = np.asarray(mantissas(3))
    return largest_of("dequantize", float32_forms.dequantize, codes, scale, zero)


@worst(
    "quantize",
    "quantize",
    "test_quantize.py::test_uncertain_values_scales_and_zero_points_give_every_code_that_they_reach",
    "a reciprocal beside a tie",
)
def _quantize():
    scale = mantissas(4, 10**5)
    x = np.float32(45.5) * scale
    beside = x.astype(np.float64) != 45.5 * scale.astype(np.float64)
    return largest_of("quantize", float32_forms.quantize, x[beside], scale[beside], np.asarray(np.uint8(0)))


@worst(
    "symmetric_scale",
    "dynamic_quantize",
    "test_dynamic_quantize.py::test_no_form_leaves_the_sets",
    "a reciprocal of 127",
)
def _symmetric_scale():
    largest = mantissas(5, 10**5)
    return bounds.symmetric_scale(largest), largest * (ONE / np.float32(127))


@worst(
    "asymmetric_scale",
    "dynamic_quantize",
    "test_dynamic_quantize.py::test_no_form_leaves_the_sets",
    "a reciprocal of 255",
)
def _asymmetric_scale():
    low, high = -mantissas(6, 10**5), mantissas(7, 10**5)
    return bounds.asymmetric_scale(low, high).scale, (high - low) * (ONE / np.float32(255))


@worst(
    "dynamic_quantize",
    "dynamic_quantize",
    "test_dynamic_quantize.py::test_no_form_leaves_the_sets",
    "a zero point beside a tie",
)
def _dynamic_quantize():
    x = np.float32([-1, 1]) * mantissas(6, 1)
    scale = (x[1] - x[0]) * (ONE / np.float32(255))
    zero = np.rint(-x[0] * (ONE / scale))
    return bounds.dynamic_quantize(x).zero_point, np.asarray(zero)


@worst(
    "dynamic_quantize_token",
    "dynamic_quantize",
    "test_dynamic_quantize.py::test_no_form_leaves_the_sets",
    "codes beside a tie",
)
def _dynamic_quantize_token():
    largest = mantissas(8, 10**4)
    x = np.stack([largest, np.float32(45.5) * (largest / np.float32(127))], axis=-1)
    scale = largest[:, np.newaxis] * (ONE / np.float32(127))
    return bounds.dynamic_quantize_token(x).codes, np.rint(x * (ONE / scale))


@worst(
    "quantized_linear",
    "quantized_linear",
    "test_quantized_linear.py::test_no_epilogue_leaves_the_bound",
    "every step of the epilogue",
)
def _quantized_linear():
    return largest_of("quantized_linear", float32_forms.quantized_linear, *_quantized_operands())


def _quantized_operands():
    random = np.random.default_rng(2)
    x = random.integers(0, 255, (64, 2048), np.uint8, endpoint=True)
    weight = random.integers(100, 127, (64, 2048), np.int8, endpoint=True)
    scale = np.asarray(np.float32(random.uniform(1, 2)))
    return x, scale, np.asarray(np.uint8(0)), weight, mantissas(9, 64), mantissas(10, 64) * np.float32(2.0**20)


@worst(
    "quantized_block_sparse_linear",
    "quantized_linear",
    "test_quantized_linear.py::test_no_epilogue_leaves_the_bound",
    "every step of the epilogue",
)
def _quantized_block_sparse_linear():
    x, scale, zero, weight, weight_scale, bias = _quantized_operands()
    packed = ops.pack_block_sparse(weight, block_shape=(4, 1))
    _, got = largest_of("quantized_linear", float32_forms.quantized_linear, *_quantized_operands())
    return bounds.quantized_block_sparse_linear(x, scale, zero, *packed, weight_scale, bias), got


def table() -> str:
    """Return the table of operators that round: derivation, search, worst input, share of the bound that it reaches."""
    rows = ["| operator | derivation | searched by | driven by | reaches |", "|---|---|---|---|--:|"]
    for operator in sorted(WORST):
        entry = WORST[operator]
        rows.append(
            f"| `{operator}` | [{entry.page}]({entry.page}.md) | `{entry.search}` | {entry.how} | {entry.used:.0%} |"
        )
    return "\n".join(rows) + "\n"


def segment_table() -> str:
    """Return the table of segments: the operators, and the share of the bound that fused kernels reach."""
    rows = ["| segment | reaches |", "|---|--:|"]
    rows += [f"| {name} | {segment_used(name):.0%} |" for name in SEGMENTS]
    return "\n".join(rows) + "\n"


def segment_used(name: str) -> float:
    """Return the largest share of the bound of a segment that fused kernels use, on its worst operands."""
    segment = SEGMENTS[name]
    operands = segment.worst()
    bounded = segment.run(bounds, *map(Bounded.exact, operands))
    return share_used(bounded, fused(segment.run, CHOICES), *operands)


if __name__ == "__main__":
    README.write_text(TABLE.sub(lambda _: table(), README.read_text()))
    SEGMENT_PAGE.write_text(SEGMENT_TABLE.sub(lambda _: segment_table(), SEGMENT_PAGE.read_text()))
