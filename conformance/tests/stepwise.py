"""A legitimate float32 runtime made of the reference, one rounding a step, and the same with one wrong step."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.runtimes.adapter import Executable, Runtime, as_float32
from distilspec.reference import ops


def stepwise(program, inputs, wrong=None):
    """Return every tensor of a run that rounds each step's float results once; the tensor ``wrong`` is spoilt."""
    values = {name: np.asarray(array) for name, array in program.checked(inputs).items()}
    sizes = {
        dimension: size
        for name, spec in program.inputs.items()
        for dimension, size in zip(spec.shape, values[name].shape, strict=True)
    }
    for step in program.steps:
        operands = [None if name is None else values.get(name, program.constants.get(name)) for name in step.inputs]
        attributes = {
            key: tuple(sizes.get(item, item) for item in value) if isinstance(value, tuple) else sizes.get(value, value)
            for key, value in step.attributes.items()
        }
        result = ops.OPERATORS[step.op](*operands, **attributes)
        results = tuple(result) if len(step.outputs) > 1 else (result,)
        for name, array in zip(step.outputs, results, strict=True):
            held = as_float32(np.asarray(array))
            values[name] = spoilt(held) if name == wrong else held
    return {name: values[name] for name in (*program.inputs, *program.tensors)}


def spoilt(array):
    """Return a copy whose first element is clearly wrong: another truth value, a far code, a number far off."""
    wrong = array.copy()
    first = (0,) * array.ndim
    if array.dtype == np.bool_:
        wrong[first] = ~array[first]
    elif array.dtype.kind in "iu":
        wrong[first] = array[first] ^ 64
    else:
        wrong[first] = array[first] + 0.5 * (1 + np.abs(array[first]))
    return wrong


class StepwiseRuntime(Runtime):
    """Runs programs with ``stepwise``; everything can be overridden to plant a failure."""

    name = "stepwise"
    version = "1"

    def __init__(self, wrong=None):
        """Spoil the tensor ``wrong``."""
        self.wrong = wrong
        self.options = {}

    def supports(self, op):
        """Every operator."""
        return True

    def load(self, program):
        """Return the program with this runtime's wrong step."""
        return StepwiseExecutable(program, self.wrong)


class StepwiseExecutable(Executable):
    """Shows every tensor."""

    def __init__(self, program, wrong=None):
        """Run ``program``."""
        self.program = program
        self.wrong = wrong

    def run(self, inputs):
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self):
        """Return every tensor that a step makes."""
        return tuple(self.program.tensors)

    def run_exposed(self, inputs, expose):
        """Return the outputs, and the tensors ``expose``."""
        values = stepwise(self.program, inputs, self.wrong)
        return {label: values[name] for label, name in self.program.outputs.items()} | {
            name: values[name] for name in expose
        }
