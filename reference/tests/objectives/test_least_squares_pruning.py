"""``least_squares_pruning`` against exact rational solutions, and against every other choice of blocks."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from exact import round_half_even
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import least_squares_pruning

#: Far above the rounding of matrices of six columns whose condition is below 6 * (1 + 1 / DAMPING), far below a bug.
CLOSE = 1e-9

DAMPING = 0.125

SMALL = st.integers(-4, 4).map(float)


def inverse(matrix):
    """Return the exact inverse, by Gauss and Jordan."""
    size = len(matrix)
    rows = [list(map(Fraction, row)) + [Fraction(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(size):
            if row != column:
                rows[row] = [a - rows[row][column] * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[size:] for row in rows]


def product(a, b):
    """Return the exact product of two lists of rows."""
    return [
        [sum((x * y for x, y in zip(row, column, strict=True)), Fraction()) for column in zip(*b, strict=True)]
        for row in a
    ]


def by_definition(weight, gram, cross, block_shape, sparsity, rounds):
    """Return LSP-S1 to LSP-S6 in fractions, and whether every choice is clear of what float64 may turn."""
    (out, in_), size = block_shape, len(gram)
    damp = Fraction(DAMPING) * sum(Fraction(gram[i, i]) for i in range(size)) / size
    h, c = ([[Fraction(m[i, j]) + damp * (i == j) for j in range(size)] for i in range(size)] for m in (gram, cross))
    target = product([list(map(Fraction, row)) for row in weight.tolist()], c)
    blocks = [(top, left) for top in range(0, len(weight), out) for left in range(0, size, in_)]
    kept, clear = set(blocks), True
    for t in range(1, rounds + 2):
        result = [[Fraction()] * size for _ in weight]
        scores = {}
        for top in range(0, len(weight), out):
            used = [left + i for at, left in sorted(kept) if at == top for i in range(in_)]
            solved = inverse([[h[i][j] for j in used] for i in used])
            for row in range(top, top + out):
                values = product([[target[row][i] for i in used]], solved)[0] if used else []
                for place, value in enumerate(values):
                    result[row][used[place]] = value
                    block = (top, used[place] // in_ * in_)
                    scores[block] = scores.get(block, 0) + value**2 / solved[place][place]
        if t <= rounds:
            share = 1 - (1 - sparsity) ** (t / rounds) if t < rounds else sparsity
            pruned = round_half_even(Fraction(share * len(blocks)))
            ranked = sorted(kept, key=lambda block: (scores[block], block))
            dropped = pruned - (len(blocks) - len(kept))
            if 0 < dropped < len(ranked):
                last, first = scores[ranked[dropped - 1]], scores[ranked[dropped]]
                clear = clear and first - last > CLOSE * first
            kept -= set(ranked[:dropped])
    return result, clear


@st.composite
def cases(draw):
    """Draw a weight, inputs of small integers, a block shape, a sparsity and rounds."""
    out, in_ = draw(st.sampled_from([(1, 1), (2, 1), (2, 3)]))
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 6 // in_))
    weight = draw(hnp.arrays(np.float32, (rows * out, columns * in_), elements=SMALL))
    tokens = draw(st.integers(1, 4))
    x, y = (draw(hnp.arrays(np.float64, (tokens, columns * in_), elements=SMALL)) for _ in range(2))
    y[0, 0] = 1
    return (
        weight,
        y.T @ y,
        x.T @ y,
        (out, in_),
        draw(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])),
        draw(st.integers(1, 3)),
    )


@given(cases())
def test_the_result_is_the_exact_solution(case):
    """LSP-S1 to LSP-S6: every element, where no two scores are so close that rounding may choose another block."""
    weight, gram, cross, block_shape, sparsity, rounds = case
    expected, clear = by_definition(*case)
    assume(clear)
    got = least_squares_pruning(
        weight, gram, cross, block_shape=block_shape, sparsity=sparsity, rounds=rounds, damping=DAMPING
    )

    assert got.dtype == np.float32
    wanted = np.array(expected, float)
    assert np.all(np.abs(got - wanted) <= 2**-24 * np.abs(wanted) + CLOSE * max(1.0, np.abs(wanted).max()))


def test_the_first_round_drops_the_block_that_costs_least():
    """LSP-S4, LSP-S5: of all pairs of columns to keep, the four outputs of a single row of blocks lose least."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3))
    weight = rng.normal(size=(4, 3)).astype(np.float32)
    gram = x.T @ x
    got = least_squares_pruning(weight, gram, gram, block_shape=(4, 1), sparsity=1 / 3, rounds=1, damping=1e-12)
    costs = {}
    for kept in combinations(range(3), 2):
        solved = np.linalg.lstsq(x[:, kept], x @ weight.T.astype(float), rcond=None)[0]
        costs[kept] = float(np.sum((x @ weight.T - x[:, kept] @ solved) ** 2))

    best = min(costs, key=costs.__getitem__)
    assert np.flatnonzero(got.any(axis=0)).tolist() == list(best)
    assert np.sum((x @ weight.T - x @ got.T) ** 2) == pytest.approx(costs[best], rel=1e-5)


