"""``distilspec profile``: parts of a forward, their shares, and what the machine's limits allow them."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from counted_program import ATTENTION, WEIGHTS, program
from refusal import refused
from rich.console import Console
from tiny_result import tiny_result
from typer.testing import CliRunner

from distilspec.conformance.bench import profile as module
from distilspec.conformance.bench.profile import profile
from distilspec.conformance.bench.profile_table import print_profile
from distilspec.conformance.bench.work import Limits, Work, work_of
from distilspec.conformance.bench.workloads import Shape, Workload, model_of
from distilspec.conformance.cli import app
from distilspec.fast import Engine, OperationTime, Profile
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe

LIMITS = Limits(1, "avx2", int8_products=1e6, float32_products=1e5, read_bytes=1e9)


@pytest.fixture
def timed(monkeypatch):
    """Return a function: the profile of a small program whose operations take what the test says."""

    def of(recipe, seconds, *operations, called=1.0, dispatch=0.5):
        monkeypatch.setattr(module, "machine_limits", lambda *_: LIMITS)
        monkeypatch.setattr(Workload, "program", lambda *_: program(recipe=recipe))
        monkeypatch.setattr(Workload, "inputs", lambda *_: {})
        found = Profile(seconds, tuple(OperationTime(*operation) for operation in operations), called, dispatch)
        monkeypatch.setattr(Engine, "profile", lambda *_, **__: found)
        return profile(Workload(), recipe, Shape(1, 7), 1, 0.0)

    return of


def test_a_part_is_compared_with_the_products_of_its_own_steps(timed):
    """Linears in INT8 and attention in float32; what has no products has no limit."""
    made = timed(
        Recipe.W8A8_DYNAMIC, 0.1,
        ("embed.word", 0.01), ("dense.4.plain", 0.02), ("attention.floats", 0.03), ("dense.4.gelu.factors", 0.02),
        ("key_list", 0.01), ("dense.4.plain", 0.03),
    )  # fmt: skip

    linears, attention, rest = made.parts
    assert (linears.part, attention.part, rest.part) == ("Linears in INT8", "attention in float32", "everything else")
    assert [round(part.ms, 9) for part in made.parts] == [70, 40, 10]
    assert [round(part.share, 9) for part in made.parts] == [round(x / 12, 9) for x in (7, 4, 1)]
    assert linears.of_limit == pytest.approx(7 * WEIGHTS / 1e6 / 0.07, rel=1e-12)
    assert attention.of_limit == pytest.approx(ATTENTION / 1e5 / 0.04, rel=1e-12)
    assert rest.of_limit is None
    assert [(each.kernel, each.operations, round(each.ms, 9)) for each in linears.kernels] == [
        ("dense.4.plain", 2, 50), ("dense.4.gelu.factors", 1, 20),
    ]  # fmt: skip
    assert (made.forward_ms, round(made.sum_ms, 9)) == (100, 120)
    assert made.roofline == pytest.approx(
        LIMITS.seconds(work_of(program(recipe=Recipe.W8A8_DYNAMIC), Shape(1, 7))) / 0.1
    )


def test_a_call_from_python_stands_beside_the_native_one(timed):
    """With the share that is not the forward's; in the document, and as one line of the table."""
    made = timed(Recipe.FP32, 0.012, ("embed.word", 0.01), called=0.0125, dispatch=0.04)

    assert (made.forward_ms, made.call_ms, made.dispatch) == pytest.approx((12, 12.5, 0.04), rel=1e-12)
    assert (made.as_json()["call_ms"], made.as_json()["dispatch"]) == (12.5, 0.04)
    console = Console(record=True, width=200, file=StringIO())
    print_profile(made, console)
    assert "12.50 ms called from Python, of which 4.0% is not the native call\n" in console.export_text()


