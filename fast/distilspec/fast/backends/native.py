"""``NativeBackend``: fused steps by kernels made for this processor, a forward in one native call."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.forward import Kernels, Operation
from distilspec.fast.backends.fusion import fused_codes, layouts
from distilspec.fast.backends.operations import Operations, Rowed
from distilspec.fast.backends.reading import code_shift, codes_of
from distilspec.fast.backends.weights import Packed, pack, without_weights
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.emit import slotted
from distilspec.fast.codegen.ir import Kind
from distilspec.fast.execute.arena import Arena, Buffer
from distilspec.fast.execute.pool import Call, Calls, Pool
from distilspec.fast.isa.host import host_target
from distilspec.fast.isa.target import Target
from distilspec.fast.lower.fused import Attention, Linear, Lowered, MeanPool, Quantize, Rows, Scales, made_by
from distilspec.fast.packed_folder import MappedFile, PackedProgram, read_packed, write_packed
from distilspec.reference.contract.errors import FormatError

Array = NDArray[Any]

#: Shapes whose buffers are kept, the ones used last.
KEPT_SHAPES = 16

#: Tokens that go through the program together, if sequences are not longer: their activations stay in the caches.
TOKENS_TOGETHER = 256

#: Work that a thread takes at a time, at least, in products: some microseconds.
LEAST_WORK = 200_000


class NativeBackend:
    """
    Carries out a program's fused steps; threads that call it take turns.

    A batch goes through the program some sequences at a time, unless a scale depends on the whole batch.
    """

    def __init__(
        self,
        lowered: Lowered,
        packed: Mapping[str, Packed],
        threads: int,
        *,
        oversubscribe: bool = False,
        mapped: MappedFile | None = None,
    ) -> None:
        """
        Compile the kernels that the program needs, or load them, and start the threads.

        Parameters
        ----------
        lowered : Lowered
            Its Linears need no weights.
        packed : mapping of tensor to Packed
            The weights of the Linears that make the tensors.
        threads : int
        oversubscribe : bool
            Allow more threads than processors.
        mapped : MappedFile, optional
            Where the arrays lie, if in a file.
        """
        self._lowered, self._packed, self._mapped = lowered, packed, mapped
        self._target = target_of(lowered)
        self._threads, self._oversubscribe = threads, oversubscribe
        self._kernels = Kernels()
        self._operations((1, 1), self.survivors()[:1])
        self._compiled = Compiled(list(self._kernels.made.values()), self._target)
        self._pool = self._new_pool()
        self._lock = threading.Lock()
        self._bound: OrderedDict[tuple[Any, ...], Bound] = OrderedDict()
        self._divisible = not any(isinstance(s, Quantize) and s.scales is Scales.TENSOR for s in lowered.steps)
        self._masks = sorted({s.mask for s in lowered.steps if isinstance(s, Attention | MeanPool) and s.mask})
        shown = (lowered.tensors[output.tensor].rows for output in lowered.outputs.values())
        self._shows_tokens = Rows.TOKENS in shown or not self._all_masked()

    def _all_masked(self) -> bool:
        """Return whether no attention looks at padding."""
        return all(step.mask for step in self._lowered.steps if isinstance(step, Attention))

    @classmethod
    def pack(cls, lowered: Lowered, threads: int, *, oversubscribe: bool = False) -> NativeBackend:
        """Return a backend whose weights are packed now."""
        target = target_of(lowered)
        linears = [step for step in lowered.steps if isinstance(step, Linear)]
        # NumPy lets other threads run while it computes
        with ThreadPoolExecutor(max(1, threads)) as pool:
            made = pool.map(lambda step: pack(step, target), linears)
        packed = {step.out: weights for step, weights in zip(linears, made, strict=True)}
        return cls(without_weights(lowered), packed, threads, oversubscribe=oversubscribe)

    @classmethod
    def load(cls, folder: Path, threads: int, *, oversubscribe: bool = False) -> tuple[str, Lowered, NativeBackend]:
        """
        Return the recipe and the fused steps of a folder that ``save`` wrote, and a backend that maps its weights.

        Raises
        ------
        FormatError
            The folder is not what ``save`` wrote, or its weights are packed for another processor.
        """
        program, mapped = read_packed(folder)
        target = target_of(program.lowered).name
        if program.target != target:
            raise FormatError(
                f"{folder}: weights are packed for {program.target}; expected {target}, what this processor takes, "
                "so compile the model again"
            )
        packed = {name: Packed(**linear) for name, linear in program.linears.items()}
        backend = cls(program.lowered, packed, threads, oversubscribe=oversubscribe, mapped=mapped)
        return program.recipe, program.lowered, backend

    def save(self, folder: Path, recipe: str) -> None:
        """Write what ``load`` reads."""
        linears = {name: vars(packed) for name, packed in self._packed.items()}
        write_packed(folder, PackedProgram(recipe, self._target.name, self._lowered, linears))

    def run(self, inputs: Mapping[str, Array], expose: Sequence[str] = ()) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the outputs by their labels, and the tensors of ``expose`` by their names."""
        if self._mapped:
            self._mapped.expect_unchanged()
        few = self._shows_tokens and inputs["input_ids"].size <= TOKENS_TOGETHER
        whole = few or bool(expose) or not self._divisible
        with self._lock:
            if not self._pool.belongs_here:
                self._pool = self._new_pool()
            if whole:
                return self._bind(inputs["input_ids"].shape, tuple(expose)).run(inputs, self._pool)
            outputs: dict[str, Array] = {}
            batch = len(inputs["input_ids"])
            for rows, sequence in self._parts(inputs):
                part = {name: array[rows, :sequence] for name, array in inputs.items()}
                found, _ = self._bind(part["input_ids"].shape, ()).run(part, self._pool)
                for label, array in found.items():
                    outputs.setdefault(label, np.empty((batch, *array.shape[1:]), array.dtype))[rows] = array
        return outputs, {}

    def _parts(self, inputs: Mapping[str, Array]) -> Iterator[tuple[Array | slice, int]]:
        """
        Yield which sequences go through the program together, and how many of their tokens.

        Where no output has a row for each token, padding at the end is left out: sequences go together that have as
        many tiles.
        """
        batch, sequence = inputs["input_ids"].shape
        if self._masks and not self._shows_tokens:
            kept = np.logical_or.reduce([inputs[name].astype(bool) for name in self._masks])
            lengths = np.where(kept.any(axis=1), sequence - kept[:, ::-1].argmax(axis=1), 1)
            tiles = -(-lengths // self._target.tile)
        else:
            tiles = np.full(batch, -(-sequence // self._target.tile))
        for count in np.unique(tiles):
            rows = np.flatnonzero(tiles == count)
            length = min(sequence, int(count) * self._target.tile)
            together = max(1, TOKENS_TOGETHER // length)
            for start in range(0, len(rows), together):
                some = rows[start : start + together]
                contiguous = some[-1] - some[0] == len(some) - 1
                yield (slice(some[0], some[-1] + 1) if contiguous else some), length

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors of the program that are held in memory at some time, in order."""
        hidden = {name for name, fused in fused_codes(self._lowered, self._target).items() if not fused.floats}
        return tuple(name for name in made_by(self._lowered.steps) if name not in hidden)

    def close(self) -> None:
        """End the threads and free the memory."""
        with self._lock:
            self._pool.close()
            self._bound.clear()

    def _new_pool(self) -> Pool:
        return Pool(self._target, self._threads, oversubscribe=self._oversubscribe)

    def _operations(self, shape: tuple[int, int], expose: Sequence[str]) -> Operations:
        return Operations(self._lowered, self._packed, self._target, self._kernels, shape, self._threads, expose)

    def _bind(self, shape: tuple[int, ...], expose: tuple[str, ...]) -> Bound:
        key = (shape, expose)
        if key in self._bound:
            self._bound.move_to_end(key)
            return self._bound[key]
        batch, sequence = shape
        operations = self._operations((batch, sequence), expose)
        bound = Bound(operations, (batch, sequence), self._lowered, self._target, self._compiled, self._threads)
        self._bound[key] = bound
        while len(self._bound) > KEPT_SHAPES:
            self._bound.popitem(last=False)
        return bound


def target_of(lowered: Lowered) -> Target:
    """Return the target for a program on this processor."""
    return host_target(integers=any(isinstance(step, Quantize) for step in lowered.steps))


class Bound:
    """The operations of one shape with their memory."""

    def __init__(
        self, operations: Operations, shape: tuple[int, int], lowered: Lowered, target: Target, compiled: Compiled,
        threads: int,
    ) -> None:  # fmt: skip
        """Give the buffers their places, and write down the calls."""
        self._lowered, self._target, self._shape = lowered, target, shape
        self._operations = operations
        self._arena = Arena(operations.buffers)
        self._slots: list[Array] = []
        self._calls = Calls([self._call(operation, compiled, threads) for operation in operations.operations])

    def run(self, inputs: Mapping[str, Array], pool: Pool) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run a batch of the shape."""
        for name, buffer in self._operations.inputs.items():
            self._arena.view(buffer, inputs[name].dtype)[:] = inputs[name].reshape(-1)
        pool.run(self._calls)
        outputs = {}
        for label, output in self._lowered.outputs.items():
            rows = self._lowered.tensors[output.tensor].rows
            features = self._read(self._operations.outputs[label], rows)[..., output.start : output.stop]
            outputs[label] = (features[..., 0] if output.squeezed else features).copy()
        return outputs, {name: self._shown(name, buffer) for name, buffer in self._operations.shown.items()}

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
            (layout, *_) = layouts(self._lowered, name)
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

    def _call(self, operation: Operation, compiled: Compiled, threads: int) -> Call:
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
        return Call(compiled.entry(operation.kernel.name), slots.ctypes.data, operation.units, max(1, grain))
