"""
Legitimate float32 implementations of the float operators, written without anything of ours: what a bound must hold.

Each function takes what the operator takes, in float32, and yields (name, result). Functions with a budget use it up,
downwards, upwards and both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from float32_arithmetic import SUMS, dots, left_to_right, sloppy
from scipy import special

Forms = Iterator[tuple[str, np.ndarray]]

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
ROOT_HALF, ROOT_TWO, ROOT_TWO_OVER_PI = (np.float32(np.sqrt(x)) for x in (0.5, 2, 2 / np.pi))
CUBIC, TINY = np.float32(0.044715), np.float32(2.0**-126)
EXP, ERF, ERFC, TANH = (sloppy(function) for function in (np.exp, special.erf, special.erfc, np.tanh))


def signs(shape):
    """Return budgets used up downwards, upwards and at random, one choice an element."""
    return [-1.0, 1.0, np.random.default_rng(7).choice([-1.0, 1.0], shape)]


def linear(x, weight, bias=None) -> Forms:
    """Yield sums in every order, with the bias as the last addend or as the first."""
    for name, product in dots(x, weight):
        yield name, product if bias is None else product + bias
    if bias is not None:
        ones = np.ones((*x.shape[:-1], 1), np.float32)
        for name, product in dots(np.concatenate([ones, x], -1), np.concatenate([bias[:, np.newaxis], weight], -1)):
            yield f"{name}, bias first", product


def matmul(a, b) -> Forms:
    """Yield sums in every order."""
    yield from dots(a, b.swapaxes(-1, -2))


def reduce_sum(x, *, axes, keepdims=True) -> Forms:
    """Yield sums in every order."""
    for name, add in SUMS.items():
        yield name, _reduced(add, x, axes, keepdims)


def reduce_mean(x, *, axes, keepdims=True) -> Forms:
    """Yield sums divided, multiplied, and of terms that are multiplied first."""
    count = np.float32(np.prod([x.shape[axis] for axis in axes]))
    for name, add in SUMS.items():
        total = _reduced(add, x, axes, keepdims)
        yield f"{name}, divided", total / count
        yield f"{name}, multiplied", total * (ONE / count)
        yield f"{name}, multiplied first", _reduced(add, x * (ONE / count), axes, keepdims)


def _reduced(add, x, axes, keepdims):
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    total = add(x.transpose(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), -1))
    return np.expand_dims(total, axes) if keepdims else total


def mean_pool(x, mask) -> Forms:
    """Yield masked sums divided, multiplied, divided by a clamped count, and as a product with weights."""
    kept = np.where(mask[..., np.newaxis], x, ZERO).swapaxes(-1, -2)
    count = np.maximum(mask.sum(axis=1), 1).astype(np.float32)[:, np.newaxis]
    clamped = np.maximum(mask.sum(axis=1).astype(np.float32), np.float32(1e-9))[:, np.newaxis]
    for name, add in SUMS.items():
        yield f"{name}, divided", add(kept) / count
        yield f"{name}, multiplied", add(kept) * (ONE / count)
        yield f"{name}, clamped", add(kept) / clamped
        yield f"{name}, weights", add(kept * (ONE / count)[..., np.newaxis])


def l2_normalize(x, *, axis=-1, epsilon=1e-12) -> Forms:
    """Yield a root and a quotient, or a reciprocal root."""
    x, epsilon = np.moveaxis(x, axis, -1), np.float32(epsilon)
    sums = {name: add(x * x)[..., np.newaxis] for name, add in SUMS.items()}
    sums["fused multiply and add"] = fused_squares(x)[..., np.newaxis]
    for name, squares in sums.items():
        yield f"{name}, root", np.moveaxis(x / np.maximum(np.sqrt(squares), epsilon), -1, axis)
        yield f"{name}, reciprocal", np.moveaxis(x * (ONE / np.maximum(np.sqrt(squares), epsilon)), -1, axis)
        root = ONE / np.sqrt(np.maximum(squares, epsilon * epsilon))
        yield f"{name}, reciprocal root", np.moveaxis(x * root, -1, axis)


def fused_squares(x):
    """Add squares with one rounding each."""
    total = np.zeros(x.shape[:-1], np.float32)
    for k in range(x.shape[-1]):
        total = (total + x[..., k].astype(np.float64) ** 2).astype(np.float32)
    return total


def layer_norm(x, weight, bias, *, epsilon) -> Forms:
    """
    Yield two passes with every sum, as a quotient and affine; a running mean and variance; one pass over x - x[0].

    The last two are yielded for the rows for which docs/derivations/layer_norm.md follows them, over two passes.
    """
    n, epsilon = np.float32(x.shape[-1]), np.float32(epsilon)
    for name, add in SUMS.items():
        mean = (add(x) / n)[..., np.newaxis]
        d = x - mean
        variance = (add(d * d) * (ONE / n))[..., np.newaxis]
        usual = d / np.sqrt(variance + epsilon) * weight + bias
        yield f"{name}, divided", usual
        root = ONE / np.sqrt(variance + epsilon)
        yield f"{name}, weight first", d * (root * weight) + bias
        yield f"{name}, affine", x * (root * weight) + (bias - mean * (root * weight))
        t = x - x[..., :1]
        mean_t = (add(t) / n)[..., np.newaxis]
        variance = (add(t * t) / n)[..., np.newaxis] - mean_t * mean_t
        shifted = (t - mean_t) / np.sqrt(variance + epsilon) * weight + bias
        yield f"{name}, shifted", np.where(_first_is_near(x, epsilon), shifted, usual)
        beside = (x - (x[..., :1] + mean_t)) / np.sqrt(variance + epsilon) * weight + bias
        yield f"{name}, shifted and moved back", np.where(_first_is_near(x, epsilon), beside, usual)
    for lanes in (1, 8):
        if x.shape[-1] <= 64 * lanes:
            mean, variance = running_statistics(x, lanes)
            running = (x - mean) * (ONE / np.sqrt(variance + epsilon)) * weight + bias
            yield f"running in {lanes}", np.where(_mean_is_near(x, epsilon), running, usual)


def _deviation(x, epsilon):
    x = x.astype(np.float64)
    return x.mean(-1, keepdims=True), np.sqrt(x.var(-1, keepdims=True) + epsilon)


def _first_is_near(x, epsilon):
    mean, deviation = _deviation(x, epsilon)
    return np.abs(x[..., :1] - mean) <= 1.99 * deviation


def _mean_is_near(x, epsilon):
    n, (_, deviation) = x.shape[-1], _deviation(x, epsilon)
    chain = min(n, max(64, n / 8))
    lag = (2 * chain + 40 + 8 * np.log2(n)) * 2.0**-24 * np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True))
    return lag <= 0.14 * deviation


def running_statistics(x, lanes=8):
    """Return mean and variance by Welford's updates in each lane, and Chan's formula between lanes."""
    parts = []
    for lane in range(min(lanes, x.shape[-1])):
        mean, squares = np.zeros(x.shape[:-1], np.float32), np.zeros(x.shape[:-1], np.float32)
        for count, column in enumerate(range(lane, x.shape[-1], lanes), 1):
            delta = x[..., column] - mean
            mean = mean + delta / np.float32(count)
            squares = squares + delta * (x[..., column] - mean)
        parts.append((np.float32(count), mean, squares))
    while len(parts) > 1:
        parts = [_merged(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) // 2 * 2 :]
    count, mean, squares = parts[0]
    return mean[..., np.newaxis], (squares / count)[..., np.newaxis]


def _merged(first, second):
    (count_a, mean_a, squares_a), (count_b, mean_b, squares_b) = first, second
    count, delta = count_a + count_b, mean_b - mean_a
    return (
        count,
        mean_a + delta * (count_b / count),
        squares_a + squares_b + delta * delta * (count_a * count_b / count),
    )


def softmax(x, kept=None) -> Forms:
    """Yield every sum, divided and multiplied; a running sum that is rescaled after 64 entries, and after each."""
    kept = np.ones(x.shape, np.bool_) if kept is None else np.broadcast_to(kept, x.shape)
    masked = np.where(kept, x, -np.inf).astype(np.float32)
    largest = masked.max(axis=-1, keepdims=True, initial=-np.inf)
    shifted = np.where(kept, masked - np.where(np.isfinite(largest), largest, 0), -np.inf).astype(np.float32)
    for (name, add), sign in zip(SUMS.items(), 2 * signs(x.shape), strict=True):
        e = np.where(kept, EXP(shifted, sign), ZERO)
        total = add(e)[..., np.newaxis]
        safe = np.where(total == 0, ONE, total)
        yield f"{name}, divided", e / safe
        yield f"{name}, multiplied", e * (ONE / safe)
    ones = np.ones((*x.shape[:-2], x.shape[-1], 1), np.float32)
    for block, sign in zip((64, 64, 1), signs(x.shape), strict=True):
        _, total, rescaled = online(masked, kept, ones, sign, block)
        yield f"in blocks of {block}", rescaled / np.where(total == 0, ONE, total)


def online(masked, kept, value, sign, block):
    """Return sum of e v, sum of e, and e, rescaled whenever a block of keys holds a larger score than all before it."""
    keys, largest = masked.shape[-1], np.full((*masked.shape[:-1], 1), -np.inf, np.float32)
    total, sums, parts = np.zeros_like(largest), np.zeros((*masked.shape[:-1], value.shape[-1]), np.float32), []
    sign = np.broadcast_to(sign, masked.shape)
    for start in range(0, keys, block):
        here = np.s_[..., start : start + block]
        new = np.maximum(largest, masked[here].max(axis=-1, keepdims=True))
        base = np.where(np.isfinite(new), new, ZERO)
        e = np.where(kept[here], EXP(masked[here] - base, sign[here]), ZERO)
        old = np.where(np.isfinite(largest), EXP(largest - base, np.sign(sign[here][..., :1])), ZERO)
        rescale = np.where(largest == new, ONE, old)
        total = total * rescale + left_to_right(e)[..., np.newaxis]
        terms = e[..., np.newaxis, :] * value[..., start : start + block, :].swapaxes(-1, -2)[..., np.newaxis, :, :]
        sums = sums * rescale + left_to_right(terms)
        parts = [part * rescale for part in parts] + [e]
        largest = new
    return sums, total, np.concatenate(parts, axis=-1) if parts else masked


def scaled_dot_product_attention(query, key, value, mask=None, *, scale) -> Forms:
    """Yield each sum, the scale before, after or as a root on both; division before or after; online in blocks."""
    mask = np.ones((query.shape[-2], key.shape[-2]), np.bool_) if mask is None else mask
    factor, root = np.float32(scale), np.float32(np.sqrt(abs(scale)))
    keys, columns = key[..., np.newaxis, :, :], value.swapaxes(-1, -2)[..., np.newaxis, :, :]
    scaled = {
        "scale after": lambda add: add(query[..., np.newaxis, :] * keys) * factor,
        "scale before": lambda add: add((query * factor)[..., np.newaxis, :] * keys),
        "root on both": lambda add: add((query * root)[..., np.newaxis, :] * (keys * np.sign(factor) * root)),
    }
    for index, (name, add) in enumerate(SUMS.items()):
        place = list(scaled)[index % 3]
        scores = scaled[place](add)
        sign = signs(scores.shape)[(index + index // 3) % 3]
        kept = np.broadcast_to(mask, scores.shape)
        masked = np.where(kept, scores, -np.inf).astype(np.float32)
        largest = masked.max(axis=-1, keepdims=True, initial=-np.inf)
        e = np.where(kept, EXP(masked - np.where(np.isfinite(largest), largest, 0), sign), ZERO)
        total = add(e)[..., np.newaxis]
        total = np.where(total == 0, ONE, total)
        yield f"{name}, {place}, divided first", add((e / total)[..., np.newaxis, :] * columns)
        yield f"{name}, {place}, divided last", add(e[..., np.newaxis, :] * columns) / total
        block = 64 if index % 2 else 1
        sums, total, _ = online(masked, kept, value, sign, block)
        yield f"{name}, {place}, in blocks of {block}", sums / np.where(total == 0, ONE, total)


def gelu(x) -> Forms:
    """Yield the erf form in three orders, and that with erfc."""
    for sign in (-1.0, 1.0):
        share = ONE + ERF(x * ROOT_HALF, sign)
        yield "half first", HALF * x * share
        yield "half last", x * share * HALF
        yield "divided", x * (HALF * (ONE + ERF(x / ROOT_TWO, sign)))
        yield "erfc", HALF * x * ERFC(-x * ROOT_HALF, 0.0)


def gelu_tanh(x) -> Forms:
    """Yield the tanh form with a cube and with a square, through tanh and through exp."""
    cubed = ROOT_TWO_OVER_PI * (x + CUBIC * (x * x * x))
    squared = x * (ROOT_TWO_OVER_PI * (ONE + CUBIC * (x * x)))
    for sign in (-1.0, 1.0):
        for name, inner in (("cube", cubed), ("square", squared)):
            yield name, HALF * x * (ONE + TANH(inner, sign))
            yield f"{name}, exp", x / (ONE + EXP(-TWO * inner, sign))


def sigmoid(x) -> Forms:
    """Yield forms through exp of either sign, through tanh, and the rest of 1."""
    for sign in (-1.0, 1.0):
        e = EXP(-x, sign)
        yield "through exp", ONE / (ONE + e)
        small = EXP(-np.abs(x), sign)
        yield "without overflow", np.where(x < 0, small / (ONE + small), ONE / (ONE + small))
        yield "through tanh", HALF * (ONE + TANH(HALF * x, sign))
        yield "through tanh, half inside", HALF + HALF * TANH(HALF * x, sign)
        yield "the rest of 1", ONE - ONE / (ONE + EXP(x, sign))


def silu(x) -> Forms:
    """Yield a product with a sigmoid, and a quotient."""
    for name, share in sigmoid(x):
        yield name, x * share
    for sign in (-1.0, 1.0):
        yield "quotient", x / (ONE + EXP(-x, sign))


def add(a, b) -> Forms:
    """Yield one rounding."""
    yield "sum", a + b


def subtract(a, b) -> Forms:
    """Yield one rounding."""
    yield "difference", a - b


def multiply(a, b) -> Forms:
    """Yield one rounding."""
    yield "product", a * b


def divide(a, b) -> Forms:
    """Yield a quotient, and a product with a reciprocal."""
    yield "quotient", a / b
    yield "reciprocal", a * (ONE / b)


def reciprocal(x) -> Forms:
    """Yield a quotient."""
    yield "quotient", ONE / x


def sqrt(x) -> Forms:
    """Yield a root, and a product with a reciprocal root."""
    yield "root", np.sqrt(x)
    yield "reciprocal root", np.where(x == 0, x, x * (ONE / np.sqrt(x)))


def power(a, b) -> Forms:
    """Yield a pow with its budget, and the products, roots and quotients that stand for common exponents."""
    for sign in (-1.0, 1.0):
        yield "8 ulp", sloppy(lambda base: base ** b.astype(np.float64))(a, sign)
    common = {2: a * a, 3: a * a * a, 0.5: np.sqrt(a), -1: ONE / a, -0.5: ONE / np.sqrt(a)}
    exact = np.power(a, b)
    for exponent, special_case in common.items():
        yield f"exponent {exponent}", np.where(b == np.float32(exponent), special_case, exact)


def dequantize(codes, scale, zero_point=None, *, axis=None) -> Forms:
    """Yield an exact difference and one product."""
    shape = [1] * codes.ndim
    if axis is not None:
        shape[axis] = -1
        scale = scale.reshape(shape)
    zero = ZERO if zero_point is None else zero_point.astype(np.float32).reshape(shape if axis is not None else ())
    yield "product", scale * (codes.astype(np.float32) - zero)


def quantize(x, scale, zero_point) -> Forms:
    """Yield a quotient, and a product with a rounded reciprocal."""
    limits = np.iinfo(zero_point.dtype)
    for name, quotient in (("division", x / scale), ("reciprocal", x * (ONE / scale))):
        yield name, np.clip(np.rint(quotient) + np.float32(zero_point), limits.min, limits.max).astype(zero_point.dtype)


def dynamic_quantize(x) -> Forms:
    """Yield codes, scale and zero point, with each division as such or as a product with a reciprocal."""
    low, high = min(x.min(), ZERO), max(x.max(), ZERO)
    for name, divided in (("division", np.divide), ("reciprocal", lambda a, b: a * (ONE / b))):
        scale = divided(high - low, np.float32(255))
        scale = np.asarray(ONE if scale < TINY else scale)
        zero = np.asarray(np.clip(np.rint(divided(-low, scale)), 0, 255), np.uint8)
        yield name, (np.clip(np.rint(divided(x, scale)) + zero, 0, 255).astype(np.uint8), scale, zero)


def dynamic_quantize_token(x) -> Forms:
    """Yield codes and scales of one row each, with each division as such or as a product with a reciprocal."""
    largest = np.abs(x).max(axis=-1, keepdims=True)
    for name, divided in (("division", np.divide), ("reciprocal", lambda a, b: a * (ONE / b))):
        scale = divided(largest, np.float32(127))
        scale = np.where(scale < TINY, ONE, scale).astype(np.float32)
        yield name, (np.clip(np.rint(divided(x, scale)), -128, 127).astype(np.int8), scale, np.zeros((), np.int8))


def quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias=None) -> Forms:
    """Yield the epilogue of an exact accumulator in every order and with a fused last step."""
    accumulator = ((x.astype(np.int64) - x_zero_point) @ weight.T.astype(np.int64)).astype(np.int32)
    yield from epilogues(accumulator, x_scale, weight_scale, ZERO if bias is None else bias)


def epilogues(accumulator, x_scale, weight_scale, bias) -> Forms:
    """Yield acc * x_scale * weight_scale + bias in float32."""
    acc, factors = accumulator.astype(np.float32), (x_scale, weight_scale)
    for first, second in (factors, factors[::-1]):
        yield "one by one", acc * first * second + bias
    yield "scales first", acc * (x_scale * weight_scale) + bias
    exact = acc.astype(np.float64) * (x_scale * weight_scale).astype(np.float64)
    yield "fused", (exact + bias).astype(np.float32)


def exact(function) -> Callable[..., Forms]:
    """Return the only form of an operator that does not round."""

    def evaluate(*operands, **attributes) -> Forms:
        yield "exact", function(*operands, **attributes)

    return evaluate


def one(function) -> Callable[..., Forms]:
    """Return the forms of a function that has a budget and nothing else."""

    def evaluate(x) -> Forms:
        for sign in (-1.0, 1.0):
            yield "8 ulp", function(x, sign)

    return evaluate


exp, erf, tanh = one(EXP), one(ERF), one(TANH)

absolute, negate, minimum, maximum = exact(np.abs), exact(np.negative), exact(np.minimum), exact(np.maximum)
relu = exact(lambda x: np.maximum(x, ZERO))
reduce_max = exact(lambda x, axes, keepdims=True: x.max(axis=axes, keepdims=keepdims))
reduce_min = exact(lambda x, axes, keepdims=True: x.min(axis=axes, keepdims=keepdims))
