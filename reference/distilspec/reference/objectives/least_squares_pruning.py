"""``least_squares_pruning``: which blocks of a Linear to drop, and what the others become to answer as before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import lapack

from distilspec.reference.arith import real, round_half_even
from distilspec.reference.contract.checks import expect, expect_block_shape, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import BoolArray, Float32Array, Float64Array, RealArray
from distilspec.reference.objectives.schedule import expect_sparsity

_NAME = "least_squares_pruning"


def least_squares_pruning(
    weight: RealArray,
    gram: Float64Array,
    cross: Float64Array,
    *,
    block_shape: tuple[int, int],
    sparsity: float,
    rounds: int,
    damping: float,
) -> Float32Array:
    """
    Drop the share ``sparsity`` of the blocks, those that the others can best replace, and let the others replace them.

    The result V minimises, among the matrices with its zeros, the squared distance between what the dense Linear
    answers to its own inputs x and what the pruned one answers to the inputs y that come out of the pruned layers
    before it, summed over tokens, plus damp times the squared distance to the weight.

    LSP-C1  weight is float32 or float64; gram and cross are float64; all are finite
    LSP-C2  weight is a matrix, and block_shape = (out, in) is positive and divides its shape; gram and cross are
            [in_features, in_features]
    LSP-C3  0 <= sparsity <= 1, rounds >= 1, damping > 0
    LSP-C4  gram has a positive entry on its diagonal, unless there is no input at all; it is a sum of y yT, so that H
            has a Cholesky factor
    LSP-S1  damp = damping * the mean of gram's diagonal, H = gram + damp I, T = weight (cross + damp I)   (float64)
    LSP-S2  after round t, 1 <= t <= rounds, round_half_even(share * blocks) blocks are pruned; share is
            1 - (1 - sparsity)^(t / rounds), and after the last round sparsity itself   (float64)
    LSP-S3  for a row of blocks with the kept columns K: V[:, K] = T[:, K] inverse(H[K, K]), and V is 0 elsewhere
    LSP-S4  in a round, score[R, C] = the sum of V[o, c]^2 / inverse(H[K, K])[c, c] over block (R, C)
    LSP-S5  the blocks pruned in a round have the smallest scores of the kept; among equal scores, those with the lower
            R, then the lower C
    LSP-S6  the result is V of LSP-S3 for the blocks that are kept after the last round, rounded to float32

    Parameters
    ----------
    weight : float [out_features, in_features]
    gram : float64 [in_features, in_features]
        The sum over tokens of y[i] * y[j].
    cross : float64 [in_features, in_features]
        The sum over tokens of x[i] * y[j]; ``gram`` again where x is y.
    block_shape : (int, int)
    sparsity : float
    rounds : int
        Scores are anew in each, and so take into account what was pruned before.
    damping : float

    Returns
    -------
    float32 [out_features, in_features]
        Fresh memory.

    Raises
    ------
    DTypeError
        LSP-C1.
    ShapeError
        LSP-C2.
    RangeError
        LSP-C3, LSP-C4, and a value that is not finite (LSP-C1).

    Accuracy
    --------
    Inverses are those of LAPACK in float64: their relative error is a small multiple of the condition of H times
    2^-53, and H has a condition of at most in_features * (1 + 1 / damping). Scores closer than that may change places.

    Special values
    --------------
    Sparsity 0 gives the least-squares solution without zeros, which is the weight itself where x is y; 1 gives zeros.

    Source
    ------
    The saliency of LSP-S4 and one weight at a time: Optimal Brain Surgeon (Hassibi and Stork, 1993), for a layer:
    arXiv 2208.11580. Targets from the dense model's own inputs, so that errors of earlier layers are corrected too, and
    the exact solution for all kept weights at once instead of updates one by one, are the form chosen here.

    Examples
    --------
    Two inputs that always agree: the smaller weight is dropped, and the other takes its part over.

    >>> gram = np.float64([[4, 4], [4, 4]])
    >>> pruned = least_squares_pruning(
    ...     np.float32([[1, 2]]), gram, gram, block_shape=(1, 1), sparsity=0.5, rounds=1, damping=1e-9
    ... )
    >>> pruned.round(3).tolist()
    [[0.0, 3.0]]
    """
    _expect_operands(weight, gram, cross, block_shape, sparsity=sparsity, rounds=rounds, damping=damping)
    out, in_ = block_shape
    rows, columns = weight.shape[0] // out, weight.shape[1] // in_
    damp = damping * float(np.mean(np.diagonal(gram))) if gram.size else 0.0
    ridge = damp * np.eye(len(gram))
    h = gram + ridge
    target = (real(weight) @ (cross + ridge)).reshape(rows, out, len(gram))  # LSP-S1
    kept = np.ones((rows, columns), np.bool_)
    for t in range(1, rounds + 1):
        share = sparsity if t == rounds else 1 - (1 - sparsity) ** (t / rounds)
        pruned = int(round_half_even(np.asarray(share * kept.size)))  # LSP-S2
        scores = np.full(kept.shape, -np.inf)
        for row, (solution, inverse) in enumerate(_solutions(target, h, kept.repeat(in_, axis=1))):
            losses = (solution**2 / np.diagonal(inverse)).sum(axis=0)
            scores[row, kept[row]] = losses.reshape(-1, in_).sum(axis=1)  # LSP-S4
        kept = np.ones(kept.size, np.bool_)
        kept[np.argsort(scores, axis=None, kind="stable")[:pruned]] = False  # LSP-S5
        kept = kept.reshape(scores.shape)
    result = np.zeros((rows, out, len(gram)))
    used = kept.repeat(in_, axis=1)
    for row, (solution, _) in enumerate(_solutions(target, h, used)):
        result[row][:, used[row]] = solution
    return result.reshape(weight.shape).astype(np.float32)  # LSP-S6


def _solutions(target: Float64Array, h: Float64Array, used: BoolArray) -> Iterator[tuple[Float64Array, Float64Array]]:
    """Yield V[:, K] and inverse(H[K, K]) of each row of blocks."""
    for row, (rows, columns) in enumerate(zip(target, used, strict=True)):
        if row == 0 or not np.array_equal(columns, used[row - 1]):
            inverse = _inverse(h[np.ix_(columns, columns)])
        yield rows[:, columns] @ inverse, inverse  # LSP-S3


def _inverse(h: Float64Array) -> Float64Array:
    """Return the inverse of a positive definite matrix, by its Cholesky factor; LAPACK takes no empty one."""
    if not h.size:
        return h
    factor, failed = lapack.dpotrf(h, lower=True)
    expect(
        not failed,
        RangeError,
        _NAME,
        seen=f"gram with its damping is not positive definite at input {failed - 1} of {len(h)} kept ones",
        expected="a sum of y yT, or more damping",
        why="it has no Cholesky factor in float64",
        clause="LSP-C4",
    )
    lower, _ = lapack.dpotri(factor, lower=True)
    inverse: Float64Array = np.tril(lower) + np.tril(lower, -1).T
    return inverse


def _expect_operands(
    weight: RealArray,
    gram: Float64Array,
    cross: Float64Array,
    block_shape: tuple[int, int],
    *,
    sparsity: float,
    rounds: int,
    damping: float,
) -> None:
    expect_float(_NAME, "LSP-C1", weight=weight)
    expect_block_shape(_NAME, weight, block_shape, clause="LSP-C2")
    expect_sparsity(_NAME, clause="LSP-C3", sparsity=sparsity)
    size = weight.shape[1]
    for name, matrix in {"gram": gram, "cross": cross}.items():
        expect_float(_NAME, "LSP-C1", **{name: matrix})
        expect(
            matrix.shape == (size, size),
            ShapeError,
            _NAME,
            seen=f"{name} is {matrix.shape}",
            expected=f"{(size, size)}",
            why=f"weight has {size} inputs",
            clause="LSP-C2",
        )
    for name, operand in {"weight": weight, "gram": gram, "cross": cross}.items():
        expect_finite(_NAME, name, operand, why="equations are solved", clause="LSP-C1")
    expect(
        rounds >= 1 and damping > 0,
        RangeError,
        _NAME,
        seen=f"rounds is {rounds} and damping {damping}",
        expected="at least 1, and more than 0",
        why="blocks are dropped in rounds, and every matrix must have an inverse",
        clause="LSP-C3",
    )
    expect(
        size == 0 or float(np.mean(np.diagonal(gram))) > 0,
        RangeError,
        _NAME,
        seen="the mean of gram's diagonal is not positive",
        expected="a sum of squares of inputs, one of which is not 0",
        why="weights are judged by their inputs",
        clause="LSP-C4",
    )
