"""Finding the tensors that can be shown: what changes the graph is left out, and few graphs are asked for."""

from __future__ import annotations

import pytest
from small_encoder import ENCODER

from distilspec.conformance.runtimes.shown import harmless_to_show

#: The tensors of both layers, of which no two have the same role in one layer.
CANDIDATES = [name for name in ENCODER.tensors if name.startswith("encoder.layer.")]


def shown(*harmful):
    """Return what can be shown when names with these endings change the graph, and how many graphs were asked for."""
    asked = []

    def unchanged(names):
        asked.append(names)
        return not any(name.endswith(harmful) for name in names)

    return harmless_to_show(ENCODER, CANDIDATES, unchanged), len(asked)


def test_where_nothing_changes_the_graph_one_graph_is_asked_for():
    """All candidates come back, in the order of the program."""
    assert shown("nothing ends like this") == (tuple(CANDIDATES), 1)


@pytest.mark.parametrize("harmful", [("key.reshape",), ("key.reshape", "output.add", "intermediate.gelu")])
def test_what_changes_the_graph_is_left_out_in_every_layer(harmful):
    """The rest stays; halving 20 roles five times asks for at most 10 graphs for each role that changes it."""
    names, asked = shown(*harmful)

    assert list(names) == [name for name in CANDIDATES if not name.endswith(harmful)]
    assert asked <= 1 + 10 * len(harmful)


def test_two_that_change_the_graph_only_together_are_not_both_shown():
    """Graphs are asked for with everything that is kept so far."""
    names = harmless_to_show(
        ENCODER, CANDIDATES, lambda names: sum(name.endswith(("layer.0.output.add", "dense")) for name in names) < 5
    )

    assert names
    assert sum(name.endswith(("layer.0.output.add", "dense")) for name in names) < 5
