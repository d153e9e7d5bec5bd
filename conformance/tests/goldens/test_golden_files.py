"""The golden folder: complete, reproducible byte for byte, and tampering of each kind is told in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distilspec.conformance.goldens import Expected, GoldenCase, load_goldens, make_goldens, verify_goldens
from distilspec.conformance.goldens.encode import case_hash, encode_json, write_cases
from distilspec.conformance.goldens.load import installed
from distilspec.reference.contract.errors import FormatError, UnsupportedError

LARGEST = 2_000_000


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its relative name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def copy(tmp_path):
    """Return a copy of a few of the installed goldens that a test may damage."""
    folder = tmp_path / "v1"
    folder.mkdir()
    names = ("relu.json", "relu.safetensors", "softmax.json", "softmax.safetensors", "manifest.schema.json")
    for name in names:
        shutil.copy(installed() / name, folder)
    cases = sum(len(json.loads((folder / name).read_bytes())["cases"]) for name in ("relu.json", "softmax.json"))
    relist(folder, cases)
    return folder


def relist(folder: Path, cases: int | None = None) -> None:
    """Write a manifest that agrees with the files, as a careful forger would."""
    count = json.loads((folder / "MANIFEST.json").read_bytes())["cases"] if cases is None else cases
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "MANIFEST.json"}
    listed = [
        {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    (folder / "MANIFEST.json").write_bytes(encode_json({"format": 1, "cases": count, "files": listed}))


def problems_of(folder: Path) -> list[str]:
    """Return what is wrong with a folder, apart from the operators that a part of the goldens lacks."""
    present = tuple(f" of {path.stem} has no case" for path in folder.glob("*.safetensors"))
    found = verify_goldens(folder).problems
    return [line for line in found if "has no case" not in line or any(name in line for name in present)]


def edit(path: Path, change) -> None:
    """Apply ``change`` to the value in a JSON file."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(encode_json(value))


def expect_problem(folder: Path, words: str) -> None:
    """Expect exactly one problem, told in one line that holds ``words``."""
    problems = problems_of(folder)

    assert len(problems) == 1, problems
    assert words in problems[0]
    assert "\n" not in problems[0]


def test_the_installed_goldens_are_in_order():
    """Every semantic clause has a case of origin hand or exact, and nothing is wrong with any file."""
    result = verify_goldens()

    assert result.ok, str(result)
    assert result.cases["hand"] > 300
    assert result.cases["exact"] > 100


def test_making_them_again_gives_the_same_bytes(tmp_path):
    """The goldens do not depend on the machine, the day or the version of a package."""
    result = make_goldens(tmp_path / "again")

    assert (result.added, result.changed, result.removed) == ((), (), ())
    again, there = tree(tmp_path / "again"), tree(installed())
    assert sorted(again) == sorted(there)
    assert [name for name in there if again[name] != there[name]] == []


def test_making_them_never_overwrites(copy):
    """An existing folder is refused and keeps every byte."""
    before = tree(copy)

    with pytest.raises(FormatError, match="exists"):
        make_goldens(copy)

    assert tree(copy) == before


def test_they_stay_small():
    """The wheel carries less than 2 MB of goldens."""
    assert sum(map(len, tree(installed()).values())) < LARGEST


def test_making_them_without_mpmath_is_one_line(tmp_path, monkeypatch):
    """And leaves nothing behind."""
    monkeypatch.setitem(sys.modules, "mpmath", None)
    for name in [name for name in sys.modules if name.startswith("distilspec.conformance.goldens.")]:
        if "sources." in name or name.endswith("transcendental"):
            monkeypatch.delitem(sys.modules, name)

    with pytest.raises(UnsupportedError, match="mpmath is not installed"):
        make_goldens(tmp_path / "new")

    assert list(tmp_path.iterdir()) == []


