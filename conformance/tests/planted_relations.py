"""A right runtime for whole models, and the same with one bug that shows only when a question is asked twice."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np

from distilspec.conformance.runtimes.adapter import Executable, Runtime
from distilspec.conformance.runtimes.reference import ReferenceExecutable
from distilspec.reference import ops


class Planted(Runtime):
    """
    The reference as a runtime with threads, which keeps to itself what ``opaque`` says.

    ``change(executable, inputs)`` answers in place of the reference; ``operators`` replace some of its own.
    """

    name = "planted"
    version = "1"
    options = {}

    def __init__(self, change=None, *, operators=None, opaque=False, threads=1):
        """Plant a bug, or none."""
        self.change = change
        self.namespace = SimpleNamespace(**{**vars(ops), **(operators or {})})
        self.opaque = opaque
        self.threads = threads

    def supports(self, op):
        """Every operator."""
        return op in ops.OPERATORS

    def load(self, program):
        """Load with the bug."""
        return PlantedExecutable(program, self)

    def with_threads(self, threads):
        """Return the same runtime with other threads, which change nothing by themselves."""
        changed = Planted(self.change, opaque=self.opaque, threads=threads)
        changed.namespace = self.namespace
        return changed


class PlantedExecutable(Executable):
    """Runs the reference, or the planted change of it."""

    def __init__(self, program, runtime):
        """Load."""
        self.program = program
        self.runtime = runtime
        self.calls = itertools.count()
        self.kept = {}
        self.right = ReferenceExecutable(program, runtime.namespace)

    def run(self, inputs):
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self):
        """Return everything, or nothing."""
        return () if self.runtime.opaque else self.right.survivors()

    def run_exposed(self, inputs, expose):
        """Return the outputs and what is shown."""
        change = self.runtime.change
        return change(self, inputs, expose) if change else self.right.run_exposed(inputs, expose)


def attends_to_padding(executable, inputs, expose):
    """Attend to the first padded position too."""
    mask = inputs["attention_mask"].copy()
    lengths = mask.sum(axis=1)
    for row, length in zip(mask, lengths, strict=True):
        row[length : length + 1] = 1
    return executable.right.run_exposed({**inputs, "attention_mask": mask}, expose)


def mask_from_ids(executable, inputs, expose):
    """Take every position with an id other than 0 for a token."""
    return executable.right.run_exposed(
        {**inputs, "attention_mask": (inputs["input_ids"] != 0).astype(np.int64)}, expose
    )


def mask_of_the_first_text(executable, inputs, expose):
    """Use the first text's mask for all."""
    mask = np.broadcast_to(inputs["attention_mask"][:1], inputs["attention_mask"].shape)
    return executable.right.run_exposed({**inputs, "attention_mask": mask}, expose)


def neighbour_in_the_batch(executable, inputs, expose):
    """Add a hundredth of the next text's answer."""
    found = executable.right.run_exposed(inputs, expose)
    labels = executable.program.outputs
    return {
        name: value + np.float32(0.01) * np.roll(value, 1, axis=0) if name in labels else value
        for name, value in found.items()
    }


def mask_kept_by_shape(executable, inputs, expose):
    """Keep the mask of the last call with another shape, and use it while the shape stays the same."""
    mask = inputs["attention_mask"]
    if executable.kept.get("shape") != mask.shape:
        executable.kept = {"shape": mask.shape, "mask": mask.copy()}
    return executable.right.run_exposed({**inputs, "attention_mask": executable.kept["mask"]}, expose)


def longest_yet(executable, inputs, expose):
    """Scale the answers by the length of the shortest call so far, as a buffer that is not made anew would."""
    length = inputs["attention_mask"].shape[1]
    least = executable.kept["least"] = min(length, executable.kept.get("least", length))
    found = executable.right.run_exposed(inputs, expose)
    return {name: value * np.float32(1 + (length - least) / 100) for name, value in found.items()}


def race(executable, inputs, expose):
    """Lose a part of the answer in the second of every three runs, with more threads than one."""
    found = executable.right.run_exposed(inputs, expose)
    if executable.runtime.threads == 1 or next(executable.calls) % 3 != 1:
        return found
    return {name: np.where(np.arange(value.shape[-1]) == 0, 0, value) for name, value in found.items()}


def tail_of_threads(executable, inputs, expose):
    """Leave out what several threads leave over of the outputs."""
    found = executable.right.run_exposed(inputs, expose)
    count = executable.runtime.threads
    for label in executable.program.outputs:
        size = found[label].shape[-1]
        found[label] = np.where(np.arange(size) < size // count * count, found[label], np.float32(0))
    return found


def ids_cut_off(input_ids, weight):
    """Look rows up by the last two digits of an id."""
    return ops.embedding(input_ids % 100, weight)


def heads_turned(query, key, value, mask=None, *, scale):
    """Return the context of each head in the place of the next."""
    return np.roll(ops.scaled_dot_product_attention(query, key, value, mask, scale=scale), 1, axis=1)


def heads_reversed(query, key, value, mask=None, *, scale):
    """Return the context of the heads in reverse."""
    return ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)[:, ::-1]


def heads_interleaved(query, key, value, mask=None, *, scale):
    """Divide the features into heads by their remainder, and not in runs."""
    parted = [_interleaved(x) for x in (query, key, value)]
    context = ops.scaled_dot_product_attention(*parted, mask, scale=scale)
    batch, heads, sequence, size = context.shape
    together = context.transpose(0, 2, 3, 1).reshape(batch, sequence, heads, size)
    return together.transpose(0, 2, 1, 3)


def _interleaved(x):
    batch, heads, sequence, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, sequence, size, heads).transpose(0, 3, 1, 2)


def last_head_lost(query, key, value, mask=None, *, scale):
    """Leave the last head out."""
    context = ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    return np.where(np.arange(context.shape[1])[:, None, None] < context.shape[1] - 1, context, 0.0)


def last_block_dropped(x, data, indices, indptr, bias=None):
    """Leave out the last stored block."""
    return ops.block_sparse_linear(x, *_without_last(data, indices, indptr), bias)


def last_code_block_dropped(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias=None):
    """Leave out the last stored block."""
    blocks = _without_last(data, indices, indptr)
    return ops.quantized_block_sparse_linear(x, x_scale, x_zero_point, *blocks, weight_scale, bias)


def correction_without_empty_columns(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias=None):
    """Add one to every accumulator."""
    y = ops.quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias)
    return y + np.float64(x_scale) * weight_scale


def _without_last(data, indices, indptr):
    return data[:-1], indices[:-1], np.minimum(indptr, len(indices) - 1).astype(np.int32)
