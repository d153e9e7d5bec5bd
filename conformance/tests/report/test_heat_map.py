"""The heat map: where a cell stands, what it shows, and how it looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_reports import case_of, report_of

from distilspec.conformance.report.heat_map import heat_maps, look, percent
from distilspec.conformance.result import FAILING, CaseResult, Judgement, State, Unit


def maps_of(cases, **changes):
    """Return the heat maps of a report with these cases."""
    return list(heat_maps(report_of(cases, **changes)))


def drawn(grid):
    """Return a grid as lines of text."""
    return [
        f"{row.name}: {' '.join('.' if cell is None else cell.text for cell in row.cells)}".rstrip()
        for row in grid.rows
    ]


def test_layers_are_columns_and_their_steps_rows():
    """Steps before and after the layers have tables of their own; a step that only some layers have stands in order."""
    names = ["emb.add", "enc.0.q", "enc.0.out", "enc.1.q", "enc.1.mid", "enc.1.out", "enc.10.q", "pool"]
    (found,) = maps_of([case_of(name) for name in names])
    before, layers, after = found.grids

    assert drawn(before) == ["emb.add: 10"]
    assert layers.title == "enc"
    assert layers.groups == ["0", "1", "10"]
    assert drawn(layers) == ["q: 10 10 10", "mid: . 10 .", "out: 10 10 ."]
    assert drawn(after) == ["pool: 10"]


def test_names_with_slashes_have_layers_too():
    """As an exporter of ONNX writes them."""
    names = ["/encoder/layer.0/attention/MatMul", "/encoder/layer.1/attention/MatMul"]
    (grid,) = maps_of([case_of(name) for name in names])[0].grids

    assert grid.groups == ["0", "1"]
    assert drawn(grid) == ["attention/MatMul: 10 10"]


def test_batches_are_columns_under_each_layer():
    """A batch that lacks a step leaves its cell empty."""
    cases = [case_of("l.0.q"), case_of("l.1.q"), case_of("l.1.q", batch="single", used=0.5)]
    (grid,) = maps_of(cases)[0].grids

    assert grid.columns == ["mixed", "single"]
    assert drawn(grid) == ["q: 10 . 10 50"]


def test_the_program_decides_the_order_and_shows_the_steps_that_the_runtime_hides():
    """A fused step has a row without cells; a tensor beside its step's own stands where the step does."""
    cases = [case_of("c"), case_of("b.scale", step="b"), case_of("a")]
    (grid,) = maps_of(cases, steps={"m/fp32": ("a", "hidden", "b", "c")})[0].grids

    assert drawn(grid) == ["a: 10", "hidden: .", "b.scale: 10", "c: 10"]


def test_decisions_and_relations_stand_in_a_table_of_the_whole_model():
    """They are about no single step."""
    cases = [
        case_of("run twice", unit=Unit.METAMORPHIC, step="", used=0.0),
        case_of("logits: 0", unit=Unit.DECISION, step="classifier", used=0.5),
        case_of("classifier"),
    ]
    whole, steps = maps_of(cases)[0].grids

    assert drawn(whole) == ["run twice: ✓", "logits: 0: 50"]
    assert drawn(steps) == ["classifier: 10"]


def test_every_model_and_recipe_has_a_map():
    """Random models among them; operators come last."""
    operator = CaseResult("quantize/boundary/tie", "Q-S3", "any", "quantize", _judged(State.PASS), ("quantize",))
    golden = CaseResult("quantize-ties", "Q-S3", "any", "quantize", _judged(State.FAIL), ("quantize",))
    cases = [operator, golden, case_of("a"), case_of("a", State.FAIL, recipe="w8a8-static")]
    found = maps_of(cases)

    assert [(item.title, item.judged, item.failing) for item in found] == [
        ("m fp32", 1, 0), ("m w8a8-static", 1, 1), ("operators", 2, 1),
    ]  # fmt: skip
    (grid,) = found[-1].grids
    assert grid.columns == ["boundary", "goldens"]
    assert drawn(grid) == ["quantize: = ✗"]


def test_a_case_of_a_whole_run_has_no_batch():
    """A model that did not load, for one."""
    case = CaseResult("m/fp32/load", "", "fp32", "", Judgement(Unit.EXACT, State.CRASH, float("inf"), float("inf")))
    (grid,) = maps_of([case])[0].grids

    assert drawn(grid) == ["load: C"]
    assert grid.columns == ["all"]


def test_waivers_are_no_steps():
    """They have a section of their own."""
    assert maps_of([CaseResult("waivers/a/b", "", "", "", Judgement(Unit.WAIVER, State.FAIL, 0.0, 0.0))]) == []


@pytest.mark.parametrize("state", State)
def test_a_state_shows_by_sign_and_not_by_colour_alone(state):
    """A failure looks unlike every pass, and says in its title what it is."""
    (row,) = maps_of([case_of("a", state)])[0].grids[0].rows
    (cell,) = row.cells

    assert cell is not None
    assert (cell.look == "fail") == (state in FAILING)
    assert (cell.text == "10") == (state is State.PASS)
    assert state in cell.title


def test_signs_are_distinct():
    """Two states with one sign could not be told apart."""
    signs = [maps_of([case_of("a", state)])[0].grids[0].rows[0].cells[0].text for state in State]

    assert len(set(signs)) == len(State)


def test_the_worst_of_several_decides():
    """A failure before the largest share; a share before what is unsupported."""
    one = [CaseResult(f"add/fuzz/{i}", "ADD-S1", "any", "add", _judged(state, used), ("add",)) for i, (state, used) in
           enumerate([(State.UNSUPPORTED, 0.0), (State.PASS, 0.02), (State.PASS, 0.9), (State.PASS, 0.3)])]  # fmt: skip
    failing = CaseResult("add/fuzz/9", "ADD-S1", "any", "add", _judged(State.FAIL, 5.0), ("add",))

    (cell,) = maps_of(one)[0].grids[0].rows[0].cells
    assert (cell.text, cell.look) == ("90", "s5")
    assert cell.title == "add/fuzz/2: PASS, 90 % of its bound, largest error 1; the worst of 4, 0 fail"
    (cell,) = maps_of([*one, failing])[0].grids[0].rows[0].cells
    assert (cell.text, cell.look) == ("✗", "fail")
    assert cell.title.startswith("add/fuzz/9: FAIL, 5 times its bound")


@pytest.mark.parametrize(
    ("share", "text", "css"),
    [
        (0.0, "=", "s0"), (1e-9, "~0", "s1"), (1e-4, ".01", "s1"), (2e-4, ".02", "s2"), (9e-4, ".09", "s2"),
        (0.001, ".1", "s2"), (0.00501, ".5", "s3"), (0.0949, "9.5", "s4"), (0.0996, "10", "s4"), (0.5, "50", "s5"),
        (1.0, "100", "s5"), (1.14, "114", "s5"),
    ],
)  # fmt: skip
def test_shares_are_shown_in_per_cent(share, text, css):
    """Short enough for a cell, and in the colour of their power of ten."""
    assert (percent(share), look(share)) == (text, css)


@given(st.floats(0, 9.99), st.floats(0, 9.99))
def test_a_larger_share_never_looks_smaller(one, other):
    """The text fits a cell, and neither number nor colour goes down."""
    small, large = sorted((one, other))

    assert len(percent(large)) <= 4
    assert look(small) <= look(large)
    numbers = [float(percent(share).replace("=", "0").replace("~0", "1e-9")) for share in (small, large)]
    assert numbers[0] <= numbers[1]


def _judged(state, used=0.0):
    return Judgement(Unit.BOUND, state, 1.0 if used else 0.0, used)
