"""Programs compiled by torch.compile, with quantised steps in the form that inductor turns into integer kernels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch._inductor import config as inductor
from torch._inductor.graph import GraphLowering
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers the operators of QDQ
from torch.nn import functional as F

from distilspec.conformance.runtimes.adapter import Executable, as_float32
from distilspec.conformance.runtimes.shown import harmless_to_show
from distilspec.conformance.runtimes.torch_operators import TorchOperators
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: The operators in which PT2E writes a quantised program.
QDQ = torch.ops.quantized_decomposed

#: The range and dtype of activations' codes.
UINT8 = (0, 255, torch.uint8)

#: Inductor hands these steps to a library, so what they read and make lies in memory of its own.
LIBRARY_STEPS = frozenset({"linear", "quantized_linear", "matmul", "scaled_dot_product_attention"})

#: Inductor joins these steps to a library's call where it can.
JOINED_STEPS = frozenset({"add", "gelu", "gelu_tanh", "relu", "silu", "tanh", "multiply"})

#: A library's calls in the code that inductor writes. The kernels that it writes itself are split in another way where
#: a tensor is shown, which changes no operation in them.
LIBRARY_CALL = re.compile(r"torch\.ops\.[\w.]+|extern_kernels\.\w+")

#: The size of a symbol where nothing has run yet.
SAMPLE_SIZE = 2

Shapes = Mapping[str, tuple[int, ...]]


class InductorExecutable(Executable):
    """
    The program compiled for the shapes that came last: with nothing shown, and with tensors shown.

    A tensor survives if a library reads or makes it, and if the code that inductor writes when it is shown calls
    libraries alike.
    """

    def __init__(self, program: Program, threads: int) -> None:
        """Prepare ``program``; inductor compiles it when shapes come."""
        self._program = program
        self._threads = threads
        self._inputs = _sample(program)
        self._plain: Compiled | None = None
        self._exposed: Compiled | None = None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        self._inputs = self._program.checked(inputs)
        return self._compiled().run(self._inputs)

    def survivors(self) -> tuple[str, ...]:
        """Return what libraries read and make, without that whose showing changes the calls of libraries."""
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        self._inputs = self._program.checked(inputs)
        if self._exposed is None or not self._exposed.fits(self._inputs, expose):
            self._exposed = Compiled(self._program, self._inputs, expose, self._threads)
        return self._exposed.run(self._inputs)

    def library_calls(self) -> Counter[str]:
        """Return the calls of libraries in the program with nothing shown."""
        return self._compiled().library_calls

    def _compiled(self) -> Compiled:
        if self._plain is None or not self._plain.fits(self._inputs, ()):
            self._plain = Compiled(self._program, self._inputs, (), self._threads)
        return self._plain

    @cached_property
    def _survivors(self) -> tuple[str, ...]:
        program = self._program
        read = {name for step in program.steps if step.op in LIBRARY_STEPS for name in step.inputs}
        made = {name for step in program.steps if step.op in LIBRARY_STEPS for name in step.outputs}
        joined = {name for step in program.steps if step.op in JOINED_STEPS for name in step.inputs}
        outputs = set(program.outputs.values())
        candidates = [name for name in program.tensors if name in (read | (made - joined)) - outputs]
        shown = harmless_to_show(program, candidates, self._unchanged)
        return tuple(name for name in program.tensors if name in {*shown, *outputs})

    def _unchanged(self, names: Sequence[str]) -> bool:
        shown = Compiled(self._program, self._inputs, names, self._threads)
        if shown.library_calls != self.library_calls():
            return False
        self._exposed = shown
        return True


class Compiled:
    """
    A program in which some tensors are outputs too, compiled for fixed shapes.

    Attributes
    ----------
    library_calls : counter of str
        How often the code that inductor wrote calls each function of a library.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Array], expose: Sequence[str], threads: int) -> None:
        """Compile; only quantised programs are frozen, because only frozen ones get integer kernels."""
        self._shown = set(expose)
        self._shapes = _shapes(inputs)
        self._threads = threads
        self._operators = TorchOperators()
        module = ProgramModule(program, expose)
        written: list[str] = []
        keep_written = mock.patch.object(GraphLowering, "save_output_code", written.append)
        settings = inductor.patch(freezing=program.recipe != Recipe.FP32)
        with torch.no_grad(), settings, keep_written:
            exported = torch.export.export(module, (), self._lifted(inputs))
            self._function = torch.compile(exported.module(), fullgraph=True)
            self.run(inputs)
        self.library_calls = Counter(call for code in written for call in LIBRARY_CALL.findall(code))

    def fits(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> bool:
        """Return whether this was compiled for the shapes of ``inputs``, with ``expose`` shown."""
        return self._shown == set(expose) and self._shapes == _shapes(inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs by their labels and the shown tensors by their names."""
        torch.set_num_threads(self._threads)
        return {name: as_float32(value.numpy()) for name, value in self.prepared(inputs)().items()}

    def prepared(self, inputs: Mapping[str, Array]) -> Callable[[], dict[str, Tensor]]:
        """Return what runs on inputs that are tensors already, for loops of many runs."""
        lifted = self._lifted(inputs)

        def run() -> dict[str, Tensor]:
            with torch.no_grad():
                values: dict[str, Tensor] = self._function(**lifted)
            return values

        return run

    def _lifted(self, inputs: Mapping[str, Array]) -> dict[str, Tensor]:
        return {name: self._operators.constant(array) for name, array in inputs.items()}


class ProgramModule(torch.nn.Module):
    """A program as a module: its constants are buffers, and its quantised steps are those of PT2E."""

    def __init__(self, program: Program, expose: Sequence[str]) -> None:
        """Return the outputs of ``program`` by their labels, and the tensors ``expose`` by their names."""
        super().__init__()
        self._program = program
        self._expose = expose
        self._operators = QdqOperators(self._held)
        ranges = {
            name for step in program.steps if step.op in ("quantize", "quantized_linear") for name in step.inputs[1:3]
        }
        self._numbers: dict[int, float] = {}
        self._buffer_names: dict[int, str] = {}
        for index, (name, array) in enumerate(program.constants.items()):
            if name in ranges and array.ndim == 0:
                self._numbers[id(array)] = array.item()
            else:
                self._buffer_names[id(array)] = f"constant_{index}"
                self.register_buffer(f"constant_{index}", TorchOperators().constant(array))
        self.eval()

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Run the program."""
        return self._program.run(self._operators, inputs, keep=self._expose)

    def _held(self, array: Array) -> Any:
        if id(array) in self._numbers:
            return self._numbers[id(array)]
        return getattr(self, self._buffer_names[id(array)])


class QdqOperators(TorchOperators):
    """
    Torch's functions, with a quantised Linear as a float Linear of dequantized codes, which inductor recognises.

    Activations are uint8 with one scale and zero point, which are Python numbers where the program holds them itself.
    """

    def __init__(self, constant: Callable[[Array], Any]) -> None:
        """Lift arrays by ``constant``."""
        super().__init__()
        self._constant = constant

    def constant(self, array: Array) -> Any:
        """Lift an array."""
        return self._constant(array)

    def quantize(self, x: Tensor, scale: Any, zero_point: Any, *, axis: int | None = None) -> Tensor:
        """Round to codes."""
        assert axis is None
        form = QDQ.quantize_per_tensor
        call = form.tensor if isinstance(scale, Tensor) else form.default
        codes: Tensor = call(x, scale, zero_point, *UINT8)
        return codes

    def dynamic_quantize(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take scale and zero point from the range of ``x`` and round to codes."""
        scale, zero_point = QDQ.choose_qparams.tensor(x, 0, 255, torch.finfo(torch.float32).tiny, torch.uint8)
        codes = self.quantize(x, scale, zero_point)
        return codes, scale.to(self.dtype).reshape(()), zero_point.to(torch.uint8).reshape(())

    def quantized_linear(
        self,
        x: Tensor,
        x_scale: Any,
        x_zero_point: Any,
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
        y_scale: Any = None,
        y_zero_point: Any = None,
    ) -> Tensor:
        """Dequantize both operands and multiply."""
        form = QDQ.dequantize_per_tensor
        real = (form.tensor if isinstance(x_scale, Tensor) else form.default)(x, x_scale, x_zero_point, *UINT8)
        zero_points = torch.zeros(len(weight), dtype=torch.int64)
        dense = QDQ.dequantize_per_channel.default(weight, weight_scale, zero_points, 0, -128, 127, torch.int8)
        y = F.linear(real, dense, bias)
        return y if y_scale is None else self.quantize(y, y_scale, y_zero_point)


def _shapes(inputs: Mapping[str, Array]) -> Shapes:
    return {name: array.shape for name, array in inputs.items()}


def _sample(program: Program) -> dict[str, Array]:
    """Return inputs of zeros, masks of ones, for what is asked before anything has run."""
    sample = {}
    for name, spec in program.inputs.items():
        shape = [SAMPLE_SIZE if isinstance(size, str) else size for size in spec.shape]
        dtype = np.float32 if spec.dtype == "float" else np.dtype(spec.dtype)
        sample[name] = np.ones(shape, dtype) if spec.dtype == "bool" else np.zeros(shape, dtype)
    return sample
