"""``Bound``: the operations of one shape with their memory, run at once or timed one by one."""

from __future__ import annotations

import ctypes
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
        rowed = [*operations.outputs.values(), *(one for one in operations.shown.values() if isinstance(one, Rowed))]
        self._rows = {one.buffer: (*self._leading(one.rows), one.width) for one in rowed}
        self._addresses: dict[Buffer, Array] = {}
        self._slots: list[Array] = []
        self._each = [self._call(operation, entries, threads) for operation in operations.operations]
        self._calls = Calls(self._each)
        self._inputs = {
            name: self._arena.view(buffer, np.bool_ if name in lowered.masks else np.int64).reshape(shape)
            for name, buffer in operations.inputs.items()
        }
        self._parts = {label: self._part(label) for label in lowered.outputs}

    def run(self, inputs: Mapping[str, Array], pool: Pool | TimedPool) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run a batch of the shape."""
        self._write(inputs)
        rows = self._new_rows()
        pool.run(self._calls)
        outputs = {}
        for label, (buffer, part) in self._parts.items():
            outputs[label] = rows[buffer] if part is None else rows[buffer][part].copy()
        if not self._operations.shown:
            return outputs, {}
        return outputs, {name: self._shown(name, buffer, rows) for name, buffer in self._operations.shown.items()}

    def times(self, inputs: Mapping[str, Array], pool: Pool) -> list[float]:
        """Return the seconds of all operations in one native call, and then of each in a call of its own."""
        self._write(inputs)
        rows = self._new_rows()
        times = [_seconds(pool, calls) for calls in (self._calls, *self._alone)]
        del rows
        return times

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

    def _new_rows(self) -> dict[Buffer, Array]:
        """Return memory for the rows that the caller gets, and let the operations write there."""
        rows = {}
        for buffer, address in self._addresses.items():
            made = rows[buffer] = np.empty(self._rows[buffer], np.float32)
            if made.size:
                address[0] = ctypes.addressof(ctypes.c_char.from_buffer(made.data))
        return rows

    def _part(self, label: str) -> tuple[Buffer, tuple[Any, ...] | None]:
        """Return in which rows an output is, and which part of them, or None where they are its alone."""
        rowed, output = self._operations.outputs[label], self._lowered.outputs[label]
        start, stop = rowed.start + output.start, rowed.start + output.stop
        readers = [one for one in self._operations.outputs.values() if one.buffer is rowed.buffer]
        if (start, stop) == (0, rowed.width) and not output.squeezed and len(readers) == 1:
            return rowed.buffer, None
        return rowed.buffer, (..., start if output.squeezed else slice(start, stop))

    def _leading(self, rows: Rows) -> tuple[int, ...]:
        return self._shape if rows is Rows.TOKENS else self._shape[:1]

    def _shown(self, name: str, buffer: Rowed | Buffer, rows: Mapping[Buffer, Array]) -> Array:
        tensor = self._lowered.tensors.get(name)
        if isinstance(buffer, Rowed):
            return rows[buffer.buffer][..., buffer.start : buffer.stop].copy()
        quantise = next(s for s in self._lowered.steps if isinstance(s, Quantize) and name in (s.out, *s.derived))
        shift = code_shift(self._target, signed=quantise.signed)
        dtype = np.int8 if quantise.signed else np.uint8
        if tensor is not None:
            (layout, *_) = layouts(self._lowered, name, self._target)
            held = codes_of(self._arena.view(buffer, np.uint8), layout, tensor.features, self._target)
            codes = self._unspaced(held, tensor.rows).astype(np.int32) - shift
            return codes.astype(dtype).reshape(*self._leading(tensor.rows), tensor.features)
        of_scale = name == quantise.derived[0]
        by_token = self._arena.view(buffer, np.float32 if of_scale else np.int32)
        values = by_token if of_scale else (by_token - shift).astype(dtype)
        if quantise.scales is Scales.TENSOR or not of_scale:
            return np.array(values[0])
        kind = self._lowered.tensors[quantise.out].rows
        return self._unspaced(values[:, None], kind).reshape(*self._leading(kind), 1)

    def _unspaced(self, rows: Array, kind: Rows) -> Array:
        """Return the rows that are no padding."""
        sequences, length = self._shape if kind is Rows.TOKENS else (1, self._shape[0])
        return rows.reshape(sequences, -1, rows.shape[-1])[:, :length].reshape(-1, rows.shape[-1])

    def _call(self, operation: Operation, entries: Mapping[str, int], threads: int) -> Call:
        words: list[int] = []
        new: list[tuple[Buffer, int]] = []
        for parameter in slotted(operation.kernel):
            value = operation.operands[parameter.name]
            if isinstance(value, Buffer) and value in self._rows:
                new.append((value, len(words)))
                words.append(0)
            elif isinstance(value, Buffer):
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
        self._addresses |= {buffer: slots[place : place + 1] for buffer, place in new}
        share = -(-operation.units // threads)
        grain = operation.units if threads == 1 else min(share, -(-LEAST_WORK // max(1, operation.work)))
        return Call(entries[operation.kernel.name], slots.ctypes.data, operation.units, max(1, grain))


class TimedPool:
    """A pool that adds up the seconds of what it runs."""

    def __init__(self, pool: Pool) -> None:
        """Start with none."""
        self._pool = pool
        self.seconds = 0.0

    def run(self, calls: Calls) -> None:
        """Carry out a list of calls."""
        self.seconds += _seconds(self._pool, calls)


def _seconds(pool: Pool, calls: Calls) -> float:
    start = time.perf_counter()
    pool.run(calls)
    return time.perf_counter() - start
