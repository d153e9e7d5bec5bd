"""``Engine``: a compiled program, called with ids and a mask; ``compile`` makes one."""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.numpy_backend import NumpyBackend
from distilspec.fast.execute.threads import expect_threads
from distilspec.fast.inputs import Inputs
from distilspec.fast.lower.fused import Lowered
from distilspec.fast.lower.lower import lower
from distilspec.fast.profile import Profile
from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.named_models import compressed_of, load_model
from distilspec.reference.formats.saved import load_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

Array = NDArray[Any]

#: What carries out the steps, by the names that ``compile`` takes.
BACKENDS = ("auto", "native", "numpy")


class Backend(Protocol):
    """What carries out fused steps."""

    def run(self, inputs: Mapping[str, Array], expose: Sequence[str] = ()) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the outputs by their labels, and the tensors of ``expose`` by their names."""

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors of the program that are held in memory at some time, in order."""

    def profile(self, checked: Callable[[], Mapping[str, Array]], seconds: float) -> Profile:
        """Return what the operations of a batch take, which ``checked`` returns, in as many rounds as fit."""

    def save(self, folder: Path, recipe: str) -> None:
        """Write what can be loaded again."""

    def close(self) -> None:
        """Free threads and memory."""


class Engine:
    """
    A program, ready to run at any batch and sequence length.

    An engine may be called from several threads; they take turns. Used in a ``with`` statement it closes at the end.

    Attributes
    ----------
    recipe : str
        The numerics, of which docs/derivations says the accuracy.
    threads : int
    """

    def __init__(
        self, program: Program, *, threads: int = 1, oversubscribe: bool = False, backend: str = "auto"
    ) -> None:
        """
        Lower a program and prepare its weights.

        Parameters
        ----------
        program : Program
        threads : int
            Those that compute, the caller's among them.
        oversubscribe : bool
            Allow more threads than processors, which is slow and changes no result.
        backend : {"auto", "native", "numpy"}
            Without a choice: kernels where llvmlite is installed, else NumPy, with a warning.

        Raises
        ------
        UnsupportedError
            A step that the engine does not have, by its name; a backend that does not exist.
        RangeError
            ``threads`` is no integer between 1 and the processors that this process may use.
        """
        if backend not in BACKENDS:
            raise UnsupportedError(f"backend {backend!r} does not exist; expected one of {', '.join(BACKENDS)}")
        expect_threads(threads, oversubscribe=oversubscribe)
        lowered = lower(program)
        self._start(program.recipe, threads, lowered, _backend(lowered, threads, oversubscribe, backend))
        _give_back()

    def _start(self, recipe: str, threads: int, lowered: Lowered, backend: Backend) -> None:
        self.recipe, self.threads = recipe, threads
        self._inputs = Inputs(lowered)
        self._backend: Backend | None = backend

    @classmethod
    def load(cls, folder: str | Path, *, threads: int = 1, oversubscribe: bool = False) -> Engine:
        """
        Return the engine that ``save`` wrote, for the native backend.

        Its weights stay in the file, mapped read-only, so that many processes share one copy of them.

        Raises
        ------
        FormatError
            The folder is not what ``save`` wrote, or was written for another processor; later, a call finds the file
            changed.
        RangeError
            ``threads``, as where an engine is made.
        """
        expect_threads(threads, oversubscribe=oversubscribe)
        from distilspec.fast.backends.native import NativeBackend

        recipe, lowered, backend = NativeBackend.load(Path(folder), threads, oversubscribe=oversubscribe)
        engine = cls.__new__(cls)
        engine._start(recipe, threads, lowered, backend)
        return engine

    def save(self, folder: str | Path) -> None:
        """
        Write the compiled program to a new folder, which ``load`` reads on processors of this kind.

        Raises
        ------
        FormatError
            The folder exists or cannot be written, or the file that the engine was loaded from has changed.
        UnsupportedError
            The backend packs nothing.
        """
        self._open().save(Path(folder), self.recipe)

    def __call__(self, input_ids: Any, attention_mask: Any = None, **more: Any) -> dict[str, Array]:
        """
        Run a batch.

        Parameters
        ----------
        input_ids : integers [batch, sequence]
        attention_mask : 0 or 1, or bool [batch, sequence], optional
            Absent: every token counts.
        more : token_type_ids, integers [batch, sequence]
            Where the model has types; absent: type 0.

        Returns
        -------
        dict of float32 arrays
            The program's outputs by their labels; fresh memory.

        Raises
        ------
        ShapeError, DTypeError, RangeError
            An input has another shape or type, an id is outside of its table, or the sequence is longer than the
            positions.
        """
        given = {"input_ids": input_ids, "attention_mask": attention_mask, **more}
        return self.run({name: value for name, value in given.items() if value is not None})

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Run a batch given by the names of the program's inputs; what ``__call__`` says holds."""
        return self._run(inputs, ())[0]

    def run_exposed(
        self, inputs: Mapping[str, Any], expose: Sequence[str]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """
        Run a batch, and return some of ``survivors`` beside the outputs.

        The outputs have the bits that they have without.

        Raises
        ------
        ShapeError, DTypeError, RangeError
            As ``run``.
        UnsupportedError
            A tensor is none of ``survivors``.
        """
        held = self.survivors()
        for name in expose:
            if name not in held:
                raise UnsupportedError(f"tensor {name}: the engine does not hold it; expected one of its survivors")
        return self._run(inputs, tuple(expose))

    def profile(self, inputs: Mapping[str, Any], *, seconds: float = 2.0) -> Profile:
        """
        Return what a call takes, and the operations of its forward, each in a native call of its own.

        The operations run in their order, on their own memory, so that caches hold what they hold in a forward; the
        native call itself is in each of the times. Calls and operations take turns, so both have seen the same machine.

        Parameters
        ----------
        inputs : mapping
            As ``run`` takes them; at least one sequence.
        seconds : float
            Rounds begin for so long, and at least one.

        Raises
        ------
        ShapeError, DTypeError, RangeError
            As ``run``; there is no sequence.
        UnsupportedError
            The backend is ``numpy``, which has no operations.
        """
        backend = self._open()
        if not len(self._inputs.checked(inputs)["input_ids"]):
            raise ShapeError("input_ids: no sequences; expected at least one, because nothing else takes time")
        return backend.profile(partial(self._inputs.checked, inputs), seconds)

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors of the program that are held in memory at some time, in order."""
        return self._open().survivors()

    def close(self) -> None:
        """
        End the threads and free the memory; the engine cannot be used again.

        A call in another thread ends first, and those that wait for it raise RangeError.
        """
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()
            del backend
            _give_back()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, inputs: Mapping[str, Any], expose: Sequence[str]) -> tuple[dict[str, Array], dict[str, Array]]:
        backend, arrays = self._open(), self._inputs.checked(inputs)
        if len(arrays["input_ids"]):
            return backend.run(arrays, expose)
        one = {name: np.zeros((1, *array.shape[1:]), array.dtype) for name, array in arrays.items()}
        outputs, shown = backend.run(one, expose)
        return {label: _of_none(array) for label, array in outputs.items()}, {
            name: _of_none(array) for name, array in shown.items()
        }

    def _open(self) -> Backend:
        """Return what carries out the steps, in an open engine."""
        backend = self._backend
        if backend is None:
            raise RangeError("the engine was closed, which freed its weights; expected an open one")
        return backend


def compile(
    model: Program | Model | str | Path,
    *,
    recipe: str | None = None,
    sparsity: float = 0.0,
    block_shape: tuple[int, int] = (4, 1),
    calibration: Sequence[str] = (),
    head: str | None = None,
    threads: int = 1,
    backend: str = "auto",
) -> Engine:
    """
    Return an engine for a model.

    Parameters
    ----------
    model : Program, Model, or the name or folder of a model
        A program is run as it is. Of a model, a program is made: pruned, then quantised. Of a folder that ``distilspec
        compress`` has made, the program is run that is saved there under the recipe; under another one, or with texts,
        the recipe is applied to its float32 program, and the Linears that the pipeline kept stay in float32. With a
        ``sparsity`` or a ``head`` such a folder is a model like any other.
    recipe : str, optional
        The numerics, ``fp32`` unless said; static ones need ``calibration``.
    sparsity : float
        The share of blocks to prune from the encoder's weights, by magnitude.
    block_shape : (int, int)
        Outputs and inputs of a block.
    calibration : sequence of str
        Texts from which the ranges of activations are taken.
    head : str, optional
        The task's head, where the model has several.
    threads : int
    backend : {"auto", "native", "numpy"}

    Raises
    ------
    UnsupportedError
        The recipe does not exist, a step cannot be compiled, or a program has another recipe or is to be changed.
    DTypeError
        The model is none.
    RangeError
        An impossible sparsity or number of threads, or a static recipe without texts.
    """
    if isinstance(model, Program):
        if recipe not in (None, model.recipe):
            raise UnsupportedError(f"a program of recipe {model.recipe}; expected a model to apply {recipe} to")
        for name, value in (("sparsity", sparsity), ("calibration", calibration), ("head", head)):
            if value:
                raise UnsupportedError(f"{name} of a program, which is run as it is; expected a model")
        return Engine(model, threads=threads, backend=backend)
    if not isinstance(model, Model | str | Path):
        raise DTypeError(
            f"the model is a {type(model).__name__}; expected a Program, a Model, or the name or folder of one"
        )
    made = None if sparsity or head else program_of_result(model, recipe, calibration)
    if made is not None:
        return Engine(made, threads=threads, backend=backend)
    loaded = model if isinstance(model, Model) else load_model(model, head=head)
    program = _compressed(loaded, Recipe(recipe or Recipe.FP32), sparsity, block_shape, calibration)
    engine = Engine(program, threads=threads, backend=backend)
    del loaded, program
    _give_back()
    return engine


def program_of_result(model: Model | str | Path, recipe: str | None, calibration: Sequence[str]) -> Program | None:
    """Return the program of what ``distilspec compress`` has made, as ``compile`` says, or None of another model."""
    result = None if isinstance(model, Model) else compressed_of(model)
    if result is None or not result.programs:
        return None
    wanted = Recipe(recipe or Recipe.FP32)
    if wanted in result.programs and not calibration:
        return load_program(result.programs[wanted])
    texts = _calibration(wanted, calibration)
    return result.applied(wanted, [load_model(result.student).encode(texts, truncate=True)] if texts else [])


def _compressed(
    model: Model, recipe: Recipe, sparsity: float, block_shape: tuple[int, int], calibration: Sequence[str]
) -> Program:
    """Return a model's program, pruned and then quantised."""
    program = model.program
    if sparsity:
        program = prune(program, sparsity=sparsity, block_shape=block_shape)
    texts = _calibration(recipe, calibration)
    ranges = calibrate(program, [model.encode(texts, truncate=True)], recipe=recipe) if texts else None
    return apply_recipe(program, recipe, calibration=ranges)


def _calibration(recipe: Recipe, calibration: Sequence[str]) -> list[str]:
    """Return the texts from which a recipe takes its ranges; none for one that does not."""
    if recipe.is_calibrated and not calibration:
        raise RangeError(f"calibration: no texts; expected some, because {recipe} takes its ranges from them")
    return list(calibration) if recipe.is_calibrated else []


def _of_none(array: Array) -> Array:
    """Return what a result for one sequence is for none; one scale or zero point for the batch is that of zeros."""
    return array[:0] if array.ndim else np.full_like(array, 1 if array.dtype == np.float32 else 0)


def _give_back() -> None:
    """Return what was freed to the system: on glibc, which else keeps memory of the size of the model."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _backend(lowered: Lowered, threads: int, oversubscribe: bool, backend: str) -> Backend:
    reason = _no_kernels()
    if backend == "auto" and reason:
        warnings.warn(f"{reason}, so NumPy computes; pip install 'distilspec[fast]' on Linux", stacklevel=4)
    if backend == "numpy" or (backend == "auto" and reason):
        return NumpyBackend(lowered)
    if reason:
        raise UnsupportedError(f"backend native: {reason}; expected Linux with llvmlite, or backend numpy")
    from distilspec.fast.backends.native import NativeBackend

    return NativeBackend.pack(lowered, threads, oversubscribe=oversubscribe)


def _no_kernels() -> str:
    """Return why no kernels can be made here, or nothing."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed"
    return "" if sys.platform == "linux" else f"kernels run on Linux and this system is {sys.platform}"
