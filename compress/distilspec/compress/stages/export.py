"""The stage export: the student as programs, in the saved form and as ONNX."""

from __future__ import annotations

import numpy as np

from distilspec.compress.pipeline import Pruning
from distilspec.compress.quantised import linears_of
from distilspec.compress.run import Run
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.saved import save_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, prune


def export(run: Run) -> None:
    """Write the student as programs, in distilspec's saved form and as ONNX: float32, and INT8 where asked for."""
    program = _packed(load_folder(run.folder / "student", name=run.pipeline.name).program, run.pipeline.pruning)
    programs = {"fp32": program}
    if run.pipeline.quantisation:
        choice = read_json(run.folder / "quantisation.json", dict)
        recipe = run.pipeline.quantisation.recipe
        if set(choice["kept"]) < set(linears_of(program)):
            programs[recipe] = apply_recipe(program, recipe, calibration=choice["ranges"], keep=choice["kept"])
        else:
            run.record.say(f"  no {recipe}: every layer stays in float32 because the budget allows no other")
    with new_folder(run.folder / "programs") as temporary:
        for name, made in programs.items():
            save_program(made, temporary / name, tokenizer=run.folder / "student" / "tokenizer.json")
            if run.pipeline.outputs.onnx:
                (temporary / f"{name}.onnx").write_bytes(_onnx(made))
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        sizes = {str(path.relative_to(temporary)): path.stat().st_size for path in files}
    run.record.event("export", "written", bytes=sizes)


def _packed(program: Program, section: Pruning | None) -> Program:
    """Return the program with its pruned weights as blocks; single weights, heads and neurons stay dense with zeros."""
    if section is None or section.structure != "block" or section.block_shape == (1, 1):
        return program
    rows, columns = section.block_shape
    shares = {}
    for name in linears_of(program):
        weight = program.constants[f"{name}.weight"]
        blocks = weight.reshape(weight.shape[0] // rows, rows, weight.shape[1] // columns, columns)
        shares[name] = float(np.mean(~blocks.any(axis=(1, 3))))
    return prune(program, sparsity=shares, block_shape=section.block_shape)


def _onnx(program: Program) -> bytes:
    try:
        from distilspec.reference.formats.onnx_writer import write_onnx
    except ImportError:
        raise UnsupportedError(
            "outputs: onnx is true and the package onnx is not installed; expected it (pip install 'distilspec[onnx]')"
        ) from None
    return bytes(write_onnx(program).SerializeToString())
