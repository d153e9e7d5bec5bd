"""Running INT8 kernels on ordinary matrices, by the interpreter or as machine code, for tests."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.interpret import interpret
from distilspec.fast.kernels.block_sparse import ROWS, block_sparse
from distilspec.fast.kernels.dense import dense
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.layout import packed_blocks, packed_panels, padded, tiled_factors, tiled_rows, untiled

#: What a buffer holds where nothing may be written.
UNTOUCHED = np.float32(-12345.0)


@cache
def machine_code(function_of, target, vectors, epilogue):
    """Return a kernel as a function of addresses and integers."""
    function = function_of(target, vectors, epilogue)
    return Compiled([function], target).callable(function.name)


def execute(function_of, target, vectors, epilogue, arguments, machine):
    """Run a kernel on arrays and integers."""
    if not machine:
        interpret(function_of(target, vectors, epilogue), *arguments)
        return
    run = machine_code(function_of, target, vectors, epilogue)
    run(*(argument.ctypes.data if isinstance(argument, np.ndarray) else argument for argument in arguments))


def linear(target, codes, weight, *, sparse=False, machine=True, residual=None, parts=1, vectors=None, **operands):
    """
    Return what a kernel makes of codes [tokens, K] and weight [N, K], as float32 [tokens, N].

    ``operands`` are w_scale and bias [N], x_scale and zero_point [tokens]. The rows are computed in ``parts`` calls.
    """
    tokens, inputs = codes.shape
    outputs = len(weight)
    step = ROWS if sparse else target.panel
    features, tiles = padded(outputs, step), padded(tokens, target.tile) // target.tile
    shift = 128 if target.signed_codes else 0

    def by_feature(name, default, dtype):
        held = np.zeros(features, dtype)
        held[:outputs] = operands.get(name, default)
        return held

    def by_token(name, default, dtype):
        held = np.zeros(tiles * target.tile, dtype)
        held[:tokens] = operands.get(name, default)
        return held

    sums = np.zeros(features, np.int32)
    sums[:outputs] = weight.astype(np.int64).sum(axis=1).astype(np.int32)
    out = np.full((tiles, features, target.tile), UNTOUCHED)
    added = np.zeros_like(out)
    if residual is not None:
        wide = np.zeros((tiles * target.tile, features), np.float32)
        wide[:tokens, :outputs] = residual
        added = np.ascontiguousarray(wide.reshape(tiles, target.tile, features).transpose(0, 2, 1))
    common = [
        sums, by_feature("w_scale", 1.0, np.float32), by_feature("bias", 0.0, np.float32),
        by_token("x_scale", 1.0, np.float32), by_token("zero_point", 0, np.int32) - np.int32(shift), added, out,
    ]  # fmt: skip
    epilogue = Epilogue(residual=residual is not None)
    rows = features // step
    cuts = [rows * part // parts for part in range(parts + 1)]
    for first, last in pairwise(cuts):
        if sparse:
            blocks = packed_blocks(weight, target)
            arguments = [tiled_rows(codes - shift, target), blocks.weights, blocks.columns, blocks.starts, *common]
            arguments += [inputs, features, tiles, first, last]
            execute(block_sparse, target, vectors or target.dot, epilogue, arguments, machine)
        else:
            x, w = tiled_factors(codes - shift, target), packed_panels(weight, target)
            for skipped in range(0, target.dot, target.dense_vectors):
                arguments = [x, w, *common, x.shape[1], features, skipped, tiles, first, last]
                execute(dense, target, vectors or target.dense_vectors, epilogue, arguments, machine)
    return untiled(out, tokens, outputs)
