"""The sentences behind clause ids, wherever they stand: operators, decisions, and relations between answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

from distilspec.reference.clauses import all_clauses, clauses


@lru_cache
def clause_texts() -> Mapping[str, str]:
    """Return the text of every clause by its id, in the order of the specification."""
    # here, because whoever only reads reports need not import what judges
    from distilspec.conformance import decisions
    from distilspec.conformance.metamorphic import RELATIONS

    found = [clause for of_operator in all_clauses().values() for clause in of_operator]
    for module in (decisions, *RELATIONS.values()):
        found += clauses(cast(Callable[..., Any], module))
    return {clause.id: clause.text for clause in found}
