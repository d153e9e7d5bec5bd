"""A forward at one batch size and sequence length, as it is written down: its tensors in buffers, its operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.fusion import fused_codes
from distilspec.fast.backends.reading import code_shift
from distilspec.fast.backends.space import Space, spaced
from distilspec.fast.backends.weights import Packed
from distilspec.fast.codegen.ir import Function
from distilspec.fast.execute.arena import Buffer
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.lower.fused import Lowered, Quantize, Rows

Array = NDArray[Any]
Operand = Buffer | Array | int | float

#: Bytes of a float32 or int32.
WORD = 4


@dataclass(frozen=True)
class Operation:
    """
    A kernel, what its parameters are, by their names, and how its work is divided.

    ``work`` is what a unit costs, in products or in elements read.
    """

    kernel: Function
    operands: Mapping[str, Operand]
    units: int
    work: int


@dataclass(frozen=True)
class Floats:
    """A tensor of floats: in a buffer of rows of ``width`` features, those from ``start`` on."""

    buffer: Buffer
    start: int
    width: int


class Kernels:
    """The kernels that operations ask for, each made once."""

    def __init__(self) -> None:
        """Start with none."""
        self.made: dict[tuple[Any, ...], Function] = {}

    def get(self, kernel: Callable[..., Function], *variant: Any) -> Function:
        """Return a kernel in a variant."""
        key = (kernel, *variant)
        if key not in self.made:
            self.made[key] = kernel(*variant)
        return self.made[key]


class Forward:
    """
    What the writers of steps fill: each makes buffers for what its step makes, and adds operations.

    Attributes
    ----------
    operations : list of Operation
        In order.
    inputs : mapping of name to Buffer
        int64 ids and byte masks [batch, sequence].
    floats : mapping of name to Floats
    codes : mapping of name and layout to Buffer
    scales : mapping of the name of codes to two operands
        Scales and zero points, by token.
    """

    def __init__(
        self,
        lowered: Lowered,
        packed: Mapping[str, Packed],
        target: Target,
        kernels: Kernels,
        shape: tuple[int, int],
        threads: int,
    ) -> None:
        """Start with no operation and the buffers of the inputs."""
        self.lowered, self.packed, self.target = lowered, packed, target
        self.batch, self.sequence = shape
        self.threads = threads
        self.fused = fused_codes(lowered, target)
        self.inputs = {name: self._input(name) for name in lowered.inputs}
        self.operations: list[Operation] = []
        self.floats: dict[str, Floats] = {}
        self.codes: dict[tuple[str, Layout], Buffer] = {}
        self.scales: dict[str, tuple[Operand, Operand]] = {}
        self._kernels = kernels

    def do(
        self, kernel: Callable[..., Function], variant: Sequence[Any], operands: Mapping[str, Operand],
        units: int, work: int,
    ) -> None:  # fmt: skip
        """Add an operation, by a variant of a kernel for the target."""
        function = self._kernels.get(kernel, self.target, *variant)
        for operand in operands.values():
            if isinstance(operand, Buffer):
                operand.use(len(self.operations))
        self.operations.append(Operation(function, operands, units, work))

    @cached_property
    def tokens(self) -> Space:
        """Return the rows of tensors that have one for every token."""
        return spaced(self.batch, self.sequence, self.target.tile)

    @cached_property
    def _sequences(self) -> Space:
        return spaced(1, self.batch, self.target.tile)

    def space(self, name: str) -> Space:
        """Return the rows of a tensor."""
        return self.tokens if self.lowered.tensors[name].rows is Rows.TOKENS else self._sequences

    def features(self, name: str) -> int:
        """Return how many features a tensor has."""
        return self.lowered.tensors[name].features

    def elements(self, name: str) -> int:
        """Return how many elements a tile of a tensor has."""
        return self.features(name) * self.target.tile

    def whole(self, name: str) -> Buffer:
        """Return the buffer of a float tensor that has one for itself."""
        floats = self.floats[name]
        assert (floats.start, floats.width) == (0, self.features(name))
        return floats.buffer

    def made(self, name: str) -> Buffer:
        """Make the buffer of a float tensor."""
        return self.made_in(self.space(name), name, self.features(name))

    def made_in(self, space: Space, name: str, features: int) -> Buffer:
        """Make the buffer of floats of which the program has only parts."""
        buffer = Buffer(space.tiles * features * self.target.tile * WORD)
        self.floats[name] = Floats(buffer, 0, features)
        return buffer

    def made_codes(self, quantise: Quantize, layout: Layout) -> Buffer:
        """Make the buffer of codes."""
        size = code_bytes(self.target, layout, self.features(quantise.out))
        buffer = Buffer(self.space(quantise.out).tiles * size)
        self.codes[quantise.out, layout] = buffer
        return buffer

    def static(self, step: Quantize) -> dict[str, Operand]:
        """Return scale and zero point of a static quantisation as kernels name them that write codes."""
        zero_point = step.zero_point + code_shift(self.target, signed=step.signed)
        if step.out not in self.scales:
            rows = self.space(step.out).tiles * self.target.tile
            self.scales[step.out] = np.full(rows, step.scale, np.float32), np.full(rows, zero_point, np.int32)
        return {"out_scale": step.scale, "out_zero_point": zero_point}

    def _input(self, name: str) -> Buffer:
        each = 1 if name in self.lowered.masks else 8
        return Buffer(self.batch * self.sequence * each, kept=True)
