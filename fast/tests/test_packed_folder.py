"""Engines in folders: the same bits after loading, one copy of the weights, and no file that is taken for another."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from small_models import inputs, small_program

from distilspec.fast import Engine
from distilspec.fast.packed_folder import _plan_hash
from distilspec.reference.contract.errors import FormatError, UnsupportedError


@pytest.fixture
def folder(tmp_path):
    """Write an engine to a folder."""
    with Engine(small_program("w8a8-static", sparsity=0.5, family="bert")) as engine:
        engine.save(tmp_path / "engine")
    return tmp_path / "engine"


@pytest.mark.parametrize("recipe", ["fp32", "w8a8-static", "w7a8-static", "w8a8-dynamic", "w8a8-dynamic-token"])
@pytest.mark.parametrize("head", ["feature-extraction", "question-answering", "sentence-embedding"])
def test_a_loaded_engine_gives_the_same_bits(recipe, head, tmp_path):
    """And shows the same tensors."""
    program = small_program(recipe, head=head)
    arrays = inputs(program, 3, 13)
    with Engine(program) as engine:
        engine.save(tmp_path / "engine")
        expected, names = engine.run(arrays), engine.survivors()
    with Engine.load(tmp_path / "engine") as loaded:
        assert (loaded.recipe, loaded.survivors()) == (recipe, names)
        for label, array in loaded.run(arrays).items():
            np.testing.assert_array_equal(array, expected[label])


def test_weights_stay_in_the_file(folder):
    """Read-only, so that processes share them."""
    with Engine.load(folder) as loaded:
        arrays = [
            operand
            for packed in loaded._backend._packed.values()
            for operand in packed.operands.values()
            if isinstance(operand, np.ndarray)
        ]
        assert arrays
        assert not any(array.flags.owndata or array.flags.writeable for array in arrays)


def test_a_folder_that_exists_is_left_alone(folder):
    """Another engine may have it mapped."""
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    with Engine(small_program()) as engine, pytest.raises(FormatError, match="exists already; expected a new name"):
        engine.save(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """The disk is full."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with Engine(small_program()) as engine:
        monkeypatch.setattr("distilspec.fast.packed_folder._Writer._put", full)
        with pytest.raises(FormatError, match="No space left on device"):
            engine.save(tmp_path / "engine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["n" * 300, "file/engine", "file/in/engine"])
def test_a_name_that_no_folder_can_have_is_refused_in_one_line(name, tmp_path):
    """Too long, or inside of a file."""
    (tmp_path / "file").write_text("", "utf-8")
    message = "expected that the folder can be written"
    with Engine(small_program()) as engine, pytest.raises(FormatError, match=message) as raised:
        engine.save(tmp_path / name)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_others_may_read_what_they_may_read_of_other_folders(folder):
    """Processes of several users share one copy of the weights."""
    (folder.parent / "other").mkdir()
    assert folder.stat().st_mode == (folder.parent / "other").stat().st_mode


def test_weights_that_change_under_an_engine_are_noticed(folder):
    """Before a wrong answer comes of them."""
    arrays = inputs(small_program("w8a8-static", family="bert"), 1, 4)
    with Engine.load(folder) as loaded:
        loaded.run(arrays)
        os.utime(folder / "weights.bin", ns=(1, 1))
        with pytest.raises(FormatError, match="changed after it was loaded"):
            loaded.run(arrays)
        (folder / "weights.bin").unlink()
        with pytest.raises(FormatError, match="No such file"):
            loaded.run(arrays)


def change(folder, *path, to, hashed=True):
    """Change an entry of plan.json, and the hash with it unless said."""
    written = json.loads((folder / "plan.json").read_text("utf-8"))
    *parents, last = path
    place = written
    for parent in parents:
        place = place[parent]
    assert place[last] != to
    place[last] = to
    if hashed:
        written["sha256"]["plan"] = _plan_hash(written["plan"])
    (folder / "plan.json").write_text(json.dumps(written), "utf-8")


def linear(folder):
    """Return where plan.json says what a Linear's kernel reads."""
    written = json.loads((folder / "plan.json").read_text("utf-8"))
    return "plan", "linears", "mapping", next(iter(written["plan"]["linears"]["mapping"])), "mapping"


@pytest.mark.parametrize(("damage", "message"), [
    (lambda folder: (folder / "plan.json").unlink(), "No such file or directory; expected a folder that Engine.save"),
    (lambda folder: (folder / "weights.bin").unlink(), "No such file or directory; expected a folder that Engine.save"),
    (lambda folder: (folder / "plan.json").write_text("{", "utf-8"), "expected a plan that Engine.save wrote"),
    (lambda folder: (folder / "plan.json").write_bytes(b"\xff"), "expected a plan that Engine.save wrote"),
    (lambda folder: (folder / "plan.json").write_text("9" * 5000, "utf-8"), "expected a plan that Engine.save wrote"),
    (lambda folder: (folder / "plan.json").write_text("[" * 10**5, "utf-8"), "expected a plan that Engine.save wrote"),
    (lambda folder: (folder / "plan.json").write_text("[]", "utf-8"), "version None; expected 4"),
    (lambda folder: change(folder, "version", to=3), "version 3; expected 4"),
    (lambda folder: change(folder, "sha256", to=3, hashed=False), "plan.json: is not what was written"),
    (lambda folder: change(folder, "plan", to=[], hashed=False), "plan.json: is not what was written"),
    (lambda folder: change(folder, *linear(folder), "units", to=5, hashed=False), "plan.json: is not what was written"),
    (lambda folder: change(folder, "plan", "steps", to=[{"step": "Exec", "fields": {}}]), "damaged at 'Exec'"),
    (lambda folder: change(folder, "plan", "steps", to=3), "damaged"),
    (lambda folder: change(folder, "plan", "tensors", to=[]), "damaged"),
    (lambda folder: change(folder, "plan", "steps", 0, "fields", to=[]), "damaged"),
    (lambda folder: change(folder, "plan", "target", to="vax"), "packed for vax; expected .* compile the model again"),
    (lambda folder: (folder / "weights.bin").open("r+b").write(b"x"), "is not what was written"),
    (lambda folder: os.truncate(folder / "weights.bin", 100), "weights.bin: is not what was written"),
    (lambda folder: os.truncate(folder / "weights.bin", 0), "weights.bin: is empty; expected the weights"),
])  # fmt: skip
def test_a_damaged_folder_is_refused_in_one_line(folder, damage, message):
    """Whatever is wrong with it."""
    damage(folder)
    with pytest.raises(FormatError, match=message) as raised:
        Engine.load(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("place", [-1, 10**9])
def test_an_array_outside_of_the_file_is_refused(folder, place):
    """Reading it would end the process."""
    change(folder, "plan", "steps", 0, "fields", "tables", 0, "array", 2, to=place)
    with pytest.raises(FormatError, match=f"an array from byte {place} of"):
        Engine.load(folder)


def test_the_numpy_backend_packs_nothing(tmp_path):
    """And says so."""
    with Engine(small_program(), backend="numpy") as engine, pytest.raises(UnsupportedError, match="packs no weights"):
        engine.save(tmp_path / "engine")
