"""Every bound is tight: a legitimate form reaches a tenth of it, and the table of the derivations says how much."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import worst_inputs
from worst_inputs import README, TABLE, WORST

from distilspec.reference import ops

HERE = Path(__file__).parent

#: Operators whose results are not rounded: their bound is what their operands move, and 0 for exact ones.
EXACT = set(re.findall(r"`(\w+)`", README.read_text().split("### Operators that do not round")[1].split("\n##")[0]))


@pytest.mark.parametrize("operator", sorted(WORST))
def test_a_legitimate_form_reaches_a_tenth_of_the_bound(operator):
    """On inputs that make roundings add up; a form that leaves the bound is an error of its own."""
    assert 0.1 <= WORST[operator].used <= 1


def test_every_operator_is_in_one_of_the_two_lists():
    """An operator is bounded, and driven towards its bound, or it does not round."""
    assert set(WORST) | EXACT == set(ops.OPERATORS)
    assert not set(WORST) & EXACT


def test_the_table_says_what_is_measured():
    """A share may differ by a point where the processor's own functions are inside, everything else is equal."""
    written = TABLE.search(README.read_text()).group()

    assert [_without_share(row) for row in written.splitlines()] == [
        _without_share(row) for row in worst_inputs.table().splitlines()
    ], "renew it: PYTHONPATH=conformance/tests python -m worst_inputs"
    for operator, share in re.findall(r"\| `(\w+)`.* (\d+)% \|", written):
        assert abs(int(share) / 100 - WORST[operator].used) <= 0.011, operator


def _without_share(row):
    return row.rsplit("|", 2)[0]


@pytest.mark.parametrize("operator", sorted(WORST))
def test_the_search_that_the_table_names_exists_and_the_derivation_names_the_operator(operator):
    """A search is a test that hypothesis drives; the page of the derivation holds the operator's name."""
    file, function = WORST[operator].search.split("::")
    tests = {node.name: node for node in ast.parse((HERE / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    decorators = [ast.unparse(decorator) for decorator in tests[function].decorator_list]

    assert any(decorator.startswith("given(") for decorator in decorators)
    assert f"`{operator}`" in (README.parent / f"{WORST[operator].page}.md").read_text()
