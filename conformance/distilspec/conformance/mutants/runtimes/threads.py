"""Runtimes that are wrong with some threads, or sometimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from distilspec.conformance.mutants.planted import Load, RuntimeMutant, Stepwise, with_operators
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, RealArray

_PRODUCTS = ("linear", "quantized_linear")


class _Racing:
    """Draws a number for every product, so that no two runs are alike."""

    def __init__(self, spoil: Callable[[Array, float], Array]) -> None:
        self._spoil = spoil
        self._random = np.random.default_rng(0)

    def of(self, linear: Callable[..., Array]) -> Callable[..., Array]:
        """Return a product that is spoilt by the number drawn."""

        def operator(*operands: Any) -> Array:
            y = linear(*operands)
            return self._spoil(y, self._random.random()) if y.dtype.kind == "f" else y

        return operator


def _racing(spoil: Callable[[Array, float], Array]) -> Load:
    def load(program: Any) -> Any:
        race = _Racing(spoil)
        return with_operators(**{name: race.of(ops.OPERATORS[name]) for name in _PRODUCTS})(program)

    return load


def _one_sum_lost(y: Array, drawn: float) -> Array:
    """Lose half of the last sum in one of four products."""
    if drawn < 0.75 or y.size == 0:
        return y
    spoilt = y.copy()
    spoilt[..., -1] /= 2
    return spoilt


def _another_order(y: Array, drawn: float) -> Array:
    """Move by less than a rounding, as another order of the terms does."""
    return np.asarray(y * (1 + 2.0**-25 * round(4 * drawn - 2)))


def _chunked(spoil: Callable[[Array, int], Array]) -> Callable[[int], Load]:
    """Return loaders of products that are spoilt by how many threads share their columns."""

    def on_threads(threads: int) -> Load:
        def of(linear: Callable[..., Array]) -> Callable[..., Array]:
            return lambda *operands: spoil(linear(*operands), threads)

        return with_operators(**{name: of(ops.OPERATORS[name]) for name in _PRODUCTS})

    return on_threads


def _last_chunk_lost(y: Array, threads: int) -> Array:
    """Give every thread the same number of columns; what is left over stays zero."""
    covered = y.shape[-1] // threads * threads
    return np.concatenate([y[..., :covered], np.zeros_like(y[..., covered:])], axis=-1)


def _bias_of_every_thread(threads: int) -> Load:
    """Sum over parts of the terms, one a thread, each of which begins with the bias."""

    def linear(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Array:
        y = ops.linear(x, weight)
        return y if bias is None else y + threads * bias

    return with_operators(linear=linear)


class _Interfering(Stepwise):
    """Threads write to one buffer: with several of them, rows of a batch are those of the last one."""

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        values = self.evaluate(inputs)
        for label, name in self.program.outputs.items():
            if values[label].ndim > 1 and len(values[label]) > 1:
                values[label] = values[name] = np.broadcast_to(values[label][-1:], values[label].shape).copy()
        return values


def _interfering(threads: int) -> Load:
    return Stepwise if threads == 1 else _Interfering


_LOST = _chunked(_last_chunk_lost)

MUTANTS = (
    RuntimeMutant(
        "threads race: half of a sum is sometimes lost", ("RUN2-S1", "LIN-S1", "QL-S1"), _racing(_one_sum_lost)
    ),
    RuntimeMutant("threads race: the order of sums changes", ("RUN2-S1",), _racing(_another_order)),
    RuntimeMutant("columns that threads do not share out evenly are lost", ("THR-S1",), _LOST(1), _LOST),
    RuntimeMutant("every thread adds the bias", ("THR-S1",), _bias_of_every_thread(1), _bias_of_every_thread),
    RuntimeMutant("threads write the last row to all", ("THR-S1",), _interfering(1), _interfering),
)
