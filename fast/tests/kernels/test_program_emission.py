"""Programs can be emitted for targets that are not at hand: every kernel of every form, and the code of the pool."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import pytest
from small_models import small_program

from distilspec.fast.backends.forward import Kernels
from distilspec.fast.backends.operations import Operations
from distilspec.fast.backends.weights import pack, without_weights
from distilspec.fast.codegen.compile import assembly, target_machine
from distilspec.fast.codegen.verify import verify
from distilspec.fast.execute import pool
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.block_sparse import block_sparse
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.lower.fused import Linear
from distilspec.fast.lower.lower import lower

ELSEWHERE = [target for target in TARGETS.values() if target not in executable_targets()]
elsewhere = pytest.mark.parametrize("target", ELSEWHERE, ids=lambda target: target.name)

#: Programs that have every kind of step and Linear among them, but for those of single operators.
FORMS = [
    ("fp32", {}),
    ("w8a8-static", {}),
    ("w8a8-static", {"sparsity": 0.6}),
    ("w7a8-static", {"sparsity": 0.6, "block_shape": (4, 4), "shape": "blocks"}),
    ("w8a8-dynamic", {"sparsity": 0.6}),
    ("w8a8-dynamic-token", {}),
]


def kernels(target, recipe, **form):
    """Return the kernels of a small program."""
    lowered = lower(small_program(recipe, head="sentence-embedding", **form))
    packed = {step.out: pack(step, target) for step in lowered.steps if isinstance(step, Linear)}
    made = Kernels()
    Operations(without_weights(lowered), packed, target, made, (1, 1), 1)
    return list(made.made.values())


def expect_emitted(target, functions):
    """
    Check that LLVM makes code of every kernel, and that nothing is called but kernels by their entries, and memset.

    What it has no instruction for would be a call: of a library, as for ``fma``, or of the intrinsic by its name.
    """
    for function in functions:
        verify(function)
    text = assembly(functions, target)
    names = {function.name for function in functions}
    assert all(f"\n{name}:" in text for name in names)
    assert set(re.findall(r"\t(?:callq|jmp|bl|b)\t([A-Za-z_][\w.]*)", text)) <= {*names, "memset"}


@elsewhere
def test_attention_of_codes_is_emitted(target):
    """With its codes of queries, keys and values, the keys' bias, and Linears with GELU, residual and codes."""
    functions = kernels(target, "w8a8-static-attn")
    expect_emitted(target, functions)
    assert {"attention_codes", "key_bias", "quantized_attention", "dense"} <= {
        function.name.split(".")[0] for function in functions
    }


@pytest.mark.slow
@elsewhere
def test_every_form_of_a_program_is_emitted(target):
    """In one module, as kernels of one program are."""
    every = {function.name: function for recipe, form in FORMS for function in kernels(target, recipe, **form)}
    for epilogue in (Epilogue("gelu", codes=Layout.ROWS), Epilogue("silu", residual=True)):
        function = block_sparse(target, target.dot, epilogue)
        every[function.name] = function
    expect_emitted(target, list(every.values()))
    assert {name.split(".")[0] for name in every} == {
        "attention", "block_sparse", "dense", "embed", "key_list", "l2_normalize", "layer_norm", "linear", "mean_pool",
        "near_block_sparse", "quantize", "tensor_range", "tensor_scale", "token_range", "untile",
        *(["sparse_panels"] if target.pair_limit else []),
    }  # fmt: skip


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_the_pool_is_emitted(target, monkeypatch):
    """With the instruction that says that a thread waits, where a processor has one."""
    monkeypatch.setattr(pool, "MachineCode", lambda text, target: text)
    text = pool._machine_code(target)
    module = llvm.parse_assembly(text)
    module.verify()
    made = target_machine(target).emit_assembly(module)
    assert all(f"\n{name}:" in made for name in ("pool_open", "pool_run", "pool_stop", "pool_work"))
    waits = {"x86_64": "\tpause\n", "aarch64": "\tyield\n"}
    assert waits.get(target.triple.split("-")[0], "") in made
