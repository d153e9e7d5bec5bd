"""What an adapter offers: a ``Runtime`` loads a program into an ``Executable``, which runs it and shows its tensors."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distilspec.reference.contract.errors import ContractError, RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

if TYPE_CHECKING:
    from distilspec.reference.formats.hugging_face import Model


class RuntimeMissingError(ContractError):
    """The package of a runtime is not installed."""


class RuntimeCrashError(ContractError):
    """The process of a runtime ended while it was asked for something."""


class RuntimeHangError(ContractError):
    """A runtime did not answer in time."""


class Granularity(StrEnum):
    """What a runtime can be handed."""

    OPERATORS = "operators"
    PROGRAMS = "programs"
    MODELS = "models"


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
    granularity : tuple of Granularity
        What it can be handed: programs of one step, whole programs, or whole models that a converter of its own reads.
    recipes : mapping of Recipe to str
        The recipes under which it can be judged, each with the mode of the runtime that carries it out.
    """

    name: str
    version: str
    options: Mapping[str, str]
    granularity: tuple[Granularity, ...] = (Granularity.OPERATORS, Granularity.PROGRAMS)
    recipes: Mapping[Recipe, str] = dict.fromkeys(Recipe, "the program as it is written")

    @abstractmethod
    def supports(self, op: str) -> bool:
        """Return whether the adapter declares that the runtime has an operator."""

    def missing(self, program: Program) -> list[str]:
        """Return the operators of a program that the adapter does not declare; one may exist inside programs only."""
        return sorted({step.op for step in program.steps if not self.supports(step.op)})

    @abstractmethod
    def load(self, program: Program) -> Executable:
        """
        Prepare a program.

        Raises
        ------
        UnsupportedError
            A step cannot be expressed in this runtime.
        """

    def load_onnx(self, path: Path, program: Program) -> Executable:  # noqa: ARG002
        """
        Prepare a user's ONNX file as it is; ``program`` is what ``read_onnx`` made of it and gives the names.

        Raises
        ------
        UnsupportedError
            The runtime does not read ONNX files.
        """
        raise UnsupportedError(f"runtime {self.name}: does not read ONNX files; expected one that does")

    def load_model(self, model: Model, program: Program) -> Executable:  # noqa: ARG002
        """
        Convert a whole model by the runtime's own converter, under the recipe that ``program`` names.

        Raises
        ------
        UnsupportedError
            The runtime has no converter, or none for this model or recipe.
        """
        raise UnsupportedError(f"runtime {self.name}: converts no whole models; expected a runtime that does")

    def with_threads(self, threads: int) -> Runtime | None:  # noqa: ARG002
        """Return the same runtime with another number of threads, or None where that cannot be chosen."""
        return None

    def close(self) -> None:  # noqa: B027
        """Free what the runtime holds, processes for one."""


def as_float32(array: Array) -> Array:
    """Return ``array`` with float64 rounded to float32, which is how a runtime holds a real number."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(np.float32)


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


def expect_number(runtime: str, name: str, value: str) -> int:
    """Return ``value`` as a whole number, or raise ``RangeError`` unless it is one."""
    if not value.isdecimal():
        raise RangeError(f"runtime {runtime}: option {name} is {value!r}; expected a number")
    return int(value)


def expect_version(runtime: str, version: str, oldest: str) -> None:
    """Raise ``UnsupportedError`` if a package is older than the adapter of a runtime is written for."""
    if _numbers(version) < _numbers(oldest):
        raise UnsupportedError(
            f"runtime {runtime}: version is {version}; expected {oldest} or later because the adapter is written for it"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
