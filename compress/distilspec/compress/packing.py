"""The student as a program: weights whose zeros come in blocks are packed."""

from __future__ import annotations

import numpy as np

from distilspec.compress.run import Run
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.program import Program
from distilspec.reference.recipes import prune
from distilspec.reference.recipes.encoder_linears import dense_weight, is_encoder_linear


def student_program(run: Run) -> Program:
    """Return the float32 program of a run's student; single weights, heads and neurons stay dense with zeros."""
    program = load_folder(run.student, name=run.pipeline.name).program
    section = run.pipeline.pruning
    if section is None or section.structure != "block" or section.block_shape == (1, 1):
        return program
    return pack_zero_blocks(program, section.block_shape)


def pack_zero_blocks(program: Program, block_shape: tuple[int, int]) -> Program:
    """
    Return the program with the weights of its encoder's Linears packed: a block that is zero is left out.

    The block shape divides every weight, because by it they were pruned.
    """
    rows, columns = block_shape
    shares = {}
    for step in filter(is_encoder_linear, program.steps):
        _, weight = dense_weight(program, step)
        blocks = weight.reshape(weight.shape[0] // rows, rows, weight.shape[1] // columns, columns)
        shares[step.name] = float(np.mean(~blocks.any(axis=(1, 3))))
    return prune(program, sparsity=shares, block_shape=block_shape)
