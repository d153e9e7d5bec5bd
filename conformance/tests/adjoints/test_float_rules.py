"""Every reverse rule of a float operator against torch's automatic differentiation, for drawn shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pulling_back import pulled_back, torch_gradients
from torch.nn import functional

SIZES = st.sampled_from([1, 2, 3, 7])
SHAPES = st.lists(SIZES, min_size=1, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)

ONE = {
    "absolute": torch.abs,
    "cast": lambda x: x * 1,
    "erf": torch.erf,
    "exp": torch.exp,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "negate": torch.neg,
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
}
TWO = {
    "add": torch.add,
    "divide": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "multiply": torch.mul,
    "power": torch.pow,
    "subtract": torch.sub,
}
ATTRIBUTES = {"cast": {"dtype": "float"}}
POSITIVE = ("divide", "power", "reciprocal", "sqrt")


def agree(operator, operands, forward, seed, **attributes):
    """Compare the rule of an operator with the gradients of a torch function, for a random cotangent."""
    expected, cotangent = torch_gradients(forward, operands, seed)
    found = pulled_back(operator, operands, cotangent, **attributes)
    for position, gradient in expected.items():
        assert found[position].shape == gradient.shape
        np.testing.assert_allclose(found[position], gradient, rtol=1e-9, atol=1e-11)


def normal(seed, *shape):
    """Return float64 numbers that are not near 0, where some functions have no derivative."""
    x = np.random.default_rng(seed).standard_normal(shape)
    return x + 0.1 * np.sign(x)


@pytest.mark.parametrize("operator", ONE)
@settings(max_examples=10)
@given(shape=SHAPES, seed=SEEDS)
def test_functions_of_one_element(operator, shape, seed):
    """The derivative, element by element."""
    x = normal(seed, *shape)
    agree(operator, [np.abs(x) if operator in POSITIVE else x], ONE[operator], seed, **ATTRIBUTES.get(operator, {}))


@st.composite
def two_that_broadcast(draw):
    """Draw two arrays whose shapes are one shape, with 1 in place of some sizes and without some leading axes."""
    whole = draw(SHAPES)
    shapes = [[draw(st.sampled_from([1, size])) for size in whole[draw(st.integers(0, len(whole))) :]] for _ in "ab"]
    seed = draw(SEEDS)
    return [normal(seed + index, *shape) for index, shape in enumerate(shapes)]


@pytest.mark.parametrize("operator", TWO)
@settings(max_examples=20)
@given(operands=two_that_broadcast(), seed=SEEDS)
def test_functions_of_two_elements_with_broadcasting(operator, operands, seed):
    """A cotangent is summed over the axes along which its operand was repeated."""
    agree(operator, [np.abs(x) for x in operands] if operator in POSITIVE else operands, TWO[operator], seed)


@settings(max_examples=20)
@given(operands=two_that_broadcast(), seed=SEEDS, data=st.data())
def test_where_sends_the_cotangent_to_what_was_taken(operands, seed, data):
    """All three operands broadcast."""
    whole = np.broadcast_shapes(*(operand.shape for operand in operands))
    shape = [data.draw(st.sampled_from([1, size])) for size in whole]
    condition = np.random.default_rng(seed).random(shape) < 0.5
    agree("where", [condition, *operands], torch.where, seed)


def test_a_power_has_a_derivative_at_zero():
    """D x^2 / d x = 0 and d x^0 / d x = 0 at x = 0, where exponent * base^(exponent - 1) alone would be NaN."""
    base, exponent = np.zeros(3), np.array([2.0, 1.0, 0.0])

    np.testing.assert_array_equal(pulled_back("power", [base, exponent], np.ones(3))[0], [0.0, 1.0, 0.0])


@settings(max_examples=20)
@given(leading=st.lists(SIZES, max_size=2).map(tuple), sizes=st.tuples(SIZES, SIZES), bias=st.booleans(), seed=SEEDS)
def test_linear(leading, sizes, bias, seed):
    """X of any rank, with and without bias."""
    outputs, inputs = sizes
    operands = [normal(seed, *leading, inputs), normal(seed + 1, outputs, inputs)]
    agree("linear", [*operands, normal(seed + 2, outputs)] if bias else operands, functional.linear, seed)


@settings(max_examples=20)
@given(batches=two_that_broadcast(), sizes=st.tuples(SIZES, SIZES, SIZES), seed=SEEDS)
def test_matmul_with_broadcast_batches(batches, sizes, seed):
    """Leading axes of either factor may be repeated."""
    m, k, n = sizes
    left, right = (batch.shape for batch in batches)
    agree("matmul", [normal(seed, *left, m, k), normal(seed + 1, *right, k, n)], torch.matmul, seed)


@settings(max_examples=20)
@given(shape=SHAPES, epsilon=st.sampled_from([1e-12, 1e-5, 0.1]), seed=SEEDS)
def test_layer_norm(shape, epsilon, seed):
    """x, weight and bias; rows of one element and of two, whose variance may be all there is."""
    operands = [normal(seed, *shape), normal(seed + 1, shape[-1]), normal(seed + 2, shape[-1])]

    def forward(x, weight, bias):
        centred = x - x.mean(-1, keepdim=True)
        return centred / ((centred**2).mean(-1, keepdim=True) + epsilon).sqrt() * weight + bias

    expected, cotangent = torch_gradients(forward, operands, seed)
    found = pulled_back("layer_norm", operands, cotangent, epsilon=epsilon)
    deviation = np.sqrt(operands[0].var(axis=-1, keepdims=True) + epsilon)
    for position, gradient in expected.items():
        size = np.abs(cotangent).max() * np.abs(operands[1]).max() / (deviation.min() if position == 0 else 1.0)
        np.testing.assert_allclose(found[position], gradient, rtol=1e-7, atol=1e-9 * (1 + size))


@settings(max_examples=30)
@given(shape=SHAPES, masked=st.booleans(), seed=SEEDS, data=st.data())
def test_softmax_on_any_axis_with_any_mask(shape, masked, seed, data):
    """A masked entry and a row without a kept entry move nothing."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = normal(seed, *shape)
    mask_shape = [data.draw(st.sampled_from([1, size])) for size in shape]
    mask = np.random.default_rng(seed).random(mask_shape) < 0.6

    def forward(x, mask=None):
        if mask is None:
            return torch.softmax(x, axis)
        e = torch.where(mask, x.exp(), 0.0)
        return e / torch.where(e.sum(axis, keepdim=True) == 0, 1.0, e.sum(axis, keepdim=True))

    agree("softmax", [x, mask] if masked else [x], forward, seed, axis=axis)


