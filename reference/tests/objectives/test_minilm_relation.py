"""``minilm_relation`` against 50-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real, log, softmax
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import minilm_relation


@st.composite
def cases(draw):
    """Draw two small layers of different sizes, a mask with padding anywhere, and a number of heads."""
    batch, sequence = draw(st.sampled_from([(1, 1), (1, 3), (2, 2)]))
    heads, student_size, teacher_size = draw(st.sampled_from([(1, 2, 3), (2, 4, 2), (2, 2, 4)]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = {"student_left": student_size, "student_right": student_size}
    sizes |= {"teacher_left": teacher_size, "teacher_right": teacher_size}
    operands = {name: random.normal(0, 1.5, (batch, sequence, size)) for name, size in sizes.items()}
    mask = random.random((batch, sequence)) < 0.7
    mask[draw(st.integers(0, batch - 1)), draw(st.integers(0, sequence - 1))] = True
    return operands, mask, heads


def by_loops(mask, heads, variant):
    """Return the loss as a function of its operands, in loops over examples, heads, queries and keys."""

    def scores(left, right, example, head):
        d = left.shape[-1] // heads
        columns = slice(head * d, (head + 1) * d)
        return left[example][:, columns].dot(right[example][:, columns].T) / mp.sqrt(d)

    def expected(student_left, student_right, teacher_left, teacher_right):
        terms = []
        for example, head in np.ndindex(len(mask), heads):
            s = scores(student_left, student_right, example, head)
            t = scores(teacher_left, teacher_right, example, head)
            if variant == "autodistil-code":
                terms += [*((s - t) ** 2).ravel()]
                continue
            kept = np.flatnonzero(mask[example])
            for query in kept:
                q, p = softmax(s[query, kept]), softmax(t[query, kept])
                terms += [(p * (log(p) - log(q))).sum()] if variant == "minilm" else [*((q - p) ** 2)]
        return sum(terms) / len(terms)

    return expected


@pytest.mark.parametrize("variant", ["minilm", "autodistil-paper", "autodistil-code"])
@settings(max_examples=6)
@given(cases())
def test_value_and_gradients_are_the_real_ones(variant, case):
    """REL-S1 to REL-S7: a student of another size than the teacher's, and padding anywhere."""
    operands, mask, heads = case

    loss = minilm_relation(**operands, mask=mask, relation_heads=heads, variant=variant)

    assert_real(loss, by_loops(mask, heads, variant), operands)


def test_padding_changes_nothing_in_the_relations_of_the_papers():
    """REL-S3, REL-S4, REL-S5: whatever a padded token holds, and its gradient is zero."""
    random = np.random.default_rng(0)
    sides = [random.normal(size=(1, 3, 4)) for _ in range(4)]
    for side in sides:
        side[:, 2] *= 1e4  # beside the score of such a key, the exponentials of the kept ones would vanish
    mask = np.array([[True, True, False]])
    for variant in ("minilm", "autodistil-paper"):
        short = minilm_relation(*(x[:, :2] for x in sides), mask[:, :2], relation_heads=2, variant=variant)
        padded = minilm_relation(*sides, mask, relation_heads=2, variant=variant)

        assert padded.value == pytest.approx(short.value, rel=2.0**-48)  # sums of the same terms and of zeros
        assert not padded.gradients["student_left"][:, 2].any()
        assert not padded.gradients["student_right"][:, 2].any()


def test_columns_beyond_whole_heads_are_cut_in_the_code_of_autodistil():
    """REL-C4, REL-S1, REL-S6: five columns are two heads of two, and the fifth has no gradient."""
    random = np.random.default_rng(0)
    sides = [random.normal(size=(1, 2, 5)) for _ in range(4)]
    mask = np.ones((1, 2), np.bool_)

    loss = minilm_relation(*sides, mask, relation_heads=2, variant="autodistil-code")
    cut = minilm_relation(*(x[..., :4] for x in sides), mask, relation_heads=2, variant="autodistil-code")

    assert loss.value == cut.value
    assert not loss.gradients["student_left"][..., 4].any()


X, M = np.zeros((1, 2, 4)), np.ones((1, 2), np.bool_)


@pytest.mark.parametrize(
    ("operands", "options", "error", "clause"),
    [
        ((X.astype(np.int8), X, X, X, M), {}, DTypeError, "REL-C1"),
        ((X, X, X, X + np.nan, M), {}, RangeError, "REL-C1"),
        ((X[0], X, X, X, M), {}, ShapeError, "REL-C2"),
        ((X, X[:, :1], X, X, M), {}, ShapeError, "REL-C2"),
        ((X, X, X[:, :1], X[:, :1], M), {}, ShapeError, "REL-C2"),
        ((X[:0], X[:0], X[:0], X[:0], M[:0]), {}, ShapeError, "REL-C2"),
        ((X, X, X, X, M.astype(np.int64)), {}, DTypeError, "REL-C3"),
        ((X, X, X, X, M[:, :1]), {}, ShapeError, "REL-C3"),
        ((X, X, X, X, ~M), {}, RangeError, "REL-C3"),
        ((X, X, X, X, M), {"relation_heads": 3}, ShapeError, "REL-C4"),
        ((X, X, X, X, M), {"relation_heads": 0}, ShapeError, "REL-C4"),
        ((X, X, X, X, M), {"relation_heads": 5, "variant": "autodistil-code"}, ShapeError, "REL-C4"),
        ((X, X, X, X, M), {"variant": "minilm-v3"}, RangeError, "REL-C5"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(operands, options, error, clause):
    """REL-C1 to REL-C5."""
    with violates(error, clause):
        minilm_relation(*operands, **{"relation_heads": 2, **options})
