"""The stage export: the student as programs, in the saved form and as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from distilspec.compress.packing import student_program
from distilspec.compress.quantised import linears_of
from distilspec.compress.record import write_whole
from distilspec.compress.run import Run
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.saved import load_program, save_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe


def export(run: Run) -> None:
    """
    Write the student as programs, in distilspec's saved form and as ONNX: float32, and INT8 where asked for.

    Programs that are there stay; those that are not there as ONNX are written so.
    """
    if (run.folder / "programs").exists():
        for path, folder in _missing(run).items():
            write_whole(path, onnx_writer()(load_program(folder)).SerializeToString())
            run.record.event("export", "written", bytes={path.name: path.stat().st_size})
        return
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


def is_exported(run: Run) -> bool:
    """Return whether programs that are there have every form that is asked for."""
    return not _missing(run)


def _missing(run: Run) -> dict[Path, Path]:
    """Return the ONNX files that are asked for and not there, and the folder of each's program."""
    if not run.pipeline.outputs.onnx:
        return {}
    files = {folder.with_name(f"{folder.name}.onnx"): folder for folder in Compressed(run.folder).programs.values()}
    return {path: folder for path, folder in files.items() if not path.exists()}


def onnx_writer() -> Callable[[Program], Any]:
    """Return ``write_onnx``; ``UnsupportedError`` if the package that it needs is not installed."""
    try:
        from distilspec.reference.formats.onnx_writer import write_onnx
    except ImportError:
        raise UnsupportedError(
            "outputs: onnx is true and the package onnx is not installed; expected it (pip install 'distilspec[onnx]')"
        ) from None
    return write_onnx