@settings(max_examples=30)
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES, SIZES, SIZES, SIZES),
    masked=st.sampled_from(["absent", "None", "keys", "all"]),
    seed=SEEDS,
)
def test_attention_with_any_mask(sizes, masked, seed):
    """Heads, a mask of keys or of queries and keys, rows without a kept key, values wider than keys."""
    batch, heads, queries, keys, width, value_width = sizes
    operands = [
        normal(seed, batch, heads, queries, width),
        normal(seed + 1, batch, heads, keys, width),
        normal(seed + 2, batch, heads, keys, value_width),
    ]
    mask_shape = (batch, 1, 1, keys) if masked == "keys" else (batch, heads, queries, keys)
    mask = np.random.default_rng(seed).random(mask_shape) < 0.6
    rest = {"absent": [], "None": [None], "keys": [mask], "all": [mask]}[masked]

    def forward(query, key, value, mask=None):
        e = (query @ key.transpose(-1, -2) * 0.3).exp()
        e = e if mask is None else torch.where(mask, e, 0.0)
        total = e.sum(-1, keepdim=True)
        return e / torch.where(total == 0, 1.0, total) @ value

    agree("scaled_dot_product_attention", [*operands, *rest], forward, seed, scale=0.3)


def test_what_a_masked_key_holds_moves_nothing():
    """SDPA-S4: infinities and NaN at masked keys do not reach the sensitivities of the others."""
    query, key, value = normal(0, 1, 2, 3), normal(1, 1, 4, 3), normal(2, 1, 4, 3)
    mask, cotangent = np.array([[[True, True, False, False]]]), normal(3, 1, 2, 3)
    clean = pulled_back("scaled_dot_product_attention", [query, key, value, mask], cotangent, scale=0.5)
    key[0, 2:], value[0, 2:] = [[np.inf], [np.nan]], [[np.nan], [-np.inf]]
    with np.errstate(invalid="ignore"):
        found = pulled_back("scaled_dot_product_attention", [query, key, value, mask], cotangent, scale=0.5)

    for position in range(3):
        np.testing.assert_allclose(found[position], clean[position], rtol=1e-12)


