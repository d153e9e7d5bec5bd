"""Other forms of a correct runtime: what is computed together, held, shown or left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from distilspec.conformance.mutants.planted import Stepwise
from distilspec.conformance.mutants.variants.float32 import Arithmetic, Float32Operators, exact_sums
from distilspec.conformance.mutants.variants.sums import flushed, flushing
from distilspec.conformance.runtimes.adapter import Executable, as_float32
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: Operators whose float32 results and operands a processor may flush to zero when they are subnormal.
ARITHMETIC = frozenset(
    {
        "add", "subtract", "multiply", "divide", "reciprocal", "sqrt", "exp", "erf", "tanh", "sigmoid", "silu",
        "gelu", "gelu_tanh", "reduce_sum", "reduce_mean", "layer_norm", "l2_normalize", "softmax", "mean_pool",
        "scaled_dot_product_attention", "matmul", "linear", "block_sparse_linear",
    }
)  # fmt: skip


class Flushing:
    """Float32 operators that take subnormal operands and results as zero."""

    def __init__(self) -> None:
        """Add with flushed partial sums."""
        self._operators = Float32Operators(Arithmetic(total=flushing))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operator, flushing if it is one of ``ARITHMETIC``."""
        operator = getattr(self._operators, name)
        if name not in ARITHMETIC:
            return operator  # type: ignore[no-any-return]

        def flush(*operands: Array | None, **attributes: Any) -> Array:
            held = [
                flushed(operand.astype(np.float32)) if operand is not None and operand.dtype.kind == "f" else operand
                for operand in operands
            ]
            y: Array = operator(*held, **attributes)
            return flushed(y) if y.dtype.kind == "f" else y

        return flush


class HalvedScale(Float32Operators):
    """Multiplies queries and keys by the root of attention's scale instead of their products by the scale."""

    def scores(self, query: Array, key: Array, scale: float) -> Array:
        """Multiply both factors first."""
        if scale < 0:
            return super().scores(query, key, scale)
        root = np.float32(np.sqrt(scale))
        return super().scores(query * root, key * root, 1.0)


class ZeroPointAfterTheSum(Float32Operators):
    """Subtracts zero_point * (sum of the weights) from sums of codes as they are."""

    def sums(self, x: Array, zero_point: Array, weight: Array) -> Array:
        """Correct the sums afterwards."""
        correction = zero_point.astype(np.int32) * weight.sum(axis=1, dtype=np.int32)
        return np.asarray(exact_sums(x.astype(np.int32), weight.astype(np.int32)) - correction)


class ShortIds(Float32Operators):
    """Holds ids in 32 bits."""

    def embedding(self, input_ids: Array, weight: Array) -> Array:
        """Take the rows by int32 ids."""
        return np.asarray(weight[input_ids.astype(np.int32)])


class Float64(Executable):
    """Keeps float64 between all steps; only the outputs are rounded, so only they can be shown."""

    def __init__(self, program: Program) -> None:
        """Evaluate ``program`` on the reference's operators."""
        self._program = program

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return {label: as_float32(value) for label, value in self._program.run(ops, inputs).items()}

    def survivors(self) -> tuple[str, ...]:
        """Return the outputs' tensors."""
        return tuple(name for name in self._program.tensors if name in self._program.outputs.values())

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs under both kinds of names."""
        outputs = self.run(inputs)
        named = {name: outputs[label] for label, name in self._program.outputs.items()}
        return outputs | {name: named[name] for name in expose}


class SortedByLength(Stepwise):
    """Runs the rows of a batch from the longest to the shortest and puts the results back in order."""

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Sort, evaluate, and undo the sorting."""
        if not _has_rows(self.program):
            return self.evaluate(inputs)
        order = np.argsort(-np.asarray(inputs["attention_mask"]).sum(axis=1), kind="stable")
        back = np.argsort(order, kind="stable")
        values = self.evaluate({name: array[order] for name, array in inputs.items()})
        names = {**{name: name for name in self.program.tensors}, **self.program.outputs}
        rows = {key for key, name in names.items() if self.program.spec(name).shape[:1] == (BATCH,)}
        return {key: value[back] if key in rows else value for key, value in values.items()}


class RowByRow(Executable):
    """
    Runs one row of a batch after the other, and without the padding at its end if that is to be dropped.

    It shows its outputs alone. What depends on the whole batch, or has values at padding, is not supported.
    """

    def __init__(self, program: Program, *, drop_padding: bool) -> None:
        """Refuse a program whose rows are not independent."""
        self._program = program
        self._inner = Stepwise(program, Float32Operators())
        self._rows = _has_rows(program)
        self._drop_padding = drop_padding
        if self._rows and any(step.op == "dynamic_quantize" for step in program.steps):
            raise UnsupportedError("row by row: dynamic_quantize takes one range over the batch; expected other steps")
        if (
            self._rows
            and drop_padding
            and any(SEQUENCE in program.spec(name).shape for name in program.outputs.values())
        ):
            raise UnsupportedError("row by row: an output has values at padding, which is dropped; expected none there")

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs of the rows as one batch."""
        if not self._rows:
            return self._inner.run(inputs)
        parts = [self._inner.run(row) for row in self._split(inputs)]
        return {label: np.concatenate([part[label] for part in parts]) for label in self._program.outputs}

    def _split(self, inputs: Mapping[str, Array]) -> list[dict[str, Array]]:
        rows = []
        for index, mask in enumerate(np.asarray(inputs["attention_mask"], np.bool_)):
            length = 1 + int(np.max(np.flatnonzero(mask), initial=0)) if self._drop_padding else mask.size
            rows.append({name: array[index : index + 1, :length] for name, array in inputs.items()})
        return rows

    def survivors(self) -> tuple[str, ...]:
        """Return the outputs' tensors."""
        return tuple(name for name in self._program.tensors if name in self._program.outputs.values())

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs under both kinds of names."""
        outputs = self.run(inputs)
        named = {name: outputs[label] for label, name in self._program.outputs.items()}
        return outputs | {name: named[name] for name in expose}


class InFortranOrder(Stepwise):
    """Returns arrays that are read-only and not contiguous."""

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Give the results another memory layout."""
        values = {name: value.copy(order="F") for name, value in self.evaluate(inputs).items()}
        for value in values.values():
            value.setflags(write=False)
        return values


def _has_rows(program: Program) -> bool:
    """Return whether every input and output is a batch of rows with an attention mask."""
    tensors = [*program.inputs, *program.outputs.values()]
    return "attention_mask" in program.inputs and all(program.spec(name).shape[:1] == (BATCH,) for name in tensors)
