"""Runtimes that are right once: what a call leaves behind changes a later one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from distilspec.conformance.dimensions import MASK
from distilspec.conformance.mutants.planted import Load, RuntimeMutant, Stepwise, in_whole_programs, opaque
from distilspec.conformance.runtimes.adapter import Executable
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

Values = dict[str, Array]


class _Remembering(Stepwise):
    """Answers from memory when a key of the inputs was seen before."""

    def __init__(self, program: Program, key: Callable[[Mapping[str, Array]], Hashable]) -> None:
        super().__init__(program)
        self._key = key
        self._answers: dict[Hashable, Values] = {}

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        key = self._key(inputs)
        if key not in self._answers:
            self._answers[key] = self.evaluate(inputs)
        return self._answers[key]


def _remembering(key: Callable[[Mapping[str, Array]], Hashable]) -> Load:
    return lambda program: _Remembering(program, key)


def _shapes(inputs: Mapping[str, Array]) -> Hashable:
    return tuple(array.shape for array in inputs.values())


def _all_but_the_mask(inputs: Mapping[str, Array]) -> Hashable:
    return _shapes(inputs), *(array.tobytes() for name, array in inputs.items() if name != MASK)


def _first_rows(inputs: Mapping[str, Array]) -> Hashable:
    return _shapes(inputs), *(np.atleast_1d(array)[:1].tobytes() for array in inputs.values())


class _OneBuffer(Stepwise):
    """Returns the same memory from every call on the same shapes."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._buffers: dict[Hashable, Values] = {}

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        buffers = self._buffers.setdefault(
            _shapes(inputs), {name: np.empty_like(array) for name, array in values.items()}
        )
        for name, array in values.items():
            buffers[name][...] = array
        return buffers


class _WritesInputs(Stepwise):
    """Uses the caller's arrays as scratch space when it is done with them."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        for array in inputs.values():
            array[...] = 0
        return values


class _Counting(Stepwise):
    """Spoils the calls of which ``wrong`` says so, numbered from 0."""

    def __init__(self, program: Program, wrong: Callable[[int], bool]) -> None:
        super().__init__(program)
        self._wrong = wrong
        self._calls = 0

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        self._calls += 1
        if not self._wrong(self._calls - 1):
            return values
        return {name: _half(array) if array.dtype.kind == "f" else array for name, array in values.items()}


def _counting(wrong: Callable[[int], bool]) -> Load:
    return in_whole_programs(lambda program: _Counting(program, wrong))


def _half(array: Array) -> Array:
    return np.asarray(array / 2)


class _Accumulating(Stepwise):
    """Does not clear its buffers: a share of the last results on the same shapes stays."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._left: dict[Hashable, Values] = {}

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        left = self._left.get(_shapes(inputs), {})
        self._left[_shapes(inputs)] = values
        return {
            name: array + np.float32(0.01) * left[name] if name in left and array.dtype.kind == "f" else array
            for name, array in values.items()
        }


class _SizedOnce(Stepwise):
    """Has buffers for the longest sequence of the first call: later tokens are not seen."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._longest: int | None = None

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        mask = inputs.get(MASK)
        if mask is None:
            return self.evaluate(inputs)
        self._longest = self._longest or mask.shape[1]
        seen = np.arange(mask.shape[1]) < self._longest
        return self.evaluate({**inputs, MASK: np.where(seen, mask, np.zeros_like(mask))})


class _LeftOver(Stepwise):
    """Sees the keys of an earlier, longer call: they take the place of padding."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._longest = 0

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        mask = inputs.get(MASK)
        if mask is None:
            return self.evaluate(inputs)
        shorter = mask.shape[1] < self._longest
        self._longest = max(self._longest, mask.shape[1])
        return self.evaluate({**inputs, MASK: np.ones_like(mask)} if shorter else inputs)


class _RightWhileWatched(Stepwise):
    """Takes its fast, wrong path, in which a model has no padding, only when nothing but outputs is asked for."""

    def run(self, inputs: Mapping[str, Array]) -> Values:
        if MASK not in inputs or len(self.program.steps) == 1:
            return super().run(inputs)
        return super().run({**inputs, MASK: np.ones_like(inputs[MASK])})