def test_reading_needs_no_mpmath():
    """A user's installation has no mpmath: only the making of goldens imports it."""
    code = (
        "import sys; sys.modules['mpmath'] = None\n"
        "from distilspec.conformance.goldens import load_goldens\n"
        "assert len(load_goldens()) > 400\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_case_survives_writing_and_reading(tmp_path):
    """Dtypes, empty tensors, scalars, special values, masks and alternatives come back bit for bit."""
    case = GoldenCase(
        id="where-round-trip",
        operator="where",
        clauses=("WHERE-S1",),
        origin="hand",
        inputs={
            "condition": np.zeros((0, 2), np.bool_),
            "a": np.float32([np.nan, -0.0, np.inf, 0.1, 2.0**-149]),
            "b": np.array(-(2**63), np.int64),
            "codes": np.int8([[-128], [127]]),
            "absent": None,
        },
        expected=(
            Expected("y", np.array([1 / 3, -np.inf]), "bound", np.array([True, False])),
            Expected("codes", np.arange(40, dtype=np.uint8).reshape(5, 8)[:, ::2], "set"),
        ),
        notes="Everything at once.",
        attributes={"axis": -1, "shape": (2, 3), "epsilon": 1e-12, "stop": None},
        allowed=((Expected("y", np.array([0.0, 1.0]), "exact"), Expected("codes", np.zeros(3, np.int32), "exact")),),
        recipe="w8a8-static",
    )
    write_cases(tmp_path, "where", [case])
    relist(tmp_path, 1)

    (got,) = load_goldens(tmp_path)

    assert (got.id, got.operator, got.clauses, got.origin, got.recipe) == (
        case.id, case.operator, case.clauses, case.origin, case.recipe
    )  # fmt: skip
    assert got.attributes == case.attributes
    assert case_hash(got) == case_hash(case)
    for name, array in case.inputs.items():
        if array is not None:
            assert (got.inputs[name].dtype, got.inputs[name].shape) == (array.dtype, array.shape)
            assert got.inputs[name].tobytes() == array.tobytes()
    assert got.inputs["absent"] is None
    assert got.expected[0].judged.tolist() == [True, False]
    assert got.expected[1].value.tolist() == case.expected[1].value.tolist()
    assert got.allowed[0][1].value.dtype == np.int32


def test_origins_are_chosen():
    """By default only answers that the reference did not make itself."""
    every = load_goldens(origins=("hand", "exact", "reference"))

    assert {case.origin for case in load_goldens()} == {"hand", "exact"}
    assert {case.operator for case in every if case.origin == "reference"} == {"program"}


def test_a_superseded_case_is_not_used(copy):
    """It stays in the file, and the mark is no change of its hash."""
    edit(copy / "relu.json", lambda file: file["cases"][0].update(superseded_by=file["cases"][1]["id"]))
    relist(copy)

    ids = [case.id for case in load_goldens(copy) if case.operator == "relu"]

    assert problems_of(copy) == []
    assert len(ids) == len(json.loads((copy / "relu.json").read_bytes())["cases"]) - 1


@pytest.mark.parametrize("name", ["softmax.safetensors", "softmax.json", "manifest.schema.json"])
def test_one_flipped_bit_is_found(copy, name):
    """A hash covers every file."""
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(bytes(content))

    assert any(f"{name} has SHA-256" in problem for problem in problems_of(copy))


@pytest.mark.parametrize("name", ["softmax.safetensors", "softmax.json"])
def test_loading_a_damaged_file_is_one_line(copy, name):
    """Truncated, altered, missing: FormatError each time."""
    content = (copy / name).read_bytes()
    for damaged in (content[:-5], content[:-1] + b"?", None):
        (copy / name).unlink()
        if damaged is not None:
            (copy / name).write_bytes(damaged)

        with pytest.raises(FormatError, match=name) as caught:
            load_goldens(copy)

        assert "\n" not in str(caught.value)
        (copy / name).write_bytes(content)


def test_an_orphan_is_found(copy):
    """A file that no manifest lists judges nothing."""
    (copy / "stray.pkl").write_bytes(b"")

    expect_problem(copy, "stray.pkl is not listed")


def test_a_missing_file_is_found(copy):
    """The manifest lists it."""
    (copy / "manifest.schema.json").unlink()

    expect_problem(copy, "manifest.schema.json is missing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(cases=1), "expected 1, as MANIFEST.json says"),
        (lambda m: m["files"].append(dict(m["files"][0])), "twice"),
        (lambda m: m["files"][0].update(sha256="0" * 64), "expected 000000000000"),
        (lambda m: m["files"][0].update(bytes=7), "expected 7"),
        (lambda m: m["files"][0].update(path="../outside.json"), "$.files[0].path"),
        (lambda m: m["files"][0].update(path="/etc/passwd"), "$.files[0].path"),
        (lambda m: m["files"][0].update(path="code.pkl"), "$.files[0].path"),
        (lambda m: m["files"][0].update(bytes=10**12), "$.files[0].bytes"),
        (lambda m: m.update(format=2), "$.format"),
        (lambda m: m.update(note=""), "note"),
    ],
)
def test_an_edited_manifest_is_found(copy, change, words):
    """Every field of it is checked, and no path leaves the folder."""
    edit(copy / "MANIFEST.json", change)

    problems = problems_of(copy)

    assert any(words in problem for problem in problems), problems
    assert not any("\n" in problem for problem in problems)


