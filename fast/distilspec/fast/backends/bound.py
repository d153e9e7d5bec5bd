"""``Bound``: the operations of one shape with their memory, run at once or timed one by one."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.forward import Operation
from distilspec.fast.backends.fusion import layouts
from distilspec.fast.backends.operations import Operations, Rowed
from distilspec.fast.backends.reading import code_shift, codes_of
from distilspec.fast.codegen.emit import slotted
from distilspec.fast.codegen.ir import Kind
from distilspec.fast.execute.arena import Arena, Buffer
from distilspec.fast.execute.pool import Call, Calls, Pool
from distilspec.fast.isa.target import Target
from distilspec.fast.lower.fused import Lowered, Quantize, Rows, Scales

Array = NDArray[Any]

#: Work that a thread takes at a time, at least, in products: some microseconds.
LEAST_WORK = 200_000


class Bound:
    """The operations of one shape with their memory."""

    def __init__(
        self, operations: Operations, shape: tuple[int, int], lowered: Lowered, target: Target,
        entries: Mapping[str, int], threads: int,
    ) -> None:  # fmt: skip
        """Give the buffers their places, and write down the calls."""
        self._lowered, self._target, self._shape = lowered, target, shape
        self._operations = operations
        self._arena = Arena(operations.buffers)
        self._slots: list[Array] = []
        self._each = [self._call(operation, entries, threads) for operation in operations.operations]
        self._calls = Calls(self._each)
        self._inputs = {
            name: self._arena.view(buffer, np.uint8 if name in lowered.masks else np.int64).reshape(shape)
            for name, buffer in operations.inputs.items()
        }
        self._outputs = {label: self._output(label) for label in lowered.outputs}

    def run(self, inputs: Mapping[str, Array], pool: Pool) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run a batch of the shape."""
        self._write(inputs)
        pool.run(self._calls)
        outputs = {label: held.copy() for label, held in self._outputs.items()}
        return outputs, {name: self._shown(name, buffer) for name, buffer in self._operations.shown.items()}

    def times(self, inputs: Mapping[str, Array], pool: Pool) -> list[float]:
        """Return the seconds of all operations in one native call, and then of each in a call of its own."""
        self._write(inputs)
        return [_seconds(pool, calls) for calls in (self._calls, *self._alone)]

    @cached_property
    def _alone(self) -> list[Calls]:
        return [Calls([call]) for call in self._each]

    @property
    def kernels(self) -> list[str]:
        """The names of the operations' kernels, in order."""
        return [operation.kernel.name for operation in self._operations.operations]

    def _write(self, inputs: Mapping[str, Array]) -> None:
        for name, held in self._inputs.items():
            held[:] = inputs[name]

    def _output(self, label: str) -> Array:
        """Return where an output lies, without copying."""
        output = self._lowered.outputs[label]
        rows = self._lowered.tensors[output.tensor].rows
        features = self._read(self._operations.outputs[label], rows)[..., output.start : output.stop]
        return features[..., 0] if output.squeezed else features

    def _rows(self, rows: Rows) -> tuple[int, ...]:
        return self._shape if rows is Rows.TOKENS else self._shape[:1]

    def _read(self, rowed: Rowed, rows: Rows) -> Array:
        whole = self._arena.view(rowed.buffer, np.float32).reshape(*self._rows(rows), rowed.width)
        return whole[..., rowed.start : rowed.stop]

    def _shown(self, name: str, buffer: Rowed | Buffer) -> Array:
        tensor = self._lowered.tensors.get(name)
        if isinstance(buffer, Rowed):
            return self._read(buffer, self._lowered.tensors[name].rows).copy()
        quantise = next(s for s in self._lowered.steps if isinstance(s, Quantize) and name in (s.out, *s.derived))
        shift = code_shift(self._target, signed=quantise.signed)
        dtype = np.int8 if quantise.signed else np.uint8
        if tensor is not None:
            (layout, *_) = layouts(self._lowered, name, self._target)
            held = codes_of(self._arena.view(buffer, np.uint8), layout, tensor.features, self._target)
            rows = self._unspaced(held, tensor.rows)
            return (rows.astype(np.int32) - shift).astype(dtype).reshape(*self._rows(tensor.rows), tensor.features)
        of_scale = name == quantise.derived[0]
        by_token = self._arena.view(buffer, np.float32 if of_scale else np.int32)
        values = by_token if of_scale else (by_token - shift).astype(dtype)
        if quantise.scales is Scales.TENSOR or not of_scale:
            return np.array(values[0])
        kind = self._lowered.tensors[quantise.out].rows
        return self._unspaced(values[:, None], kind).reshape(*self._rows(kind), 1)

    def _unspaced(self, rows: Array, kind: Rows) -> Array:
        """Return the rows that are no padding."""
        sequences, length = self._shape if kind is Rows.TOKENS else (1, self._shape[0])
        return rows.reshape(sequences, -1, rows.shape[-1])[:, :length].reshape(-1, rows.shape[-1])

    def _call(self, operation: Operation, entries: Mapping[str, int], threads: int) -> Call:
        words = []
        for parameter in slotted(operation.kernel):
            value = operation.operands[parameter.name]
            if isinstance(value, Buffer):
                words.append(self._arena.address(value))
            elif isinstance(value, np.ndarray):
                assert value.flags.c_contiguous
                words.append(value.ctypes.data)
            elif parameter.type.kind is Kind.F32:
                words.append(struct.unpack("<I", struct.pack("<f", value))[0])
            else:
                words.append(int(value))
        slots = np.array(words, np.int64)
        self._slots.append(slots)
        share = -(-operation.units // threads)
        grain = operation.units if threads == 1 else min(share, -(-LEAST_WORK // max(1, operation.work)))
        return Call(entries[operation.kernel.name], slots.ctypes.data, operation.units, max(1, grain))


def _seconds(pool: Pool, calls: Calls) -> float:
    start = time.perf_counter()
    pool.run(calls)
    return time.perf_counter() - start
