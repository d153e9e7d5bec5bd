"""Who is timed: each runtime in each of the forms in which a user could have it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import distilspec.conformance
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe

#: Where a checkout may be: the folder in which the command is given, or that of the package, for a wheel holds none.
_CHECKOUTS = (Path.cwd(), Path(next(iter(distilspec.conformance.__path__))).parents[2])

#: The workers of runtimes that need an environment of their own.
EXAMPLES = next((root for root in _CHECKOUTS if (root / "examples").is_dir()), _CHECKOUTS[0]) / "examples" / "runtimes"


@dataclass(frozen=True)
class Peer:
    """
    One form of a runtime.

    Parameters
    ----------
    name : str
        What users type, and what stands in the table.
    loader : str
        The function of ``loaders`` that loads it, or the folder in examples/runtimes of its worker.
    recipe : Recipe
        The numerics of the program that it is given.
    options : mapping of str to str
        For the loader; ``form`` is the form of the ONNX file, ``numerics`` what stands in the table for the recipe.
    package : str
        What must be installed, as it is imported.
    own_numerics : bool
        It makes its own numerics of the float32 model, so no recipe says what it has to compute.
    quick : bool
        Whether it is timed where no runtime is named: it is an INT8 form, and preparing it takes no minutes.
    """

    name: str
    loader: str
    recipe: Recipe
    options: Mapping[str, str] = field(default_factory=dict)
    package: str = ""
    own_numerics: bool = False
    quick: bool = True

    @property
    def numerics(self) -> str:
        """Return what stands in a table for what it computes: the recipe, or the name of its own numerics."""
        return self.options.get("numerics", str(self.recipe))

    @property
    def is_foreign(self) -> bool:
        """Return whether it runs in an environment of its own."""
        return self.loader in ENVIRONMENTS


@dataclass(frozen=True)
class Environment:
    """
    An environment of a runtime's own.

    ``folder`` is where its one command makes it, ``variable`` names another interpreter.
    """

    folder: str
    variable: str
    index: str = ""

    def interpreter(self) -> Path:
        """Return the interpreter, whether or not there is one."""
        named = os.environ.get(self.variable)
        return Path(named) if named else Path(self.folder) / "bin" / "python"


#: By the name of the folder in examples/runtimes.
ENVIRONMENTS: Mapping[str, Environment] = {
    "deepsparse": Environment("deepsparse-env", "DISTILSPEC_DEEPSPARSE"),
    "neural_engine": Environment(
        "neural-engine-env", "DISTILSPEC_NEURAL_ENGINE", "--extra-index-url https://download.pytorch.org/whl/cpu "
    ),
}

#: A form of ONNX files beside those of the writer.
SPARSEML = "sparseml"

_STATIC, _DYNAMIC, _TOKEN, _FP32 = (
    Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN, Recipe.FP32
)  # fmt: skip

PEERS: tuple[Peer, ...] = (
    Peer("fast", "fast", _STATIC, package="llvmlite"),
    Peer("fast-dynamic", "fast", _DYNAMIC, package="llvmlite", quick=False),
    Peer("fast-dynamic-token", "fast", _TOKEN, package="llvmlite", quick=False),
    Peer("fast-attn", "fast", Recipe.W8A8_STATIC_ATTN, package="llvmlite", quick=False),
    Peer("fast-fp32", "fast", _FP32, package="llvmlite", quick=False),
    Peer("openvino-int8", "openvino", _STATIC, {"form": "qdq"}, "openvino"),
    Peer(
        "openvino-nncf",
        "openvino_nncf",
        _FP32,
        {"form": "qdq", "numerics": "nncf int8"},
        "nncf",
        own_numerics=True,
        quick=False,
    ),
    Peer(
        "openvino-bf16",
        "openvino",
        _FP32,
        {"form": "qdq", "precision": "bf16", "numerics": "bf16"},
        "openvino",
        True,
        quick=False,
    ),
    Peer("openvino-fp32", "openvino", _FP32, {"form": "qdq", "precision": "f32"}, "openvino", quick=False),
    Peer("onnxruntime-qdq", "onnxruntime", _STATIC, {"form": "qdq"}, "onnxruntime"),
    Peer("onnxruntime-qoperator", "onnxruntime", _STATIC, {"form": "qoperator"}, "onnxruntime"),
    Peer("onnxruntime-dynamic", "onnxruntime", _DYNAMIC, {"form": "qdq"}, "onnxruntime"),
    Peer("onnxruntime-fp32", "onnxruntime", _FP32, {"form": "qdq"}, "onnxruntime", quick=False),
    Peer("torch-inductor", "torch_inductor", _STATIC, package="torch", quick=False),
    Peer("torch-dynamic", "torch_dynamic", _DYNAMIC, package="torch"),
    Peer("torch-fp32", "torch_eager", _FP32, package="torch", quick=False),
    Peer("ctranslate2-int8", "ctranslate2", _TOKEN, package="ctranslate2", own_numerics=True),
    Peer("deepsparse-int8", "deepsparse", _STATIC, {"form": SPARSEML}),
    Peer("deepsparse-qdq", "deepsparse", _STATIC, {"form": "qdq"}, quick=False),
    Peer("deepsparse-fp32", "deepsparse", _FP32, {"form": "qdq"}, quick=False),
    Peer("neural-engine-int8", "neural_engine", _STATIC, {"form": "qdq", "opset": "13"}),
    Peer("neural-engine-fp32", "neural_engine", _FP32, {"form": "qdq", "opset": "13"}, quick=False),
)

#: What means every peer.
ALL = "all"

#: Who shows what compression bought: each kind of runtime in float32 and INT8, none of which takes minutes to prepare.
OF_A_STUDENT = (
    "fast", "fast-fp32", "openvino-int8", "openvino-fp32", "onnxruntime-qdq", "onnxruntime-fp32", "torch-dynamic",
    "torch-fp32",
)  # fmt: skip

#: The base where a student is timed beside its teacher.
FLOAT32_BASE = "openvino-fp32"

#: The base of the ratios, which runs at the steadiest speed.
STEADIEST = "openvino-int8"


def chosen(names: Sequence[str]) -> list[Peer]:
    """
    Return the peers of these names, in the order of ``PEERS``; without names those that are quick to measure.

    A name that no peer has stands for all peers whose names begin with it, ``all`` for everything.

    Raises
    ------
    RangeError
        A name is of no peer.
    """
    if not names:
        return [peer for peer in PEERS if peer.quick]
    found: set[str] = set()
    for name in names:
        called = [peer.name for peer in PEERS if peer.name == name] or [
            peer.name for peer in PEERS if name == ALL or peer.name.startswith(f"{name}-")
        ]
        if not called:
            known = ", ".join(peer.name for peer in PEERS)
            raise RangeError(f"bench: runtime {name!r} is not timed; expected {ALL}, or some of {known}")
        found.update(called)
    return [peer for peer in PEERS if peer.name in found]


def of_a_student(recipes: Collection[Recipe]) -> list[Peer]:
    """Return the peers that show what compression bought, with our engine under the recipes that are saved."""
    ours = [peer.name for peer in PEERS if peer.loader == "fast" and peer.recipe in recipes]
    return chosen([*OF_A_STUDENT, *ours])


def under(peers: Sequence[Peer], recipe: Recipe) -> list[Peer]:
    """
    Return the peers with every form that takes the static INT8 program on another calibrated recipe.

    Raises
    ------
    RangeError
        The recipe needs no ranges, or nobody takes such a program.
    """
    if not recipe.is_calibrated:
        known = ", ".join(one for one in Recipe if one.is_calibrated)
        raise RangeError(f"bench: recipe {recipe} has no calibrated ranges; expected one of {known}")
    if not any(peer.recipe is _STATIC for peer in peers):
        raise RangeError(f"bench: nobody takes {recipe}; expected a runtime with a form of {_STATIC}")
    return [replace(peer, recipe=recipe) if peer.recipe is _STATIC else peer for peer in peers]


def base_of(names: Sequence[str], wanted: str | None = None) -> str:
    """
    Return against whom the ratios are: ``wanted``, or OpenVINO's INT8, or the first peer.

    Raises
    ------
    RangeError
        ``wanted`` is not timed.
    """
    if wanted is not None and wanted not in names:
        raise RangeError(f"bench: base {wanted!r} is not timed; expected one of {', '.join(names)}")
    return wanted or (STEADIEST if STEADIEST in names else names[0])


def missing(peer: Peer) -> str | None:
    """Return why a peer is left out, with the command that brings it, or None if it is there."""
    if not peer.is_foreign:
        if find_spec(peer.package):
            return _without_compiler() if peer.loader == "torch_inductor" else None
        extra = "bench" if peer.package == "nncf" else "fast" if peer.package == "llvmlite" else peer.package
        return f"package {peer.package} is not installed; pip install 'distilspec[{extra}]'"
    if not worker_of(peer).exists():
        return f"{worker_of(peer)} does not exist; run it from a checkout of the repository"
    environment = ENVIRONMENTS[peer.loader]
    if environment.interpreter().exists():
        return None
    requirements = shlex.quote(str(EXAMPLES / peer.loader / "requirements.txt"))
    return (
        f"{environment.interpreter()} does not exist; python3.11 -m venv {environment.folder} && "
        f"{environment.folder}/bin/pip install --no-deps {environment.index}-r {requirements}"
        f" (or name its interpreter in {environment.variable})"
    )


def _without_compiler() -> str | None:
    """Return why inductor cannot compile what it writes, if there is no compiler under the name that it looks for."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler):
        return None
    return f"inductor writes C++, and there is no compiler {compiler}; install one (or name it in CXX)"


def worker_of(peer: Peer) -> Path:
    """Return the file that runs a foreign peer."""
    return EXAMPLES / peer.loader / "runtime.py"
