"""``NativeBackend``: fused steps by kernels made for this processor, a forward in one native call."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.bound import Bound, TimedPool
from distilspec.fast.backends.forward import Kernels
from distilspec.fast.backends.fusion import fused_codes, layouts
from distilspec.fast.backends.operations import Operations
from distilspec.fast.backends.weights import Packed, pack, without_weights
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.execute.pool import Pool
from distilspec.fast.isa.host import host_target
from distilspec.fast.isa.target import Target
from distilspec.fast.lower.fused import Attention, Linear, Lowered, Quantize, Rows, Scales, made_by
from distilspec.fast.packed_folder import MappedFile, PackedProgram, read_packed, write_packed
from distilspec.fast.profile import OperationTime, Profile
from distilspec.reference.contract.errors import FormatError, RangeError

Array = NDArray[Any]

#: Shapes whose buffers are kept, the ones used last.
KEPT_SHAPES = 16

#: Tokens that go through the program together, if sequences are not longer: their activations stay in the caches.
TOKENS_TOGETHER = 256


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
        # looked up now: at a fork another thread may hold LLVM's lock
        self._entries = {kernel.name: self._compiled.entry(kernel.name) for kernel in self._kernels.made.values()}
        self._pool: Pool | None = self._new_pool()
        self._lock = threading.Lock()
        self._closed = False
        self._bound: OrderedDict[tuple[Any, ...], Bound] = OrderedDict()
        self._divisible = not any(isinstance(s, Quantize) and s.scales is Scales.TENSOR for s in lowered.steps)
        self._masks = lowered.masks
        shown = (lowered.tensors[output.tensor].rows for output in lowered.outputs.values())
        self._shows_tokens = Rows.TOKENS in shown or not self._all_masked()
        _ALIVE.add(self)

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
        with self._lock:
            self._expect_usable()
            linears = {name: vars(packed) for name, packed in self._packed.items()}
            write_packed(folder, PackedProgram(recipe, self._target.name, self._lowered, linears))

    def run(self, inputs: Mapping[str, Array], expose: Sequence[str] = ()) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the outputs by their labels, and the tensors of ``expose`` by their names."""
        with self._lock:
            return self._forward(inputs, expose, self._prepared())

    def profile(self, checked: Callable[[], Mapping[str, Array]], seconds: float) -> Profile:
        """Return what calls with the inputs that ``checked`` returns take, and what each operation takes alone."""
        with self._lock:
            pool, inputs = self._prepared(), checked()
            parts = [inputs] if self._is_whole(inputs) else [part for _, part in self._parts(inputs)]
            bound = [(self._bind(part["input_ids"].shape, ()), part) for part in parts]
            rounds: list[list[list[float]]] = []
            calls: list[tuple[float, float]] = []
            end = time.perf_counter() + seconds
            while not rounds or time.perf_counter() < end:
                rounds.append([one.times(part, pool) for one, part in bound])
                calls.append(self._call_times(checked))
        whole, native = np.transpose(calls)
        least = [np.min(times, axis=0).tolist() for times in zip(*rounds, strict=True)]
        each = [
            OperationTime(kernel, alone)
            for (one, _), (_, *times) in zip(bound, least, strict=True)
            for kernel, alone in zip(one.kernels, times, strict=True)
        ]
        together = sum(together for together, *_ in least)
        return Profile(together, tuple(each), float(whole.min()), float(np.median(1 - native / whole)))

    def _call_times(self, checked: Callable[[], Mapping[str, Array]]) -> tuple[float, float]:
        """Return the seconds of a call that begins with the check of its inputs, and those of its native calls."""
        start = time.perf_counter()
        pool = TimedPool(self._prepared())
        self._forward(checked(), (), pool)
        return time.perf_counter() - start, pool.seconds

    def _forward(
        self, inputs: Mapping[str, Array], expose: Sequence[str], pool: Pool | TimedPool
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        if expose or self._is_whole(inputs):
            return self._bind(inputs["input_ids"].shape, tuple(expose)).run(inputs, pool)
        outputs: dict[str, Array] = {}
        batch = len(inputs["input_ids"])
        for rows, part in self._parts(inputs):
            found, _ = self._bind(part["input_ids"].shape, ()).run(part, pool)
            for label, array in found.items():
                outputs.setdefault(label, np.empty((batch, *array.shape[1:]), array.dtype))[rows] = array
        return outputs, {}

    def _expect_usable(self) -> None:
        """Raise an error if the backend was closed, or its weights are not those that were mapped."""
        if self._closed:
            raise RangeError("the engine was closed while this call waited for another; expected it open until the end")
        if self._mapped:
            self._mapped.expect_unchanged()

    def _prepared(self) -> Pool:
        """Return the pool of a usable backend, which a forked process makes when it first needs one."""
        self._expect_usable()
        if self._pool is None:
            self._pool = self._new_pool()
        return self._pool

    def _is_whole(self, inputs: Mapping[str, Array]) -> bool:
        """Return whether the sequences of a batch go through the program all together, with nothing left out."""
        few = inputs["input_ids"].size <= TOKENS_TOGETHER
        return not self._divisible or (few and (self._shows_tokens or self._no_padding(inputs)))

    def _no_padding(self, inputs: Mapping[str, Array]) -> bool:
        return all(inputs[name][:, -1].all() for name in self._masks)

    def _parts(self, inputs: Mapping[str, Array]) -> Iterator[tuple[Array | slice, dict[str, Array]]]:
        """
        Yield which sequences go through the program together, and their inputs.

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
                taken = slice(some[0], some[-1] + 1) if contiguous else some
                yield taken, {name: array[taken, :length] for name, array in inputs.items()}

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors of the program that are held in memory at some time, in order."""
        steps = (step for step in self._lowered.steps if isinstance(step, Quantize))
        hidden = {step.out for step in steps if not layouts(self._lowered, step.out, self._target)}
        hidden |= {name for name, fused in fused_codes(self._lowered, self._target).items() if not fused.floats}
        return tuple(name for name in made_by(self._lowered.steps) if name not in hidden)

    def close(self) -> None:
        """End the threads; the memory is freed with the backend, when no call waits for it any more."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
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
        bound = Bound(operations, (batch, sequence), self._lowered, self._target, self._entries, self._threads)
        self._bound[key] = bound
        while len(self._bound) > KEPT_SHAPES:
            self._bound.popitem(last=False)
        return bound


_ALIVE: weakref.WeakSet[NativeBackend] = weakref.WeakSet()


def _after_fork() -> None:
    """Free the locks and forget the workers: no thread but the one that forked exists in the child."""
    for backend in list(_ALIVE):
        backend._lock = threading.Lock()
        backend._pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def target_of(lowered: Lowered) -> Target:
    """Return the target for a program on this processor."""
    return host_target(integers=any(isinstance(step, Quantize) for step in lowered.steps))