@settings(max_examples=20)
@given(shape=SHAPES, seed=SEEDS, epsilon=st.sampled_from([1e-12, 100.0]), data=st.data())
def test_l2_normalize_on_any_axis(shape, seed, epsilon, data):
    """With epsilon = 100 the length is below it, and the operator is a multiplication."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))

    def forward(x):
        return functional.normalize(x, dim=axis, eps=epsilon)

    agree("l2_normalize", [normal(seed, *shape)], forward, seed, axis=axis, epsilon=epsilon)


@settings(max_examples=20)
@given(sizes=st.tuples(SIZES, SIZES, SIZES), seed=SEEDS)
def test_pooling(sizes, seed):
    """The first token, and the mean of the kept ones; a text without kept token moves nothing."""
    x = normal(seed, *sizes)
    mask = np.random.default_rng(seed).random(sizes[:2]) < 0.5

    agree("cls_pool", [x], lambda x: x[:, 0], seed)
    agree(
        "mean_pool",
        [x, mask],
        lambda x, mask: (x * mask[..., None]).sum(1) / mask.sum(1).clamp(min=1)[:, None],
        seed,
    )


@pytest.mark.parametrize("operator", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"])
@settings(max_examples=20)
@given(shape=SHAPES, keepdims=st.booleans(), seed=SEEDS, data=st.data())
def test_reductions_over_any_axes(operator, shape, keepdims, seed, data):
    """Axes in any order, counted from either end, kept or dropped."""
    rank = len(shape)
    chosen = data.draw(st.lists(st.integers(0, rank - 1), min_size=1, unique=True))
    axes = tuple(axis - rank * data.draw(st.booleans()) for axis in chosen)
    reduce = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin}[operator[7:]]

    agree(operator, [normal(seed, *shape)], lambda x: reduce(x, axes, keepdims), seed, axes=axes, keepdims=keepdims)


def test_a_reduction_keeps_its_axes_unless_told_otherwise():
    """The default of keepdims is True, in the rule as in the operator."""
    agree("reduce_sum", [normal(0, 2, 3)], lambda x: x.sum(1, keepdim=True), 0, axes=(1,))


@settings(max_examples=30)
@given(shape=SHAPES, seed=SEEDS, data=st.data())
def test_slices_of_any_direction(shape, seed, data):
    """Any axis, start, stop and step, backwards too."""
    rank = len(shape)
    axis = data.draw(st.integers(-rank, rank - 1))
    size, step = shape[axis], data.draw(st.sampled_from([1, 2, -1, -2]))
    start = data.draw(st.integers(-size, size - 1 if step < 0 else size))
    stop = data.draw(st.none() | st.integers(-size, size))
    chosen = list(range(size))[start:stop:step]

    def forward(x):
        return torch.index_select(x, axis, torch.tensor(chosen, dtype=torch.int64))

    agree("slice", [normal(seed, *shape)], forward, seed, axis=axis, start=start, stop=stop, step=step)


@settings(max_examples=20)
@given(shape=SHAPES, parts=st.lists(SIZES, min_size=1, max_size=3), seed=SEEDS, data=st.data())
def test_concat_on_any_axis(shape, parts, seed, data):
    """One to three tensors."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    operands = []
    for index, size in enumerate(parts):
        part = list(shape)
        part[axis] = size
        operands.append(normal(seed + index, *part))

    agree("concat", operands, lambda *tensors: torch.cat(tensors, axis), seed, axis=axis)


@settings(max_examples=30)
@given(shape=SHAPES, index_shape=st.lists(SIZES, max_size=2).map(tuple), seed=SEEDS, data=st.data())
def test_gather_sums_over_the_copies(shape, index_shape, seed, data):
    """Indices of any rank, repeated and negative ones too."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = shape[axis]
    indices = np.random.default_rng(seed).integers(-size, size, index_shape)
    place = (slice(None),) * (axis % len(shape))

    agree("gather", [normal(seed, *shape), indices], lambda x, at: x[(*place, at)], seed, axis=axis)


@settings(max_examples=20)
@given(shape=SHAPES, seed=SEEDS, data=st.data())
def test_operators_that_only_move_elements(shape, seed, data):
    """reshape, squeeze, unsqueeze, transpose and expand."""
    x, rank = normal(seed, *shape), len(shape)
    order = tuple(data.draw(st.permutations(range(rank))))
    axis = data.draw(st.integers(-rank - 1, rank))
    wider = (2, *(data.draw(st.sampled_from([1, 3])) if size == 1 else size for size in shape))

    agree("reshape", [x], lambda x: x.reshape(-1), seed, shape=(x.size,))
    agree("transpose", [x], lambda x: x.permute(order), seed, axes=order)
    agree("unsqueeze", [x], lambda x: x.unsqueeze(axis), seed, axes=(axis,))
    agree("squeeze", [x[np.newaxis]], lambda x: x.squeeze(0), seed, axes=(0,))
    agree("expand", [x], lambda x: x.expand(np.broadcast_shapes(shape, wider)), seed, shape=wider)


@settings(max_examples=20)
@given(blocks=st.tuples(SIZES, SIZES), block=st.sampled_from([(4, 1), (1, 1), (2, 3)]), bias=st.booleans(), seed=SEEDS)
def test_block_sparse_linear_is_its_dense_form(blocks, block, bias, seed):
    """The explicit zeros of the dense form move x as little as the absent blocks do."""
    random = np.random.default_rng(seed)
    kept = random.random(blocks) < 0.5
    data = normal(seed, int(kept.sum()), *block)
    dense = np.zeros((*blocks, *block))
    dense[kept] = data
    weight = dense.swapaxes(1, 2).reshape(blocks[0] * block[0], blocks[1] * block[1])
    indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    operands = [normal(seed + 1, 2, 3, weight.shape[1]), data, np.nonzero(kept)[1], indptr]
    shift = normal(seed + 2, len(weight)) if bias else np.zeros(len(weight))
    expected, cotangent = torch_gradients(functional.linear, [operands[0], weight, shift], seed)

    found = pulled_back("block_sparse_linear", [*operands, shift] if bias else operands, cotangent)

    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9, atol=1e-11)
    if bias:
        np.testing.assert_allclose(found[4], expected[2], rtol=1e-9, atol=1e-11)
