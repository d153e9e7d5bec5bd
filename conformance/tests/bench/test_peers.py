"""Who is timed, against whom, and who is left out."""

from __future__ import annotations

import sys

import pytest

from distilspec.conformance.bench import peers
from distilspec.conformance.bench.loaders import FROM_ONNX, LOADERS
from distilspec.conformance.bench.peers import ENVIRONMENTS, PEERS, base_of, chosen, missing, under
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe

BY_NAME = {peer.name: peer for peer in PEERS}


def test_a_runtime_stands_for_its_forms_and_a_form_for_itself():
    """In the order of the table, whatever the order of the names."""
    assert [peer.name for peer in chosen(["torch", "fast"])] == [
        "fast",
        "torch-inductor",
        "torch-dynamic",
        "torch-fp32",
    ]
    assert chosen(["all"]) == list(PEERS)
    assert [peer.name for peer in chosen(["onnxruntime-qdq"])] == ["onnxruntime-qdq"]


def test_without_names_everybody_has_an_int8_form():
    """What users of INT8 would pick, and no float32."""
    names = {peer.name for peer in chosen([])}

    assert {"fast", "openvino-int8", "onnxruntime-qdq", "torch-dynamic", "ctranslate2-int8", "deepsparse-int8"} <= names
    assert not [name for name in names if name.endswith(("fp32", "bf16"))]


def test_a_name_of_nobody_is_refused():
    """With the names that there are."""
    with pytest.raises(RangeError, match=r"runtime 'tensorflow' is not timed; expected all, or some of fast, "):
        chosen(["fast", "tensorflow"])


def test_ratios_are_against_openvino_unless_it_is_not_there():
    """The base may be named, if it is timed."""
    assert base_of(["fast", "openvino-int8"]) == "openvino-int8"
    assert base_of(["torch-fp32", "fast"]) == "torch-fp32"
    assert base_of(["fast", "openvino-int8"], "fast") == "fast"
    with pytest.raises(RangeError, match="base 'torch-fp32' is not timed; expected one of fast"):
        base_of(["fast"], "torch-fp32")


@pytest.mark.parametrize("name", ["deepsparse-qdq", "neural-engine-int8"])
def test_an_environment_that_is_not_there_comes_with_its_command(name, tmp_path, monkeypatch):
    """The one command that makes it, and the variable that names another."""
    monkeypatch.chdir(tmp_path)
    environment = ENVIRONMENTS[BY_NAME[name].loader]
    monkeypatch.delenv(environment.variable, raising=False)

    said = missing(BY_NAME[name])

    assert f"python3.11 -m venv {environment.folder} && {environment.folder}/bin/pip install --no-deps" in said
    assert said.count("requirements.txt") == 1
    assert environment.variable in said


def test_an_environment_may_be_elsewhere(monkeypatch):
    """Then nothing is missing."""
    monkeypatch.setenv("DISTILSPEC_DEEPSPARSE", sys.executable)

    assert missing(BY_NAME["deepsparse-qdq"]) is None


def test_without_the_workers_the_runtimes_of_other_environments_are_left_out(tmp_path, monkeypatch):
    """A wheel has no examples."""
    monkeypatch.setenv("DISTILSPEC_DEEPSPARSE", sys.executable)
    monkeypatch.setattr(peers, "EXAMPLES", tmp_path)

    assert "run it from a checkout of the repository" in missing(BY_NAME["deepsparse-qdq"])


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    """With the extra that brings it."""
    monkeypatch.setattr(peers, "find_spec", lambda name: None)

    assert missing(BY_NAME["torch-fp32"]) == "package torch is not installed; pip install 'distilspec[torch]'"
    assert missing(BY_NAME["fast"]) == "package llvmlite is not installed; pip install 'distilspec[fast]'"
    assert missing(BY_NAME["openvino-nncf"]) == "package nncf is not installed; pip install 'distilspec[bench]'"


def test_every_peer_has_a_loader_and_what_it_needs():
    """A form where it reads ONNX, a package or an environment, and a name of its own."""
    assert len(BY_NAME) == len(PEERS)
    for peer in PEERS:
        assert peer.is_foreign or peer.loader in LOADERS
        assert peer.is_foreign == (not peer.package)
        assert ("form" in peer.options) == (peer.is_foreign or peer.loader in FROM_ONNX)


def test_without_a_compiler_inductor_is_left_out(monkeypatch):
    """Under the name that it looks for; another one may be named."""
    monkeypatch.setattr(peers, "find_spec", lambda name: name)
    monkeypatch.setattr(peers.shutil, "which", lambda name: name if name == "my-compiler" else None)
    monkeypatch.delenv("CXX", raising=False)

    assert "inductor writes C++, and there is no compiler" in missing(BY_NAME["torch-inductor"])
    assert missing(BY_NAME["torch-fp32"]) is None
    monkeypatch.setenv("CXX", "my-compiler")
    assert missing(BY_NAME["torch-inductor"]) is None


def test_another_recipe_is_for_every_static_int8_form():
    """Of all runtimes, ours and those of other environments; what is no such form stays what it is."""
    names = [peer.name for peer in PEERS]

    changed = {
        peer.name
        for peer, was in zip(under(PEERS, Recipe.W7A8_STATIC), PEERS, strict=True)
        if peer.recipe != was.recipe
    }

    assert changed == {
        "fast", "openvino-int8", "onnxruntime-qdq", "onnxruntime-qoperator", "torch-inductor", "deepsparse-int8",
        "deepsparse-qdq", "neural-engine-int8",
    }  # fmt: skip
    assert [peer.name for peer in under(PEERS, Recipe.W8A8_STATIC)] == names
    assert under(PEERS, Recipe.W8A8_STATIC) == list(PEERS)


@pytest.mark.parametrize(
    ("names", "recipe", "said"),
    [
        (["fast"], Recipe.W8A8_DYNAMIC, "w8a8-dynamic has no calibrated ranges; expected one of w8a8-static, "),
        (["torch-fp32"], Recipe.W7A8_STATIC, "nobody takes w7a8-static; expected a runtime with a form of w8a8-static"),
    ],
)
def test_a_recipe_that_nobody_can_take_is_refused(names, recipe, said):
    """In one line."""
    with pytest.raises(RangeError, match=said):
        under(chosen(names), recipe)
