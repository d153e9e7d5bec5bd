"""PyTorch, eager, operator by operator: an independent opinion on every step, and gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from distilspec.conformance.runtimes.adapter import Executable, Runtime, as_float32, expect_known, expect_option
from distilspec.conformance.runtimes.torch_operators import TorchOperators
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class TorchRuntime(Runtime):
    """
    Runs programs on ``TorchOperators``.

    Options: ``dtype`` (float32 or float64), in which real numbers are held; results are float32 in both cases.
    """

    name = "torch"
    version = torch.__version__

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        expect_known(self.name, options, ("dtype",))
        self.options = {"dtype": "float32", **options}
        expect_option(self.name, "dtype", self.options["dtype"], tuple(DTYPES))

    def supports(self, op: str) -> bool:
        """Return whether the operator is written in torch."""
        return hasattr(TorchOperators, op)

    def load(self, program: Program) -> Executable:
        """Return the program on torch's operators."""
        return TorchExecutable(program, TorchOperators(DTYPES[self.options["dtype"]]))


class TorchExecutable(Executable):
    """Evaluates the program step by step; every tensor can be shown."""

    def __init__(self, program: Program, operators: TorchOperators) -> None:
        """Evaluate ``program`` on ``operators``."""
        self._program = program
        self._operators = operators

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return every tensor that a step makes."""
        return tuple(self._program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        lifted = {name: self._operators.constant(array) for name, array in self._program.checked(inputs).items()}
        with torch.no_grad():
            values = self._program.run(self._operators, lifted, keep=expose)
        return {name: as_float32(value.numpy()) for name, value in values.items()}


create = TorchRuntime
