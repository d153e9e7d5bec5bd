"""A Linear whose weight is constant, in whichever form the program holds it: read as a matrix, and written back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step


class Positions(NamedTuple):
    """Where a Linear step has its weight, in one operand or three, and what belongs to its output channels."""

    weight: slice
    scale: int | None
    bias: int


POSITIONS: Mapping[str, Positions] = {
    "linear": Positions(slice(1, 2), None, 2),
    "block_sparse_linear": Positions(slice(1, 4), None, 4),
    "quantized_linear": Positions(slice(3, 4), 4, 5),
    "quantized_block_sparse_linear": Positions(slice(3, 6), 6, 7),
}


@dataclass(frozen=True, eq=False)
class Linear:
    """
    A Linear step, read from a program.

    Parameters
    ----------
    step : Step
    weight : array [out_features, in_features]
        Real numbers, or codes.
    weight_names : tuple of str
        The constant of a dense weight, or the three of a block-sparse one.
    channels : mapping of name to array
        The constants that have one element for each output channel: scale and bias.
    block_shape : (int, int) or None
        Of a block-sparse weight.
    """

    step: Step
    weight: Array
    weight_names: tuple[str, ...]
    channels: Mapping[str, Array]
    block_shape: tuple[int, int] | None

    def permuted(self, *, rows: Array | None = None, columns: Array | None = None) -> Linear:
        """Return the Linear with its output channels in the order ``rows``, and its input features in ``columns``."""
        weight, channels = self.weight, dict(self.channels)
        if rows is not None:
            weight = weight[rows]
            channels = {name: array[rows] for name, array in channels.items()}
        if columns is not None:
            weight = weight[:, columns]
        return dataclasses.replace(self, weight=np.ascontiguousarray(weight), channels=channels)

    def constants(self) -> dict[str, Array]:
        """Return the constants of the program that hold this Linear."""
        if self.block_shape is None:
            return {self.weight_names[0]: self.weight, **self.channels}
        packed = ops.pack_block_sparse(self.weight, block_shape=self.block_shape)
        return {**dict(zip(self.weight_names, packed, strict=True)), **self.channels}


def read_linear(program: Program, step: Step) -> Linear:
    """
    Return a Linear with its weight as a matrix; codes that a step of their own dequantizes stay codes.

    Raises
    ------
    UnsupportedError
        The step is no Linear, quantises its own output, or its weight is not a constant.
    """
    if step.op not in POSITIONS or len(step.inputs) > POSITIONS[step.op].bias + 1:
        raise UnsupportedError(f"step {step.name} is a {step.op}; expected a Linear with a float output")
    weight, scale, bias = POSITIONS[step.op]
    names = tuple(map(str, step.inputs[weight]))
    channels = [step.inputs[place] for place in (scale, bias) if place is not None and place < len(step.inputs)]
    maker = program.maker(names[0])
    is_alone = sum(names[0] in other.inputs for other in program.steps) == 1
    if maker is not None and maker.op == "dequantize" and maker.attributes.get("axis") == 0 and is_alone:
        names = (str(maker.inputs[0]),)
        channels += maker.inputs[1:]
    for name in (*names, *channels):
        if name is not None and name not in program.constants:
            raise UnsupportedError(f"step {step.name} reads {name}, which is not a constant; expected one")
    held = {name: program.constants[name] for name in channels if name is not None}
    arrays = [program.constants[name] for name in names]
    return Linear(
        step,
        arrays[0] if len(arrays) == 1 else ops.unpack_block_sparse(*arrays, in_features=_in_features(program, step)),
        names,
        {name: array for name, array in held.items() if array.ndim == 1 and array.size > 1},
        None if len(arrays) == 1 else arrays[0].shape[1:],
    )


def rewritten(program: Program, linears: Sequence[Linear]) -> Program:
    """
    Return the program with these Linears in place of those that they were read from.

    Raises
    ------
    UnsupportedError
        A constant that changes belongs to another step too, or two of the Linears hold it and want it to differ.
    """
    changed: dict[str, Array] = {}
    for linear in linears:
        for name, array in linear.constants().items():
            if not np.array_equal(changed.setdefault(name, array), array):
                raise UnsupportedError(f"program {program.name}: constant {name} is shared by Linears that differ")
    known = {linear.step.name for linear in linears}
    for step in program.steps:
        for name in filter(None, step.inputs):
            is_shared = name in changed and step.name not in known and step.op != "dequantize"
            if is_shared and not np.array_equal(changed[name], program.constants[name]):
                raise UnsupportedError(f"program {program.name}: constant {name} is shared with step {step.name}")
    return program.replace(constants={**program.constants, **changed})


def _in_features(program: Program, step: Step) -> int:
    return int(program.spec(str(step.inputs[0])).shape[-1])
