"""``Lowering``: what the steps of a program have become so far, and what those who lower a step ask of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilspec.fast.lower.fused import Array, Fused, Linear, Lowered, Output, Tensor
from distilspec.fast.lower.merge import merged
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.program import Program, Step

#: The place of the tokens among the axes of an input.
SEQUENCE = 1


@dataclass(frozen=True)
class Heads:
    """A tensor of rows seen as heads: [batch, heads, sequence, head_dim] if ``by_head``, else with heads third."""

    tensor: str
    heads: int
    head_dim: int
    by_head: bool = False


class Lowering:
    """
    What each tensor of a program has become.

    Attributes
    ----------
    program : Program
    steps : list of Fused
        So far, in order.
    tensors : dict of name to Tensor
        Those that are rows of features.
    constants : dict of name to array
        The program's, and what is made of them alone.
    heads : dict of name to Heads
    masks : dict of name to name
        The inputs that tensors are which spread a mask over scores.
    slices : dict of name to Output
        Some features of a tensor.
    positions : dict of name to array
        Tables whose first rows are added.
    readers : Counter of name
        How many steps and outputs read a tensor.
    """

    def __init__(self, program: Program) -> None:
        """Begin with the program's constants."""
        self.program = program
        self.steps: list[Fused] = []
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = dict(program.constants)
        self.heads: dict[str, Heads] = {}
        self.masks: dict[str, str] = {}
        self.slices: dict[str, Output] = {}
        self.positions: dict[str, Array] = {}
        self.readers = Counter(name for step in program.steps for name in step.inputs if name is not None)
        self.readers.update(program.outputs.values())

    def finished(self) -> Lowered:
        """Return what all steps have become."""
        outputs = {label: self._output(label, tensor) for label, tensor in self.program.outputs.items()}
        return Lowered(tuple(self.program.inputs), tuple(merged(self.steps)), self.tensors, outputs)

    def _output(self, label: str, tensor: str) -> Output:
        if tensor in self.slices:
            return self.slices[tensor]
        if not self.is_rows(tensor):
            raise UnsupportedError(f"output {label}: {tensor} is no float tensor of rows of features; expected one")
        return Output(tensor, 0, self.tensors[tensor].features)

    def emit(self, step: Fused, tensor: Tensor) -> None:
        """Add a fused step and the tensor that it makes."""
        self.steps.append(step)
        self.tensors[step.out] = tensor

    def refuse(self, step: Step, expected: str) -> UnsupportedError:
        """Return the error for a step, with what was expected of it."""
        return UnsupportedError(
            f"step {step.name}: {step.op} of {', '.join(map(str, step.inputs))}; expected {expected}"
        )

    def rows(self, step: Step, place: int = 0, codes: bool = False) -> str:
        """Return the name of an operand that is rows of features."""
        name = step.inputs[place]
        if name is None or not self.is_rows(name, codes):
            raise self.refuse(step, f"operand {place} to be {'codes' if codes else 'floats'} in rows of features")
        return name

    def is_rows(self, name: str, codes: bool = False) -> bool:
        """Return whether a tensor is rows of features, of codes or of floats."""
        return name in self.tensors and name not in self.heads and self.tensors[name].codes == codes

    def constant(self, step: Step, place: int) -> Array:
        """Return an operand that is a constant."""
        name = step.inputs[place] if place < len(step.inputs) else None
        if name is None or name not in self.constants:
            raise self.refuse(step, f"operand {place} to be a constant")
        return self.constants[name]

    def mask_input(self, step: Step, place: int) -> str:
        """Return the name of an operand that is a mask as the caller gives it."""
        spec = self.program.inputs.get(str(step.inputs[place]))
        if spec is None or spec.dtype != "bool" or len(spec.shape) != 2:
            raise self.refuse(step, "a mask that is a bool input [batch, sequence] of the program")
        return str(step.inputs[place])

    def last_linear(self, name: str) -> tuple[int, Linear] | None:
        """Return the place of the Linear that makes a tensor which one step alone reads, and the Linear, or None."""
        if self.readers[name] != 1:
            return None
        for place, made in enumerate(self.steps):
            if made.out == name and isinstance(made, Linear):
                return place, made
        return None

    def fuse(self, place: int, old: str, fused: Linear) -> None:
        """Put a Linear that makes another tensor in the place of one."""
        self.steps[place] = fused
        self.tensors[fused.out] = self.tensors.pop(old)

    def rename(self, old: str, new: str) -> None:
        """Let the step that makes a tensor make it under another name; the layout has no difference between them."""
        place = next(place for place, made in enumerate(self.steps) if made.out == old)
        self.steps[place] = replace(self.steps[place], out=new)
        self.tensors[new] = self.tensors.pop(old)


def attributes(step: Step) -> Mapping[str, Any]:
    """Return a step's attributes, each of the type that its operator knows."""
    return step.attributes


def as_float(array: Any) -> Array:
    """Return numbers in float32."""
    return np.asarray(array, np.float32)
