"""The boundary corpus: cases made to tell right from wrong, judged by the reference and its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from distilspec.conformance.cases.asking import Question, ask, pose
from distilspec.conformance.cases.call import Case
from distilspec.conformance.cases.operators import OPERATORS, boundary_cases
from distilspec.conformance.result import CaseResult
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.unit import Progress


@lru_cache(maxsize=len(OPERATORS))
def posed_cases(operator: str) -> tuple[tuple[Case, Question], ...]:
    """Return the corpus of an operator with its answers, which are found once in a process."""
    return tuple((case, pose(case.call)) for case in boundary_cases(operator))


def check_corpus(runtime: Runtime, operator: str, progress: Progress = lambda _: None) -> Iterator[CaseResult]:
    """
    Judge a runtime on the boundary corpus of an operator, a result a case.

    Parameters
    ----------
    runtime : Runtime
    operator : str
        One of ``cases.operators.OPERATORS``.
    progress : callable

    Examples
    --------
    >>> from distilspec.conformance.runtimes import find_runtime
    >>> {result.state.value for result in check_corpus(find_runtime("reference"), "softmax")}
    {'PASS'}
    """
    for case, question in posed_cases(operator):
        progress(case.id)
        answer = ask(runtime, question)
        clause = ", ".join(case.clauses)
        yield CaseResult(case.id, clause, "any", operator, answer.judgement, (operator,), answer.evidence)
