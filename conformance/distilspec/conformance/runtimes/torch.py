"""PyTorch on the CPU: eager, compiled by inductor, or with Linears that quantise their input as they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Granularity,
    Runtime,
    as_float32,
    expect_known,
    expect_number,
    expect_option,
)
from distilspec.conformance.runtimes.torch_dynamic import DynamicOperators, expect_dynamic
from distilspec.conformance.runtimes.torch_operators import TorchOperators
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

DTYPES = {"float32": torch.float32, "float64": torch.float64}

#: The options of each mode, and what is in force where a user says nothing; one thread makes a run repeatable.
MODES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "eager": {"dtype": "float32", "threads": "1"},
        "inductor": {"threads": "1"},
        "dynamic": {"engine": torch.backends.quantized.engine, "reduce_range": "no", "threads": "1"},
    }
)

EAGER = "torch's own functions, with integer products in float64, where they are exact"
RECIPES: Mapping[str, Mapping[Recipe, str]] = MappingProxyType(
    {
        "eager": dict.fromkeys(Recipe, EAGER),
        "inductor": {
            Recipe.FP32: "torch.compile",
            Recipe.W8A8_STATIC: "torch.compile with freezing, of the form that PT2E's X86InductorQuantizer makes",
            Recipe.W7A8_STATIC: "the same, with weights in [-64, 64]",
            Recipe.W8A8_DYNAMIC: "torch.compile with freezing, of the form that the same quantizer makes when dynamic",
            Recipe.W8A32: "torch.compile with freezing, which folds the weights back to float32",
        },
        "dynamic": {
            Recipe.FP32: EAGER,
            Recipe.W8A8_DYNAMIC: "quantized::linear_dynamic, as quantize_dynamic uses it, over the full range of uint8",
        },
    }
)

#: Compiling is too slow for programs of one step, and dynamic Linears are two steps in one.
PROGRAMS_ONLY = ("inductor", "dynamic")

#: Inductor cannot compile what unpacks a block-sparse weight, whose sizes depend on the data.
NOT_COMPILED = ("block_sparse_linear", "quantized_block_sparse_linear", "unpack_block_sparse")


class TorchRuntime(Runtime):
    """
    Runs programs on torch's own functions.

    Options: ``mode`` (eager, inductor, dynamic) and ``threads``. In mode eager ``dtype`` (float32, float64), in which
    real numbers are held while results are float32 in both cases. In mode dynamic ``engine``, one of torch's quantised
    engines, and ``reduce_range`` (no, yes): torch's own quantize_dynamic says yes, which leaves activations seven bits.
    """

    name = "torch"
    version = torch.__version__

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        mode = expect_option(self.name, "mode", options.get("mode", "eager"), tuple(MODES))
        expect_known(self.name, options, ("mode", *MODES[mode]))
        self.options = {"mode": mode, **MODES[mode], **options}
        self.recipes = RECIPES[mode]
        expect_number(self.name, "threads", self.options["threads"])
        if mode in PROGRAMS_ONLY:
            self.granularity = (Granularity.PROGRAMS,)
        if mode == "eager":
            expect_option(self.name, "dtype", self.options["dtype"], tuple(DTYPES))
        if mode == "dynamic":
            expect_option(self.name, "engine", self.options["engine"], torch.backends.quantized.supported_engines)
            if expect_option(self.name, "reduce_range", self.options["reduce_range"], ("no", "yes")) == "yes":
                self.recipes = {Recipe.FP32: EAGER}

    def supports(self, op: str) -> bool:
        """Return whether the operator is written in torch, and can be compiled where it must be."""
        return hasattr(TorchOperators, op) and not (self.options["mode"] == "inductor" and op in NOT_COMPILED)

    def load(self, program: Program) -> Executable:
        """Return the program on torch's functions, compiled if the mode says so."""
        threads = int(self.options["threads"])
        match self.options["mode"]:
            case "inductor":
                from distilspec.conformance.runtimes.torch_inductor import InductorExecutable  # slow to import

                return InductorExecutable(program, threads)
            case "dynamic":
                expect_dynamic(program)
                is_reduced = self.options["reduce_range"] == "yes"
                return TorchExecutable(program, DynamicOperators(self.options["engine"], is_reduced), threads)
        return TorchExecutable(program, TorchOperators(DTYPES[self.options["dtype"]]), threads)

    def with_threads(self, threads: int) -> TorchRuntime:
        """Return torch with another number of threads."""
        return TorchRuntime({**self.options, "threads": str(threads)})


class TorchExecutable(Executable):
    """Evaluates the program step by step, so that every tensor that exists can be shown."""

    def __init__(self, program: Program, operators: TorchOperators, threads: int) -> None:
        """Evaluate ``program`` on ``operators``."""
        self._program = program
        self._operators = operators
        self._threads = threads

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors that the steps make, without those inside a fused step."""
        return tuple(
            output for step in self._program.steps if step.op not in self._operators.FUSED for output in step.outputs
        )

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        torch.set_num_threads(self._threads)
        lifted = {name: self._operators.constant(array) for name, array in self._program.checked(inputs).items()}
        with torch.no_grad():
            values = self._program.run(self._operators, lifted, keep=expose)
        return {name: as_float32(value.numpy()) for name, value in values.items()}


create = TorchRuntime
