"""The steps that recipes and pruning rewrite, and the builder that replays a program around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, Attribute
from distilspec.reference.ops.pack_block_sparse import BlockSparse
from distilspec.reference.program import Program, Step
from distilspec.reference.tracer import Builder

#: The tag of steps inside an encoder.
ENCODER = "encoder"


def is_encoder_linear(step: Step) -> bool:
    """Return whether the step is a Linear of an encoder, dense or block-sparse."""
    return ENCODER in step.tags and step.op in ("linear", "block_sparse_linear")


def dense_weight(program: Program, step: Step) -> tuple[str, Array]:
    """
    Return name and value of the weight of a ``linear`` step.

    Raises
    ------
    UnsupportedError
        The weight is not a constant.
    """
    return constant_of(program, step, step.inputs[1])


def sparse_weight(program: Program, step: Step) -> BlockSparse:
    """
    Return the three arrays of the weight of a ``block_sparse_linear`` step.

    Raises
    ------
    UnsupportedError
        One of them is not a constant.
    """
    return BlockSparse(*(constant_of(program, step, name)[1] for name in step.inputs[1:4]))


class Replay(Builder):
    """Builds a program from the steps of another; a constant of that one is taken over when a step first reads it."""

    def __init__(self, program: Program, properties: Mapping[str, str]) -> None:
        """Start with the inputs of ``program``, its properties and these, and no steps."""
        super().__init__(program.name, program.inputs, {**program.properties, **properties})
        self.program = program

    def emit(
        self,
        name: str,
        op: str,
        inputs: Sequence[str | None],
        attributes: Mapping[str, Attribute] | None = None,
        tags: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Append one step, as ``Builder.emit`` does."""
        for operand in inputs:
            if operand is not None and operand in self.program.constants and not self.has(operand):
                self.constant(operand, self.program.constants[operand])
        return super().emit(name, op, inputs, attributes, tags)

    def repeat(self, step: Step) -> None:
        """Append a step of the other program as it is."""
        self.emit(step.name, step.op, step.inputs, step.attributes, step.tags)


def in_features_of(program: Program, step: Step) -> int:
    """Return the width of a Linear's input."""
    return int(program.spec(str(step.inputs[0])).shape[-1])


def constant_of(program: Program, step: Step, name: str | None) -> tuple[str, Array]:
    """Return name and value of an operand; ``UnsupportedError`` unless it is a constant."""
    if name is None or name not in program.constants:
        raise UnsupportedError(
            f"program {program.name}: step {step.name} has weight {name}, which another step makes; expected a constant"
        )
    return name, program.constants[name]