def test_a_missing_manifest_is_found(tmp_path):
    """A folder without one holds no goldens."""
    expect_problem(tmp_path, "MANIFEST.json is missing")
    with pytest.raises(FormatError, match=r"MANIFEST\.json is missing"):
        load_goldens(tmp_path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"format": 1, "format": 1}'])
def test_a_manifest_that_is_no_json_object_is_refused(copy, text):
    """Hostile JSON ends in one line."""
    (copy / "MANIFEST.json").write_bytes(text)

    expect_problem(copy, "MANIFEST.json")


def test_a_link_out_of_the_folder_is_refused(copy, tmp_path):
    """Even one with the right content."""
    outside = tmp_path / "outside.json"
    (copy / "relu.json").rename(outside)
    (copy / "relu.json").symlink_to(outside)

    assert any("relu.json points to" in problem for problem in problems_of(copy))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["cases"][0]["inputs"][0]["values"].__setitem__(0, 7.0), "has other inputs"),
        (lambda c: c["cases"][0]["inputs"][0].update(shape=[6]), "has other inputs"),
        (lambda c: c["cases"][0]["inputs"][0].update(name="y"), "has no tensor inputs/y"),
        (lambda c: c["cases"][0]["expected"][0].update(judgement="bound"), "has SHA-256"),
        (lambda c: c["cases"][0]["expected"][0].update(judgement="set"), "has SHA-256"),
        (lambda c: c["cases"][0]["attributes"].update(axis=0), "has SHA-256"),
        (lambda c: c["cases"][0].update(origin="exact"), "has SHA-256"),
        (lambda c: c["cases"][0].update(clauses=["RELU-S9"]), "names RELU-S9"),
        (lambda c: c["cases"][0].update(clauses=[]), "names no clause"),
        (lambda c: c["cases"][0].update(superseded_by="relu-nothing"), "superseded by relu-nothing"),
        (lambda c: c["cases"][0].update(id="gelu-both-signs"), "has no tensor"),
        (lambda c: c["cases"][0].pop("notes"), "notes"),
        (lambda c: c["cases"].append(c["cases"][0]), "2 times"),
        (lambda c: c["cases"].pop(0), "holds relu-both-signs/"),
        (lambda c: c.update(operator="gelu"), "SHA-256"),
    ],
)
def test_a_forged_case_is_found(copy, change, words):
    """Even when the manifest has been brought into agreement with the files."""
    edit(copy / "relu.json", change)
    relist(copy)

    problems = problems_of(copy)

    assert any(words in problem for problem in problems), problems


def test_a_judgement_that_does_not_fit_its_type_is_refused(tmp_path):
    """Bounds are for floats and sets for codes."""
    case = GoldenCase("relu-x", "relu", ("RELU-S1",), "hand", {}, (Expected("y", np.zeros(1), "set"),), "Unfit.")
    write_cases(tmp_path, "relu", [case])
    relist(tmp_path, 1)

    with pytest.raises(FormatError, match="by set; expected exact or bound"):
        load_goldens(tmp_path)


def test_a_clause_without_a_case_is_found(copy):
    """Here the only case of a clause becomes one of the reference's own."""
    edit(copy / "relu.json", lambda file: [case.update(superseded_by="relu-empty") for case in file["cases"][:3]])
    relist(copy)

    expect_problem(copy, "RELU-S2 of relu has no case")


def test_a_header_that_claims_too_much_is_refused(copy):
    """No memory is taken for what is not there."""
    path = copy / "relu.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])
    relist(copy)

    assert any("header claims" in problem for problem in problems_of(copy))
