"""What importing the specification loads, and which names an installation claims."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import distilspec.reference

#: Import the modules named on the command line where only NumPy, SciPy and the standard library can be imported.
#: What they try and do without (``except ImportError``) stays absent; what they need makes the import fail.
PROBE = """
import importlib, sys

ALLOWED = {*sys.stdlib_module_names, *sys.modules, "distilspec", "numpy", "scipy"}

class OnlyAllowed:
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is neither NumPy nor SciPy nor the standard library")

sys.meta_path.insert(0, OnlyAllowed)
for module in sys.argv[1:]:
    importlib.import_module(module)
"""

#: Rooms, folders and modules of this project that must not be importable under their bare names.
GENERIC_NAMES = ("reference", "fast", "compress", "conformance", "goldens", "benchmarks", "ops", "models", "exact")


def run_python(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter that sees the installed packages only."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_importing_the_reference_needs_numpy_scipy_and_the_standard_library_only(tmp_path):
    """Every module of it but those that write or read ONNX; formats load tokenizers when they are called."""
    found = pkgutil.walk_packages(distilspec.reference.__path__, "distilspec.reference.")
    modules = [module.name for module in found if ".onnx_" not in module.name]

    done = run_python(PROBE, *modules, folder=tmp_path)

    assert len(modules) > 60
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stranger", ["safetensors", "rich", "distilspec.conformance.cli"])
def test_the_probe_stops_a_stranger(stranger, tmp_path):
    """The test above can fail: the same probe does not import what is installed and not allowed."""
    done = run_python(PROBE, "distilspec.reference", stranger, folder=tmp_path)

    assert done.returncode == 1
    assert "is neither NumPy nor SciPy nor the standard library" in done.stderr


def test_no_generic_name_is_importable(tmp_path):
    """An installation claims ``distilspec`` and nothing else: ``import reference`` finds nothing of ours."""
    code = "import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"

    done = run_python(code, "distilspec", *GENERIC_NAMES, folder=tmp_path)

    assert done.stdout.split() == ["distilspec"]


def test_no_module_of_ours_is_loaded_under_a_second_name():
    """In this session too: a module executed twice has two sets of operators, errors and types."""
    folders = tuple(f"{os.sep}distilspec{os.sep}{room}{os.sep}" for room in ("reference", "conformance", "goldens"))
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}

    ours = [name for name, file in files.items() if any(folder in file for folder in folders)]

    assert ours
    assert all(name.startswith("distilspec.") for name in ours)
