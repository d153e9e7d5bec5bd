"""The reference as a runtime: each step's real value, rounded to float32 once, as a runtime holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distilspec.conformance.runtimes.adapter import Executable, Runtime, as_float32, expect_known
from distilspec.reference import ops
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.contract.types import Array, Attribute
from distilspec.reference.program import Program


class ReferenceRuntime(Runtime):
    """Runs programs on ``distilspec.reference.ops``."""

    name = "reference"
    version = SPEC_VERSION

    def __init__(self, options: Mapping[str, str]) -> None:
        """Take no options."""
        expect_known(self.name, options, ())
        self.options = {}

    def supports(self, op: str) -> bool:
        """Return whether the operator exists."""
        return op in ops.OPERATORS

    def load(self, program: Program) -> Executable:
        """Return the program as it is."""
        return ReferenceExecutable(program)


class ReferenceExecutable(Executable):
    """Evaluates the program step by step; every tensor can be shown."""

    def __init__(self, program: Program, namespace: Any = ops) -> None:
        """Evaluate ``program`` on the reference's operators, or on another namespace that returns NumPy arrays."""
        self._program = program
        self._namespace = Float32(namespace)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return every tensor that a step makes."""
        return tuple(self._program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        return self._program.run(self._namespace, inputs, keep=expose)


class Float32:
    """
    The operators of another namespace with real results rounded to float32.

    Every step then computes from the very values that are shown, which is what the judge of a segment assumes.
    """

    def __init__(self, namespace: Any) -> None:
        """Round what the operators of ``namespace`` return."""
        self._namespace = namespace

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operator, or ``constant``, that rounds."""
        operator = getattr(self._namespace, name)

        def rounded(*operands: Array | None, **attributes: Attribute) -> Any:
            result = operator(*operands, **attributes)
            if isinstance(result, tuple):
                return tuple(as_float32(part) for part in result)
            return as_float32(result)

        return rounded


create = ReferenceRuntime
