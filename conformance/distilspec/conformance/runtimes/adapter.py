"""What an adapter offers: a ``Runtime`` loads a program into an ``Executable``, which runs it and shows its tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from distilspec.reference.contract.errors import ContractError, RangeError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


class RuntimeMissingError(ContractError):
    """The package of a runtime is not installed."""


class Executable(ABC):
    """
    A program that a runtime has loaded.

    Inputs are the program's inputs as NumPy arrays; a mask may be boolean or 0/1 integers. Results are NumPy arrays;
    a real number is float32.
    """

    @abstractmethod
    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the program as a user would, and return its outputs by their labels."""

    @abstractmethod
    def survivors(self) -> tuple[str, ...]:
        """
        Return the tensors, by their names in the program, that can be shown without altering what is computed.

        They come in the order of the program. A tensor that is an output of the program is always among them.
        """

    @abstractmethod
    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """
        Run with some of the survivors shown: the outputs by their labels, and the tensors ``expose`` by their names.

        A caller that judges the tensors compares the outputs with those of ``run`` bit for bit first.
        """


class Runtime(ABC):
    """
    Anything that runs programs.

    Attributes
    ----------
    name, version : str
    options : mapping of str to str
        All that changes the runtime's numerics, with the values in force: part of its identity in a report.
    """

    name: str
    version: str
    options: Mapping[str, str]

    @abstractmethod
    def supports(self, op: str) -> bool:
        """Return whether the adapter declares that the runtime has an operator."""

    @abstractmethod
    def load(self, program: Program) -> Executable:
        """
        Prepare a program.

        Raises
        ------
        UnsupportedError
            A step cannot be expressed in this runtime.
        """


def as_float32(array: Array) -> Array:
    """Return ``array`` with float64 rounded to float32, which is how a runtime holds a real number."""
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(np.float32) if array.dtype == np.float64 else array


def expect_option(runtime: str, name: str, value: str, expected: Sequence[str]) -> str:
    """Return ``value``, or raise ``RangeError`` unless it is one of ``expected``."""
    if value not in expected:
        raise RangeError(f"runtime {runtime}: option {name} is {value!r}; expected one of {', '.join(expected)}")
    return value


def expect_known(runtime: str, options: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise ``RangeError`` unless every option has one of the names ``known``."""
    for name in options:
        if name not in known:
            raise RangeError(
                f"runtime {runtime}: option {name} does not exist; expected one of {', '.join(known) or 'none'}"
            )