def test_rounds_see_what_was_dropped_before():
    """LSP-S2: one of two equal inputs carries nothing, both together all; a single round drops both."""
    x = np.float64([[1, 1, 0], [0, 0, 0.5]]) * 4
    gram = x.T @ x + np.diag([0, 1e-3, 0])
    weight = np.float32([[1, 1, 0.9]])
    kept = [
        np.flatnonzero(
            least_squares_pruning(weight, gram, gram, block_shape=(1, 1), sparsity=2 / 3, rounds=rounds, damping=1e-6)
        ).tolist()
        for rounds in (1, 2)
    ]
    assert kept == [[2], [1]]


@given(hnp.arrays(np.float32, (2, 3), elements=SMALL))
def test_nothing_changes_where_nothing_is_pruned(weight):
    """LSP-S3: sparsity 0 and the same inputs give the weight back; read-only and turned operands are taken."""
    gram = np.float64([[3, 1, 0], [1, 2, 1], [0, 1, 4]]).T
    for operand in (weight, gram):
        operand.flags.writeable = False
    got = least_squares_pruning(weight, gram, gram, block_shape=(1, 1), sparsity=0.0, rounds=2, damping=0.01)

    assert np.all(np.abs(got - weight) <= 2**-24 * np.abs(weight) + CLOSE)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)], ids=str)
def test_a_weight_without_elements_stays_so(shape):
    """LSP-C4: there is no input to judge by, and nothing to judge."""
    gram = np.eye(shape[1])
    got = least_squares_pruning(
        np.zeros(shape, np.float32), gram, gram, block_shape=(1, 1), sparsity=0.5, rounds=1, damping=0.1
    )
    assert got.shape == shape


W, G = np.ones((4, 4), np.float32), np.eye(4)


@pytest.mark.parametrize(
    ("changed", "error", "clause"),
    [
        ({"weight": W.astype(np.int8)}, DTypeError, "LSP-C1"),
        ({"gram": G * np.nan}, RangeError, "LSP-C1"),
        ({"weight": W[:3]}, ShapeError, "LSP-C2"),
        ({"cross": G[:3]}, ShapeError, "LSP-C2"),
        ({"sparsity": 1.5}, RangeError, "LSP-C3"),
        ({"rounds": 0}, RangeError, "LSP-C3"),
        ({"damping": 0.0}, RangeError, "LSP-C3"),
        ({"gram": G * 0}, RangeError, "LSP-C4"),
        ({"gram": G + 2 * (1 - G)}, RangeError, "LSP-C4"),
    ],
    ids=str,
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(changed, error, clause):
    """LSP-C1 to LSP-C4."""
    operands = {"weight": W, "gram": G, "cross": G, "block_shape": (4, 1), "sparsity": 0.5, "rounds": 1, "damping": 0.1}
    operands |= changed
    with violates(error, clause):
        least_squares_pruning(operands.pop("weight"), operands.pop("gram"), operands.pop("cross"), **operands)
