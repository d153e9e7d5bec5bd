"""Attention whose products multiply codes: the steps by which a program says it, found from the last one back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.fast.lower.fused import Array
from distilspec.reference.program import Program, Step

#: The code of the largest weight of a query: the scale of weights has to be its reciprocal.
MOST = 255

#: The operators that programs may hold as part of quantised attention, and not by themselves.
FUSED_OPERATORS = ("cast", "divide", "matmul_integer", "maximum", "reduce_max", "reduce_sum", "softmax")


@dataclass(frozen=True)
class Found:
    """
    What steps of a program together are; ``heads`` are the tensors of query, key and value.

    ``scales`` are those of their codes, ``score_scale`` is that of a sum of products of codes of a query and a key.
    """

    heads: tuple[str, str, str]
    scales: tuple[float, float, float]
    query_zero_point: int
    score_scale: float
    mask: str | None


def find_quantized_attention(program: Program) -> tuple[Mapping[str, Found], frozenset[str]]:
    """
    Return the last steps of quantised attentions by their names, and the names of the steps before them.

    What is almost one is none: then its steps are unknown to the fast engine, and it names the first of them.
    """
    found: dict[str, Found] = {}
    inside: set[str] = set()
    readers = Counter(name for step in program.steps for name in step.inputs if name is not None)
    readers.update(program.outputs.values())
    for step in program.steps:
        try:
            match = _Match(program, step)
        except _Other:
            continue
        if all(readers[name] == match.reads[name] for name in match.inside):
            found[step.name] = match.found
            inside |= match.inside
    return found, frozenset(inside)


class _Other(Exception):
    """A step is something else."""


class _Match:
    """Follows a step's operands back; ``inside`` are those before it, ``reads`` counts what all read."""

    def __init__(self, program: Program, last: Step) -> None:
        self._program = program
        self.inside: set[str] = set()
        self.reads: Counter[str] = Counter()
        total, count = self._operands(last, "divide", 2)
        codes, values = self._weighted(total)
        self._expect(self._sum_of(count) == codes)
        scores, mask = self._scores(codes)
        queries, keys, zero_point, score_scale = self._products(scores)
        coded = [self._coded(tensor, zero) for tensor, zero in ((queries, zero_point), (keys, None), (values, None))]
        (query, key, value), scales = zip(*coded, strict=True)
        self._expect(scales[2] == self._value_scale)
        self.found = Found((query, key, value), scales, zero_point, score_scale, mask)

    def _weighted(self, total: str) -> tuple[str, str]:
        """Return the codes and the values of which ``total`` is the sum of products, times a scale."""
        accumulators, scale = self._operands(self._step(total), "dequantize", 2)
        self._value_scale = self._number(scale)
        codes, values, *zero = self._operands(self._step(accumulators), "matmul_integer", 2, 3)
        self._expect(not zero or self._number(zero[0]) == 0)
        return codes, values

    def _sum_of(self, count: str) -> str:
        """Return the codes of which ``count`` is the sum, or 1."""
        total, least = self._operands(self._step(count), "maximum", 2)
        self._expect(self._number(least) == 1)
        (counts,) = self._operands(self._step(total), "reduce_sum", 1)
        self._expect(self._reduces_last(total))
        (codes,) = self._operands(self._step(counts), "cast", 1)
        return codes

    def _scores(self, codes: str) -> tuple[str, str | None]:
        """Return the scores of whose weights these are the codes, and the mask."""
        shares, scale, zero_point = self._operands(self._step(codes), "quantize", 3)
        zero = self._constant(zero_point)
        self._expect(
            np.float32(self._number(scale)) == np.float32(1 / MOST) and zero.dtype == np.uint8 and not zero.any()
        )
        weights, divisor = self._operands(self._step(shares), "divide", 2)
        largest, least = self._operands(self._step(divisor), "maximum", 2)
        self._expect(0 < self._number(least) < 2.0**-64)
        (reduced,) = self._operands(self._step(largest), "reduce_max", 1)
        self._expect(reduced == weights and self._reduces_last(largest))
        softmax = self._step(weights)
        rank = len(self._program.spec(weights).shape)
        self._expect(softmax.attributes.get("axis", -1) in (-1, rank - 1))
        scores, *mask = self._operands(softmax, "softmax", 1, 2)
        return scores, mask[0] if mask else None

    def _products(self, scores: str) -> tuple[str, str, int, float]:
        """Return the codes of queries and keys, a zero point and a scale: scores are sums of products, times it."""
        accumulators, scale = self._operands(self._step(scores), "dequantize", 2)
        queries, turned, zero_point = self._operands(self._step(accumulators), "matmul_integer", 3)
        (keys,) = self._operands(self._step(turned), "transpose", 1)
        self._expect(self._maker(turned).attributes["axes"] == (0, 1, 3, 2))
        return queries, keys, int(self._number(zero_point)), self._number(scale)

    def _coded(self, codes: str, zero_point: int | None) -> tuple[str, float]:
        """Return the floats that are made codes, and the scale; int8 codes unless there is a zero point."""
        x, scale, zero = self._operands(self._step(codes), "quantize", 3)
        self._expect(self._constant(zero).dtype == (np.int8 if zero_point is None else np.uint8))
        self._expect(self._number(zero) == (zero_point or 0))
        return x, self._number(scale)

    def _step(self, tensor: str) -> Step:
        """Return the step that makes a tensor, which is one of those that become one."""
        self.inside.add(tensor)
        return self._maker(tensor)

    def _maker(self, tensor: str) -> Step:
        step = self._program.maker(tensor)
        if step is None or step.outputs[0] != tensor:
            raise _Other
        return step

    def _operands(self, step: Step, op: str, *counts: int) -> tuple[str, ...]:
        """Return the operands of a step, if it is an ``op`` of one of so many."""
        names = tuple(name for name in step.inputs if name is not None)
        self._expect(step.op == op and len(names) in counts and len(names) == len(step.inputs))
        self._expect("axis" not in step.attributes or op == "softmax")
        self.reads.update(names)
        return names

    def _reduces_last(self, tensor: str) -> bool:
        step, rank = self._maker(tensor), len(self._program.spec(tensor).shape)
        return step.attributes.get("axes") in ((-1,), (rank - 1,)) and step.attributes.get("keepdims", True) is True

    def _constant(self, name: str) -> Array:
        array = self._program.constants.get(name)
        if array is None or array.size != 1:
            raise _Other
        return np.asarray(array)

    def _number(self, name: str) -> float:
        return float(self._constant(name).item())

    @staticmethod
    def _expect(holds: bool) -> None:
        if not holds:
            raise _Other
