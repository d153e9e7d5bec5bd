"""
Our saved form of a program: a folder with ``program.json`` and ``constants.safetensors``.

Equal programs give equal bytes, and a program that was loaded saves to the bytes that it was loaded from.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distilspec.reference.contract.errors import ContractError, DTypeError, FormatError, UnsupportedError
from distilspec.reference.contract.types import DTYPES, Array, Attribute, TensorSpec
from distilspec.reference.formats.json_file import read_json, shown
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.program import Program, Step
from distilspec.reference.tracer import WITNESSES, Builder

SCHEMA = 1

#: A tensor of a loaded program has at most this many numbers for the texts with which it is checked.
LARGEST_TENSOR = 2**26

_KEYS = ("schema", "name", "properties", "inputs", "constants", "steps", "tensors", "outputs")
_STEP_KEYS = ("name", "op", "inputs", "outputs", "attributes", "tags")


def save_program(program: Program, folder: Path, *, tokenizer: Path | None = None) -> None:
    """
    Write ``program`` into the new folder ``folder``, with a copy of ``tokenizer`` when given.

    Raises
    ------
    FormatError
        The folder exists already, its parent does not, or a name or attribute could not be read back.
    DTypeError
        A constant has an element type that the file format lacks.
    """
    fields = _to_json(program)
    text = json.dumps(fields, indent=1, allow_nan=False) + "\n"
    _parse(fields, program.constants, "program")
    with new_folder(folder) as temporary:
        (temporary / "program.json").write_text(text, encoding="utf-8")
        write_safetensors(temporary / "constants.safetensors", program.constants)
        if tokenizer is not None:
            shutil.copyfile(tokenizer, temporary / "tokenizer.json")


def load_program(folder: Path) -> Program:
    """
    Return the program that was saved into ``folder``.

    Every step is evaluated on small inputs, and refused unless it gives the dtype and shape that the file states.

    Raises
    ------
    FormatError
        A file is missing, truncated, inconsistent or hostile, or has another schema version.
    ContractError
        The program's parts do not fit together, or an operator refuses its operands.
    """
    fields = read_json(folder / "program.json", dict)
    if fields.get("schema") != SCHEMA:
        raise FormatError(f"{folder}: schema is {shown(fields.get('schema'))}; expected {SCHEMA}")
    file = SafetensorsFile(folder / "constants.safetensors")
    ...
