"""What importing the specification loads, and which names an installation claims."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import distilspec.reference
import pytest

#: Import the modules named on the command line and print the installed distributions that this loaded.
PROBE = """
import importlib, importlib.metadata, sys

before = set(sys.modules)
for module in sys.argv[1:]:
    importlib.import_module(module)
loaded = {module.partition(".")[0] for module in set(sys.modules) - before}
owners = importlib.metadata.packages_distributions()
print(*sorted({owner for name in loaded for owner in owners.get(name, ())}))
"""

#: Rooms, folders and modules of this project that must not be importable under their bare names.
GENERIC_NAMES = ("reference", "fast", "compress", "conformance", "goldens", "benchmarks", "ops", "models", "exact")


def python(code: str, *arguments: str, folder: Path) -> str:
    """Run ``code`` in a fresh interpreter that sees the installed packages only, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_reference_loads_numpy_scipy_and_the_standard_library_only(tmp_path):
    """Every module of it: formats load safetensors, tokenizers and onnx when they are called, not before."""
    found = pkgutil.walk_packages(distilspec.reference.__path__, "distilspec.reference.")
    modules = [module.name for module in found]

    assert len(modules) > 60
    assert set(python(PROBE, *modules, folder=tmp_path).split()) - {"distilspec"} == {"numpy", "scipy"}


@pytest.mark.parametrize("stranger", ["safetensors", "rich"])
def test_the_probe_reports_a_stranger(stranger, tmp_path):
    """The test above can fail: the same probe names a distribution that is installed and not allowed."""
    assert stranger in python(PROBE, "distilspec.reference", stranger, folder=tmp_path).split()


def test_no_generic_name_is_importable(tmp_path):
    """An installation claims ``distilspec`` and nothing else: ``import reference`` finds nothing of ours."""
    code = "import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"

    assert python(code, "distilspec", *GENERIC_NAMES, folder=tmp_path) == "distilspec"


def test_no_module_of_ours_is_loaded_under_a_second_name():
    """In this session too: a module executed twice has two sets of operators, errors and types."""
    folders = tuple(f"{os.sep}distilspec{os.sep}{room}{os.sep}" for room in ("reference", "conformance", "goldens"))
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}

    ours = [name for name, file in files.items() if any(folder in file for folder in folders)]

    assert ours
    assert all(name.startswith("distilspec.") for name in ours)
