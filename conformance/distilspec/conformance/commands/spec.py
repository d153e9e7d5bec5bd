"""``distilspec spec``: the specification, rendered from the operators' docstrings."""

from __future__ import annotations

import inspect
import json
from typing import Annotated

import typer

from distilspec.reference.clauses import clauses
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.ops import OPERATORS


def spec(
    operator: Annotated[str | None, typer.Argument(help="One operator; without it, the list of all.")] = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print clause ids and texts as JSON.")] = False,
) -> None:
    """
    Print the specification: all operators, or one with its clauses, accuracy, special values and example.

    Example: distilspec spec quantize
    """
    if operator is not None and operator not in OPERATORS:
        raise UnsupportedError(f"spec: operator {operator!r} does not exist; expected one of {', '.join(OPERATORS)}")
    names = [operator] if operator else list(OPERATORS)
    if as_json_text:
        found = {name: {clause.id: clause.text for clause in clauses(OPERATORS[name])} for name in names}
        print(json.dumps({"spec": SPEC_VERSION, "operators": found}, indent=1))
    elif operator:
        signature = str(inspect.signature(OPERATORS[operator])).replace("'", "")
        print(f"{operator}{signature}\n\n{inspect.getdoc(OPERATORS[operator])}")
    else:
        width = max(map(len, names))
        print(f"distilspec specification {SPEC_VERSION}: {len(names)} operators")
        for name in names:
            summary = (inspect.getdoc(OPERATORS[name]) or "").splitlines()[0]
            print(f"  {name:<{width}}  {len(clauses(OPERATORS[name])):>2} clauses  {summary}")
