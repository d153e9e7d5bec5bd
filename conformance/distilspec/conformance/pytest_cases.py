"""
The operator cases for a runtime's own pytest suite: one import, and one parametrised test.

>>> import numpy as np
>>> case = next(param.values[0] for param in operator_cases("relu") if "ends" in param.id)
>>> case.check(lambda x: np.maximum(x, np.float32(0)))
>>> case.check(lambda x: np.minimum(np.maximum(x, 0), 6))
Traceback (most recent call last):
AssertionError: relu/boundary/ends breaks RELU-S1: element [16] is 6; expected 8388607.5 +- 0; 5 of 23 outside
  RELU-S1  y = max(x, 0)   (exact)
  aim: zeros, subnormal numbers, neighbours of 1, the largest numbers
  every wrong element is what this bug gives: elements are clipped at 6 [RELU-S1]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.asking import ask, pose
from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.operators import OPERATORS, boundary_cases, call_strategy
from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import GoldenCase, load_goldens
from distilspec.conformance.result import FAILING, Judgement, State
from distilspec.conformance.runtimes.adapter import Executable, Runtime, as_float32
from distilspec.reference import ops
from distilspec.reference.clauses import clauses
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.types import Array, Attribute
from distilspec.reference.program import Program

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

#: What carries out an operator: it takes the operands as NumPy arrays in the order of the specification, None for one
#: that is absent, and the attributes as keywords; it returns an array, or a tuple where there are several results.
Operator = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class OperatorCase:
    """
    One question about one operator.

    Parameters
    ----------
    id : str
    operator : str
    clauses : tuple of str
        The clauses of the specification at which it aims.
    aim : str
        Which wrong implementation it tells apart.
    operands : mapping of parameter to array or None
        Real numbers are float32.
    attributes : mapping of str to attribute
    """

    id: str
    operator: str
    clauses: tuple[str, ...]
    aim: str
    operands: Mapping[str, Array | None]
    attributes: Mapping[str, Attribute]
    source: Call | GoldenCase

    def check(self, function: Operator) -> None:
        """
        Call ``function`` with the operands and the attributes, and compare what it returns with the specification.

        Raises
        ------
        AssertionError
            The answer is wrong; the message says which clauses it breaks, where, and what was expected.
        pytest.skip.Exception
            ``function`` raised NotImplementedError.
        """
        __tracebackhide__ = True
        runtime = _Function(function)
        judgement = self._judgement(runtime)
        if judgement.state is State.UNSUPPORTED:
            pytest.skip(f"{self.operator} is not implemented: {judgement.detail}")
        if runtime.raised is not None:
            raise runtime.raised
        if judgement.state in FAILING:
            raise AssertionError(self._explained(judgement))

    def _judgement(self, runtime: Runtime) -> Judgement:
        if isinstance(self.source, GoldenCase):
            return check_operators(runtime, [self.source])[0].judgement
        return ask(runtime, pose(self.source)).judgement

    def _explained(self, judgement: Judgement) -> str:
        texts = {clause.id: clause.text for clause in clauses(ops.OPERATORS[self.operator])}
        lines = [f"{self.id} breaks {', '.join(self.clauses)}: {judgement.detail}"]
        lines += [f"  {clause}  {texts[clause]}" for clause in self.clauses if clause in texts]
        if self.aim:
            lines.append(f"  aim: {self.aim}")
        if judgement.cause:
            lines.append(f"  every wrong element is what this bug gives: {judgement.cause}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return the call, with the elements of its tensors as far as NumPy prints them."""
        given = [f"{name}={value!r}" for name, value in (*self.operands.items(), *self.attributes.items())]
        return f"{self.operator}({', '.join(given)})"


