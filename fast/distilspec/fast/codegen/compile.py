"""Machine code from kernels, through llvmlite and the cache of objects."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from distilspec.fast.codegen.cache import key_of, read_object, write_object
from distilspec.fast.codegen.emit import emit, entry_name
from distilspec.fast.codegen.ir import Function, Kind
from distilspec.fast.codegen.verify import verify
from distilspec.fast.isa.target import Target

_C_TYPES = {Kind.PTR: ctypes.c_void_p, Kind.I64: ctypes.c_int64, Kind.I32: ctypes.c_int32, Kind.F32: ctypes.c_float}

_OPTIMISATION = 2

#: What the passes leave alone: kernels are vectorised and unrolled by whoever wrote them.
_PASSES = {"loop_vectorization": False, "slp_vectorization": False, "loop_unrolling": False}


@lru_cache(maxsize=1)
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


class MachineCode:
    """
    A module of LLVM IR as machine code of this process, or what the cache holds of it.

    The code lives as long as this object.
    """

    def __init__(self, text: str, target: Target) -> None:
        """Compile, or load what was compiled before."""
        machine = target_machine(target)
        key = object_key(text, target)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        code = read_object(key)
        if code is None:
            code = object_code(text, target)
            write_object(key, code)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function's machine code starts."""
        return int(self._engine.get_function_address(name))

    def callable(self, name: str, *parameters: Any) -> Callable[..., None]:
        """Return a function that gives nothing and takes these types of ctypes; it releases the interpreter lock."""
        made = ctypes.CFUNCTYPE(None, *parameters)(self.address(name))
        made.machine_code = self  # type: ignore[attr-defined]  # lives as long as what calls it
        return made


class Compiled:
    """Kernels as machine code, each called with the addresses of its buffers and its scalars, or by its entry."""

    def __init__(self, functions: Sequence[Function], target: Target) -> None:
        """Verify, emit and compile, or load what was compiled before."""
        for function in functions:
            verify(function)
        self._code = MachineCode(emit(functions, target), target)
        self._functions = {function.name: function for function in functions}

    def entry(self, name: str) -> int:
        """Return where the machine code of a kernel's entry starts; ``emit`` says what it takes."""
        return self._code.address(entry_name(name))

    def callable(self, name: str) -> Callable[..., None]:
        """Return a kernel as a function of ctypes."""
        return self._code.callable(name, *(_C_TYPES[value.type.kind] for value in self._functions[name].parameters))


def target_machine(target: Target) -> llvm.TargetMachine:
    """Return LLVM's machine for a target, whether or not this processor is one."""
    _initialise()
    return llvm.Target.from_triple(target.triple).create_target_machine(**_machine_options(target))


def object_key(text: str, target: Target) -> str:
    """Return the name in the cache of what ``object_code`` makes: the hash of everything that it depends on."""
    versions = f"{llvmlite.__version__} {llvm.llvm_version_info}"
    options = (target.triple, _machine_options(target), _OPTIMISATION, _PASSES)
    return key_of(text, versions, repr(options))


def object_code(text: str, target: Target) -> bytes:
    """Return the object file that LLVM makes of a module."""
    machine, module = _optimised(text, target)
    return bytes(machine.emit_object(module))


def assembly(functions: Sequence[Function], target: Target) -> str:
    """Return assembler text, for targets that this processor cannot execute as well."""
    machine, module = _optimised(emit(functions, target), target)
    return str(machine.emit_assembly(module))


def _machine_options(target: Target) -> dict[str, Any]:
    return {
        "cpu": target.cpu, "features": target.feature_string, "opt": _OPTIMISATION, "reloc": "pic",
        "codemodel": "default",
    }  # fmt: skip


def _optimised(text: str, target: Target) -> tuple[llvm.TargetMachine, llvm.ModuleRef]:
    machine = target_machine(target)
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=_OPTIMISATION)
    for name, value in _PASSES.items():
        setattr(options, name, value)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine, module
