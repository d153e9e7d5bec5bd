"""The stage export: the student as programs, in the saved form and as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilspec.compress.packing import student_program
from distilspec.compress.quantised import linears_of
from distilspec.compress.run import Run
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.saved import save_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe


def export(run: Run) -> None:
    """Write the student as programs, in distilspec's saved form and as ONNX: float32, and INT8 where asked for."""
    program = student_program(run)
    programs = {"fp32": program}
    result = Compressed(run.folder)
    for recipe, choice in result.choices.items() if run.pipeline.quantisation else ():
        if set(choice["kept"]) < set(linears_of(program)):
            programs[recipe] = apply_recipe(program, recipe, calibration=result.ranges, keep=choice["kept"])
        else:
            run.record.say(f"  no {recipe}: every layer stays in float32 because the budget allows no other")
    with new_folder(run.folder / "programs") as temporary:
        for name, made in programs.items():
            save_program(made, temporary / name, tokenizer=run.student / "tokenizer.json")
            if run.pipeline.outputs.onnx:
                (temporary / f"{name}.onnx").write_bytes(onnx_writer()(made).SerializeToString())
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        sizes = {str(path.relative_to(temporary)): path.stat().st_size for path in files}
    run.record.event("export", "written", bytes=sizes)


def onnx_writer() -> Callable[[Program], Any]:
    """Return ``write_onnx``; ``UnsupportedError`` if the package that it needs is not installed."""
    try:
        from distilspec.reference.formats.onnx_writer import write_onnx
    except ImportError:
        raise UnsupportedError(
            "outputs: onnx is true and the package onnx is not installed; expected it (pip install 'distilspec[onnx]')"
        ) from None
    return write_onnx