def test_every_product_of_a_program_belongs_to_one_part():
    """Under every recipe that the small model has without texts, and with INT8 attention."""
    for recipe in (Recipe.FP32, Recipe.W8A8_DYNAMIC, Recipe.W8A32):
        made, shape = program(recipe=recipe), Shape(2, 7)
        works = [work_of(made, shape, part.operators) for part in module._PARTS]
        assert Work(*(sum(part) for part in zip(*(vars(work).values() for work in works), strict=True))) == work_of(
            made, shape
        )


@pytest.mark.parametrize("recipe", [*Recipe])
def test_every_kernel_that_multiplies_belongs_to_a_part(recipe, tmp_path, monkeypatch):
    """A real profile of a tiny student: what is left over are the steps between."""
    monkeypatch.setattr(module, "machine_limits", lambda *_: LIMITS)
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    folder = tiny_result(tmp_path / "out").folder
    result = CliRunner().invoke(
        app, ["profile", "--model", str(folder), "--recipe", str(recipe), "--shape", "2x7", "--seconds", "0", "--json"]
    )
    model_of.cache_clear()
    assert result.exit_code == 0, result.exception
    document = json.loads(result.stdout)
    rest = next(part for part in document["parts"] if part["part"] == "everything else")
    kinds = {kernel["kernel"].split(".")[0] for kernel in rest["kernels"]}
    assert kinds <= {"embed", "layer_norm", "untile", "quantize", "token_range", "tensor_range", "tensor_scale",
                     "cls_pool", "mean_pool", "elementwise"}  # fmt: skip
    assert (document["batch"], document["seq"], document["threads"]) == (2, 7, 1)
    assert min(document["forward_ms"], document["call_ms"]) > 0
    assert 0 < document["dispatch"] < 1
    assert sum(part["share"] for part in document["parts"]) == pytest.approx(1, abs=1e-5)
    assert all(part["of_limit"] is None or part["of_limit"] > 0 for part in document["parts"])


def test_the_table_has_every_part_and_kernel(tmp_path, monkeypatch):
    """And the machine's limits, and the whole forward."""
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    folder = tiny_result(tmp_path / "out").folder
    result = CliRunner().invoke(app, ["profile", "--model", str(folder), "--shape", "1x5", "--seconds", "0"])
    model_of.cache_clear()
    assert result.exit_code == 0, result.exception
    for text in (
        "1 thread (",
        " at most: ",
        "w8a8-static, 1 thread",
        "in one native call",
        " ms called from Python, of which ",
        "Linears in INT8",
        "embed.",
    ):
        assert text in result.stdout


@pytest.mark.parametrize("pruned", [("--sparsity", "0.5"), ("--pruned", "ffn")])
def test_a_students_sparsity_is_its_own(tmp_path, pruned):
    """It is not pruned once more."""
    folder = tiny_result(tmp_path / "out").folder
    with refused(RangeError, "is timed as its pipeline has made it; expected no --sparsity or --pruned"):
        CliRunner().invoke(app, ["profile", "--model", str(folder), *pruned], catch_exceptions=False)


def test_what_is_pruned_is_chosen(monkeypatch):
    """The workload knows it, and a choice that there is not is refused in one line."""
    seen = []

    def keep(workload, *_):
        seen.append(workload)
        raise RangeError("seen; expected no more")

    monkeypatch.setattr(module, "profile", keep)
    arguments = ["profile", "--sparsity", "0.8", "--block-shape", "4,4", "--pruned"]
    for pruned, said in (("ffn", "seen; expected no more"), ("heads", "pruned is 'heads'; expected one of all, ffn")):
        with refused(RangeError, f"^{said}$"):
            CliRunner().invoke(app, [*arguments, pruned], catch_exceptions=False)
    assert seen == [Workload(sparsity=0.8, block_shape=(4, 4), pruned="ffn")]


def test_without_kernels_there_is_nothing_to_time(timed, monkeypatch):
    """NumPy has no operations, so the engine must be the native one."""
    monkeypatch.setattr("distilspec.fast.engine.find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="backend native: llvmlite is not installed"):
        timed(Recipe.FP32, 0.1)
