"""
How each runtime is loaded and called when it is timed: as a loop of its user would, on inputs that are prepared once.

What the adapters of the suite do around a run (checks of inputs, conversions, names) is no part of a runtime's speed.
A loader is named by ``Peer.loader``; it takes where the model is, the inputs, the number of threads and the options.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from distilspec.conformance.bench.conversation import Loaded
from distilspec.conformance.bench.workloads import Workload, model_of
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import as_float32
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.saved import load_program
from distilspec.reference.program import Program

Inputs = Mapping[str, Array]
Options = Mapping[str, str]

#: Batches with which NNCF calibrates.
NNCF_BATCHES = 8


def fast(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Load the engine on a saved program."""
    executable = _engine(source, threads)
    run = partial(executable.run, inputs)
    return Loaded(run, run)


def onnxruntime(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Load a session on an ONNX file of fixed shapes."""
    runtime = import_module("onnxruntime")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = threads
    path, *labels = source.split("\n")
    session = runtime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    run = partial(session.run, labels, _written(inputs))
    return Loaded(run, lambda: dict(zip(labels, run(), strict=True)))


def openvino(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:
    """Compile an ONNX file of fixed shapes, in the precision of the options or else the one that OpenVINO chooses."""
    core = import_module("openvino").Core()
    precision = options.get("precision")
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UnsupportedError("openvino: this processor has no bf16; expected one with AVX512-BF16 or AMX")
    path, *labels = source.split("\n")
    return _compiled(core, core.read_model(path), labels, inputs, threads, precision)


def openvino_nncf(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Quantise an ONNX file of the float32 model as NNCF does after training, and compile it."""
    openvino_, nncf = import_module("openvino"), import_module("nncf")
    core = openvino_.Core()
    path, *labels = source.split("\n")
    quantised = Path(path).with_suffix(".nncf.xml")
    if not quantised.exists():
        drawn = np.random.default_rng(3)
        written = _written(inputs)
        most = int(written["input_ids"].max()) + 1
        batches = [
            {**written, "input_ids": drawn.integers(0, most, written["input_ids"].shape)} for _ in range(NNCF_BATCHES)
        ]
        model = nncf.quantize(
            core.read_model(path),
            nncf.Dataset(batches),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=NNCF_BATCHES,
        )
        temporary = quantised.with_name(f"{os.getpid()}-{quantised.name}")
        openvino_.save_model(model, temporary, compress_to_fp16=False)
        temporary.with_suffix(".bin").replace(quantised.with_suffix(".bin"))
        temporary.replace(quantised)
    return _compiled(core, core.read_model(quantised), labels, inputs, threads, None)


def torch_eager(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Run the program's functions of torch one after the other."""
    from distilspec.conformance.runtimes.torch_operators import TorchOperators

    return _torch(load_program(Path(source)), TorchOperators(), inputs, threads)


def torch_dynamic(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Run Linears that torch quantises as they run, their weights packed once."""
    from distilspec.conformance.bench.packed_linears import PackedLinears

    return _torch(load_program(Path(source)), PackedLinears(), inputs, threads)


def torch_inductor(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Compile with torch.compile for the shapes of the inputs."""
    from distilspec.conformance.runtimes.torch_inductor import Compiled

    program = _program(source)
    checked = program.checked(inputs)
    compiled = Compiled(program, checked, (), threads)
    return Loaded(compiled.prepared(checked), partial(compiled.run, checked))


def ctranslate2(source: str, inputs: Inputs, threads: int, options: Options) -> Loaded:  # noqa: ARG001
    """Convert the model; its head, for one pooling, runs in NumPy, because CTranslate2 has none."""
    name, sparsity = source.split("\n")
    if float(sparsity):
        raise UnsupportedError("ctranslate2: converts no pruned models; expected a dense one")
    run = partial(_converted(name, threads).run, inputs)
    return Loaded(run, run)


LOADERS: Mapping[str, Callable[[str, Inputs, int, Options], Loaded]] = {
    loader.__name__: loader
    for loader in (fast, onnxruntime, openvino, openvino_nncf, torch_eager, torch_dynamic, torch_inductor, ctranslate2)
}

#: Loaders that take an ONNX file; the others take a saved program, CTranslate2 a model.
FROM_ONNX = ("onnxruntime", "openvino", "openvino_nncf")


@lru_cache(maxsize=1)
def _program(source: str) -> Program:
    return load_program(Path(source))


@lru_cache(maxsize=1)
def _engine(source: str, threads: int) -> Any:
    return find_runtime("fast", {"threads": str(threads)}).load(_program(source))


@lru_cache(maxsize=1)
def _converted(name: str, threads: int) -> Any:
    program = Workload(name).program(Recipe.W8A8_DYNAMIC_TOKEN)
    return find_runtime("ctranslate2", {"threads": str(threads)}).load_model(model_of(name), program)


def _compiled(core: Any, model: Any, labels: list[str], inputs: Inputs, threads: int, precision: str | None) -> Loaded:
    properties = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision is not None:
        properties["INFERENCE_PRECISION_HINT"] = precision
    request = core.compile_model(model, "CPU", properties).create_infer_request()
    run = partial(request.infer, _written(inputs), share_inputs=True, share_outputs=True)
    return Loaded(run, lambda: {label: np.array(run()[index]) for index, label in enumerate(labels)})


def _torch(program: Program, operators: Any, inputs: Inputs, threads: int) -> Loaded:
    """Run a program on functions of torch with the constants lifted and the attributes resolved once."""
    import torch

    torch.set_num_threads(threads)
    lifted = {name: operators.constant(array) for name, array in program.checked(inputs).items()}
    held: dict[str | None, Any] = {name: operators.constant(array) for name, array in program.constants.items()}
    held.update(lifted)
    held[None] = None  # an operand that a step does not have
    with torch.inference_mode():
        calls = [
            (getattr(operators, evaluation.step.op), evaluation.step, evaluation.attributes)
            for evaluation in program.evaluate(operators, lifted)
        ]

    def run() -> dict[str, Any]:
        values = dict(held)
        with torch.inference_mode():
            for function, step, attributes in calls:
                made = function(*(values[name] for name in step.inputs), **attributes)
                values.update(zip(step.outputs, made if len(step.outputs) > 1 else (made,), strict=True))
        return {label: values[name] for label, name in program.outputs.items()}

    return Loaded(run, lambda: {label: as_float32(value.numpy()) for label, value in run().items()})


def _written(inputs: Inputs) -> dict[str, Array]:
    """Return the inputs in the types of the ONNX files that we write."""
    return {name: array.astype(np.int64) for name, array in inputs.items()}