class _ByName:
    """Compiles a whole program once for its name and those of its tensors, whatever its weights are."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Program] = {}

    def __call__(self, program: Program) -> Executable:
        if len(program.steps) == 1:
            return Stepwise(program)
        return Stepwise(self._compiled.setdefault((program.name, tuple(program.tensors)), program))


class _OutputsShareMemory(Stepwise):
    """Writes all outputs of one shape to one place."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        last = {values[label].shape: values[label] for label in self.program.outputs}
        return values | {label: last[values[label].shape] for label in self.program.outputs}


class _LosesOutputs(Stepwise):
    """Returns no more than one output."""

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> Values:
        values = super().run_exposed(inputs, expose)
        return {name: values[name] for name in (next(iter(self.program.outputs)), *expose)}


class _WithoutAxesOfOne(Stepwise):
    """Drops the batch axis of a batch of one, as ``squeeze`` does."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        for label, name in self.program.outputs.items():
            if self.program.spec(name).shape[:1] == (BATCH,) and len(values[label]) == 1:
                values[label] = values[label][0]
        return values


class _InHalfPrecision(Stepwise):
    """Returns float16 arrays."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        return {name: array.astype(np.float16) if array.dtype.kind == "f" else array for name, array in values.items()}


class _NothingAtPadding(Stepwise):
    """Leaves NaN at padded positions of what it returns."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        values = self.evaluate(inputs)
        mask = inputs.get(MASK)
        for label, name in self.program.outputs.items():
            if mask is not None and self.program.spec(name).shape[:2] == (BATCH, SEQUENCE):
                values[label][~mask.astype(np.bool_)] = np.nan
                values[name] = values[label]
        return values


#: A wrong answer that depends on nothing: looking up the ids is the first thing that it leaves out.
_LOOK_UP = ("EMB-S1",)

MUTANTS = (
    RuntimeMutant("the first answer is given for ever", _LOOK_UP, _remembering(lambda _: None)),
    RuntimeMutant("answers are remembered by shape", _LOOK_UP, _remembering(_shapes)),
    RuntimeMutant("answers are remembered by shape, nothing shown", _LOOK_UP, opaque(_remembering(_shapes))),
    RuntimeMutant("answers are remembered by ids, whatever the mask", ("SDPA-S4",), _remembering(_all_but_the_mask)),
    RuntimeMutant("answers are remembered by the first row of a batch", ("BATCH-S1",), _remembering(_first_rows)),
    RuntimeMutant("a program is compiled once for its name", ("VOC-S1", "HEAD-S1"), _ByName()),
    RuntimeMutant("results are overwritten by the next call", ("OWN-S2",), _OneBuffer),
    RuntimeMutant("the caller's arrays are overwritten", ("OWN-S1",), _WritesInputs),
    RuntimeMutant("the first call is wrong", ("RUN2-S1",), _counting(lambda n: n == 0)),
    RuntimeMutant("every call after the first is wrong", ("RUN2-S1",), _counting(bool)),
    RuntimeMutant("every third call is wrong", ("RUN2-S2",), _counting(lambda n: n % 3 == 2)),
    RuntimeMutant("a share of the last results stays", ("RUN2-S1", "RUN2-S2"), _Accumulating),
    RuntimeMutant("buffers have the length of the first call", ("SDPA-S3",), _SizedOnce),
    RuntimeMutant("padding is attended after a longer call", ("RUN2-S2", "SDPA-S4"), _LeftOver),
    RuntimeMutant("right while its tensors are shown", ("DEC-S1", "DEC-S2"), _RightWhileWatched),
    RuntimeMutant("outputs of one shape share memory", ("SQZ-S1",), in_whole_programs(_OutputsShareMemory)),
    RuntimeMutant("outputs after the first are lost", ("SQZ-S1",), in_whole_programs(_LosesOutputs)),
    RuntimeMutant("a batch of one loses its axis", ("LIN-S1",), _WithoutAxesOfOne),
    RuntimeMutant("results come in float16", ("LIN-S1",), in_whole_programs(_InHalfPrecision)),
    RuntimeMutant("padding holds NaN in the results", ("LIN-S1",), _NothingAtPadding),
)