def operator_cases(
    *operators: str, goldens: bool = True, boundary: bool = True, xfail: Mapping[str, str] | None = None
) -> list[ParameterSet]:
    """
    Return cases as parameters for ``pytest.mark.parametrize``, with their names as ids.

    Parameters
    ----------
    *operators : str
        By default every operator that a runtime can be asked for.
    goldens : bool
        Take the frozen cases, whose answers are known by hand or exact arithmetic.
    boundary : bool
        Take the boundary corpus, whose answers the reference gives.
    xfail : mapping of pattern to reason
        Cases that are known to fail, by shell-style patterns of their ids; one that passes fails the test run.

    Raises
    ------
    RangeError
        An operator does not exist, or a pattern matches no case.
    """
    names = operators or OPERATORS
    for name in names:
        if name not in OPERATORS:
            raise RangeError(f"operator_cases: operator {name} does not exist; expected one of {', '.join(OPERATORS)}")
    known = [golden for golden in load_goldens() if golden.operator in names] if goldens else []
    cases = [_from_golden(golden) for golden in known]
    if boundary:
        cases += [_from_corpus(case) for name in names for case in boundary_cases(name)]
    reasons = xfail or {}
    for pattern in reasons:
        if not any(fnmatchcase(case.id, pattern) for case in cases):
            raise RangeError(f"operator_cases: xfail {pattern} matches no case; expected at least one of {len(cases)}")
    return [pytest.param(case, id=case.id, marks=_marks(case.id, reasons)) for case in cases]


def operator_calls(operator: str) -> SearchStrategy[OperatorCase]:
    """
    Return a Hypothesis strategy of fresh cases, for ``hypothesis.given``; failures shrink to a minimal tensor.

    Raises
    ------
    RangeError
        The operator does not exist.
    """
    if operator not in OPERATORS:
        raise RangeError(f"operator_calls: operator {operator} does not exist; expected one of {', '.join(OPERATORS)}")
    semantic = tuple(clause.id for clause in clauses(ops.OPERATORS[operator]) if clause.kind == "S")
    return call_strategy(operator).map(
        lambda call: OperatorCase(
            f"{operator}/drawn", operator, semantic, "", _held(call.operands), call.attributes, call
        )
    )


class _Function(Runtime):
    """A function as a runtime: it keeps what the function raised, so that a test ends in the function's own error."""

    name, version, options = "function", "", {}

    def __init__(self, function: Operator) -> None:
        self.raised: Exception | None = None
        self._function = function

    def supports(self, op: str) -> bool:  # noqa: ARG002
        return True

    def load(self, program: Program) -> Executable:
        return _Application(program, self)

    def call(self, operands: Sequence[Array | None], attributes: Mapping[str, Any]) -> Any:
        try:
            return self._function(*operands, **attributes)
        except NotImplementedError as error:
            raise UnsupportedError(str(error) or "NotImplementedError") from None
        except Exception as error:
            self.raised = error
            raise


class _Application(Executable):
    """A program of one step, carried out by a function."""

    def __init__(self, program: Program, runtime: _Function) -> None:
        self._program = program
        self._runtime = runtime

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        (step,) = self._program.steps
        values = {**self._program.constants, **self._program.checked(inputs)}
        operands = [None if name is None else as_float32(values[name].copy()) for name in step.inputs]
        made = self._runtime.call(operands, step.attributes)
        results = made if isinstance(made, (tuple, list)) and len(self._program.outputs) > 1 else [made]
        return dict(zip(self._program.outputs, map(np.asarray, results), strict=False))

    def survivors(self) -> tuple[str, ...]:
        return tuple(self._program.outputs.values())

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:  # noqa: ARG002
        return self.run(inputs)


def _from_golden(golden: GoldenCase) -> OperatorCase:
    operands = _held(golden.inputs)
    return OperatorCase(golden.id, golden.operator, golden.clauses, golden.notes, operands, golden.attributes, golden)


def _from_corpus(case: Case) -> OperatorCase:
    call = case.call
    return OperatorCase(case.id, call.operator, case.clauses, case.aim, _held(call.operands), call.attributes, call)


def _held(operands: Mapping[str, Array | None]) -> dict[str, Array | None]:
    return {name: None if array is None else as_float32(array) for name, array in operands.items()}


def _marks(case_id: str, reasons: Mapping[str, str]) -> list[pytest.MarkDecorator]:
    matching = [reason for pattern, reason in reasons.items() if fnmatchcase(case_id, pattern)]
    return [pytest.mark.xfail(reason=reason, strict=True) for reason in matching[:1]]
