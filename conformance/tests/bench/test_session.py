"""A benchmark from its question to its rows, with runtimes that are not real."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from tiny_models import DistilBertConfig, tiny_folder

from distilspec.conformance.bench import session
from distilspec.conformance.bench.peers import PEERS, under
from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.session import Question, bench, processors_for, sources
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.bench.workloads import Shape, Workload, model_of
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.saved import load_program

BY_NAME = {peer.name: peer for peer in PEERS}

SHAPE = Shape(3, 8)


@pytest.fixture
def workload(tmp_path, monkeypatch):
    """Yield a tiny model; what is made of it is kept in a folder that goes away."""
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    yield Workload(str(tiny_folder(tmp_path / "model", "feature-extraction", kind=DistilBertConfig)))
    model_of.cache_clear()


@pytest.fixture
def planted(workload, monkeypatch):
    """Yield what planted runtimes do: seconds of a forward, and by how much results are off, or an error, by name."""
    behaviour = {}

    class Planted:
        version = ""

        def __init__(self, peer, threads, processors):
            self.peer, self.behaviour = peer, behaviour[peer.name]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def load(self, source, inputs):
            if isinstance(self.behaviour, PeerError):
                raise self.behaviour

        def outputs(self):
            recipe = Recipe.FP32 if self.peer.own_numerics else self.peer.recipe
            right = workload.expected(recipe, SHAPE)["last_hidden_state"]
            return {"last_hidden_state": right[np.arange(SHAPE.batch) % 2] * (1 + self.behaviour[1])}

        def turn(self, warm, count):
            return [self.behaviour[0]] * count

    monkeypatch.setattr(session, "Process", Planted)
    monkeypatch.setattr(session, "missing", lambda peer: None if peer.name in behaviour else f"no {peer.package}")
    monkeypatch.setattr(session, "limits_of", lambda threads, _: Limits(threads, "avx2", 1e9, 1e9, 1e9))
    return behaviour


def asked(workload, names, **changes):
    """Return the report on peers of these names, and its rows by name."""
    question = Question([BY_NAME[name] for name in names], [workload], [SHAPE], [1], seconds=0.0)
    report = bench(replace(question, **changes))
    return report, {row.runtime: row for row in report.rows}


def test_ratios_are_speeds_against_the_base(workload, planted):
    """Ours takes half the time of OpenVINO, torch three times."""
    planted |= {"fast": (0.01, 0.0), "openvino-int8": (0.02, 0.0), "torch-inductor": (0.06, 0.0)}

    report, rows = asked(workload, planted)

    assert {name: row.ratio for name, row in rows.items()} == pytest.approx(
        {"fast": 2.0, "openvino-int8": 1.0, "torch-inductor": 1 / 3}
    )
    assert {row.base for row in report.rows} == {"openvino-int8"}
    assert all(0 < row.roofline < 1 for row in report.rows)
    assert {(row.batch, row.seq, row.threads, row.sparsity, row.block_shape) for row in report.rows} == {
        (3, 8, 1, 0.0, None)
    }


def test_wrong_results_are_timed_and_named(workload, planted):
    """Off by 30 %, which no recipe is."""
    planted |= {"openvino-int8": (0.02, 0.0), "onnxruntime-qdq": (0.01, 0.3)}

    _, rows = asked(workload, planted)

    assert (rows["onnxruntime-qdq"].state, rows["openvino-int8"].state) == (State.FAIL, State.PASS)
    assert rows["onnxruntime-qdq"].error == pytest.approx(0.3)
    assert rows["onnxruntime-qdq"].ratio == pytest.approx(2.0)


def test_float32_may_be_off_by_what_float32_is(workload, planted):
    """A thousandth, while an INT8 recipe may be off by as much as it is from float32 itself."""
    planted |= {"onnxruntime-fp32": (0.02, 2e-3), "openvino-fp32": (0.02, 1e-4), "onnxruntime-qdq": (0.02, 2e-3)}

    _, rows = asked(workload, planted)

    assert {name: row.state for name, row in rows.items()} == {
        "onnxruntime-fp32": State.FAIL, "openvino-fp32": State.PASS, "onnxruntime-qdq": State.PASS
    }  # fmt: skip
    assert rows["openvino-fp32"].error_limit == 1e-3


def test_a_runtime_that_cannot_load_has_a_row_without_a_time(workload, planted):
    """The others are timed; without a base there are no ratios."""
    planted |= {"fast": (0.01, 0.0), "openvino-int8": PeerError(State.CRASH, "signal 4: nothing printed")}

    _, rows = asked(workload, planted)

    assert (rows["openvino-int8"].state, rows["openvino-int8"].median_ms) == (State.CRASH, None)
    assert (rows["fast"].median_ms, rows["fast"].ratio) == (pytest.approx(10.0), None)


def test_who_is_not_there_is_left_out_with_a_reason(workload, planted):
    """Where the base is not there, its name stands in the rows nevertheless."""
    planted |= {"fast": (0.01, 0.0)}

    report, rows = asked(workload, ["fast", "openvino-int8"])

    assert [(one.runtime, one.reason) for one in report.left_out] == [("openvino-int8", "no openvino")]
    assert list(rows) == ["fast"]
    assert rows["fast"].ratio is None


def test_numerics_of_its_own_are_judged_from_float32_and_named(workload, planted, monkeypatch):
    """What NNCF makes is INT8 work; it may be off by twice what our recipe is off. NNCF need not be installed."""
    monkeypatch.setattr(session, "version", lambda _: "1.0")
    planted |= {"openvino-nncf": (0.02, 1e-4), "openvino-int8": (0.02, 0.0), "openvino-fp32": (0.02, 0.0)}

    _, rows = asked(workload, planted)

    assert (rows["openvino-nncf"].recipe, rows["openvino-fp32"].recipe) == ("nncf int8", "fp32")
    assert rows["openvino-nncf"].error_limit == pytest.approx(2 * rows["openvino-int8"].error_limit)
    assert rows["openvino-nncf"].roofline == rows["openvino-int8"].roofline


def test_every_number_of_threads_and_shape_is_timed(workload, planted, monkeypatch):
    """With the limits of each number of threads."""
    planted |= {"fast": (0.01, 0.0)}
    monkeypatch.setattr(session, "processors_for", lambda threads: tuple(range(threads)))

    report, _ = asked(workload, ["fast"], threads=[1, 2], workloads=[workload, replace(workload, sparsity=0.5)])

    assert [(row.threads, row.sparsity, row.block_shape) for row in report.rows] == [
        (1, 0.0, None), (1, 0.5, (4, 1)), (2, 0.0, None), (2, 0.5, (4, 1))
    ]  # fmt: skip
    assert [limits.threads for limits in report.limits] == [1, 2]
    assert report.rows[0].roofline > report.rows[1].roofline, "pruned blocks are no work"


def test_another_recipe_is_what_is_computed_and_expected(workload, planted):
    """Its limit is its own distance from float32, and its name stands in the rows."""
    planted |= {"fast": (0.01, 0.0), "openvino-int8": (0.02, 0.0), "onnxruntime-dynamic": (0.02, 0.0)}
    _, rows = asked(workload, planted)

    _, of_seven_bits = asked(workload, planted, peers=under([BY_NAME[name] for name in planted], Recipe.W7A8_STATIC))

    assert {name: row.recipe for name, row in of_seven_bits.items()} == {
        "fast": "w7a8-static", "openvino-int8": "w7a8-static", "onnxruntime-dynamic": "w8a8-dynamic"
    }  # fmt: skip
    assert {row.state for row in of_seven_bits.values()} == {State.PASS}
    assert of_seven_bits["fast"].error_limit > rows["fast"].error_limit


def test_threads_are_at_most_the_processors():
    """Said in one line."""
    with pytest.raises(RangeError, match="threads: got 4096; expected 1 to "):
        processors_for(4096)
    assert len(processors_for(1)) == 1


def test_everybody_finds_the_model_in_the_form_it_takes(workload):
    """A file of fixed shapes, one of symbols, a program with blocks or with zeros, and a name."""
    pruned = replace(workload, sparsity=0.5)
    with sources(pruned) as source:
        fixed, symbols = (source(BY_NAME[name], SHAPE).split("\n") for name in ("openvino-int8", "deepsparse-qdq"))
        assert fixed[1:] == symbols[1:] == ["last_hidden_state"]
        dimensions = [
            [dimension.dim_value for dimension in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
            for path in (fixed[0], symbols[0])
        ]
        assert dimensions == [[3, 8], [0, 0]]
        operators = [
            {step.op for step in load_program(session.Path(source(BY_NAME[name], SHAPE))).steps}
            for name in ("fast", "torch-inductor")
        ]
        assert ["quantized_block_sparse_linear" in ops for ops in operators] == [True, False]
        assert source(BY_NAME["ctranslate2-int8"], SHAPE) == f"{pruned.model}\n0.5"
        assert source(BY_NAME["onnxruntime-qdq"], SHAPE).split("\n") == fixed, "written once"
        assert source(BY_NAME["deepsparse-qdq"], Shape(1, 4)).split("\n") == symbols, "once for all shapes"
        assert session.Path(fixed[0]).exists()
        source(BY_NAME["onnxruntime-qdq"], Shape(1, 4))
        assert not session.Path(fixed[0]).exists()
    assert not session.Path(symbols[0]).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fast", "openvino-int8", "onnxruntime-qdq", "torch-dynamic", "torch-fp32", "ctranslate2-int8"]
)
def test_real_runtimes_answer(workload, name):
    """Each loads a tiny model, computes something, and takes its turns; no time is asserted."""
    report, rows = asked(workload, [name])

    assert report.left_out == []
    assert rows[name].state in (State.PASS, State.FAIL), rows[name].detail
    assert rows[name].median_ms > 0
    assert rows[name].version
