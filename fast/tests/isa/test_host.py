"""Which target is chosen: by the processor's features, by the variable, and on which systems at all."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from distilspec.fast.isa import (
    TARGETS,
    UnsupportedTargetError,
    avx512_amx,
    executable_targets,
    host,
    host_target,
)

#: Features of processors, as LLVM names them.
AVX2 = {"avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
AMX = AVX512 | {"avx512vnni", "amx-tile", "amx-int8"}


@pytest.fixture
def processor(monkeypatch):
    """Return what lets this processor be another one, and nobody ask for a target."""
    monkeypatch.delenv(host.VARIABLE, raising=False)

    def be(features, triple="x86_64-unknown-linux-gnu", system="linux", permitted=True):
        monkeypatch.setattr(host.sys, "platform", system)
        monkeypatch.setattr(host.llvm, "get_process_triple", lambda: triple)
        monkeypatch.setattr(host.llvm, "get_host_cpu_features", lambda: dict.fromkeys(features, True))
        monkeypatch.setattr(TARGETS["portable"], "triple", triple)
        monkeypatch.setattr(TARGETS["avx512-amx"], "is_permitted", lambda: permitted)

    return be


@pytest.mark.parametrize(
    ("features", "triple", "names"),
    [
        (set(), "x86_64-unknown-linux-gnu", ["portable"]),
        ({"avx2"}, "x86_64-unknown-linux-gnu", ["portable"]),
        (AVX2, "x86_64-pc-linux-gnu", ["avx2-bytes", "avx2", "portable"]),
        (AVX2 | {"avxvnni"}, "x86_64-unknown-linux-gnu", ["avx-vnni", "avx2-bytes", "avx2", "portable"]),
        (AVX512, "x86_64-unknown-linux-gnu", ["avx2-bytes", "avx2", "portable"]),
        (AVX512 | {"avx512vnni"}, "x86_64-unknown-linux-gnu", ["avx512-vnni", "avx2-bytes", "avx2", "portable"]),
        (AMX, "x86_64-unknown-linux-gnu", ["avx512-amx", "avx512-vnni", "avx2-bytes", "avx2", "portable"]),
        ({"neon"}, "aarch64-unknown-linux-gnu", ["portable"]),
        ({"neon", "dotprod"}, "aarch64-unknown-linux-gnu", ["neon-dot", "portable"]),
        (AVX2 | {"neon", "dotprod"}, "riscv64-unknown-linux-gnu", ["portable"]),
    ],
)
def test_targets_whose_features_the_processor_has_the_quickest_first(processor, features, triple, names):
    """All the features, and the architecture whatever the vendor is called; the first is chosen."""
    processor(features, triple)
    assert [target.name for target in executable_targets()] == names
    assert host_target().name == names[0]


def test_registers_that_the_system_withholds_are_not_used(processor):
    """Linux gives those of AMX to a process that asks, and may refuse."""
    processor(AMX, permitted=False)
    assert host_target().name == "avx512-vnni"


def test_the_system_is_asked_once_for_registers(monkeypatch):
    """By the call that Linux has for it; what it answers holds for the process."""
    asked = []

    def system(answer):
        return SimpleNamespace(syscall=lambda *numbers: asked.append(numbers) or answer)

    for answer, permitted in ((0, True), (-1, False)):
        monkeypatch.setattr(avx512_amx.ctypes, "CDLL", lambda name, answer=answer: system(answer))
        avx512_amx._is_permitted.cache_clear()
        assert [TARGETS["avx512-amx"].is_permitted() for _ in range(2)] == [permitted] * 2
    avx512_amx._is_permitted.cache_clear()
    assert asked == [(158, 0x1023, 18)] * 2


def test_a_feature_that_is_off_is_none(processor, monkeypatch):
    """LLVM names those that a processor lacks as well."""
    processor(AVX2)
    monkeypatch.setattr(host.llvm, "get_host_cpu_features", lambda: {"avx2": True, "fma": False})
    assert host_target().name == "portable"


def test_without_codes_another_target_may_be_quicker(processor):
    """The one that is for them only is left out."""
    processor(AVX2)
    assert host_target(integers=True).name == "avx2-bytes"
    assert host_target(integers=False).name == "avx2"
    processor(AMX)
    assert host_target(integers=False).name == "avx512-vnni"


def test_the_variable_names_a_target(processor, monkeypatch):
    """For codes or not; one that does not exist or cannot be executed is refused with those that can."""
    processor(AVX2)
    for name in ("avx2-bytes", "portable"):
        monkeypatch.setenv(host.VARIABLE, name)
        assert host_target(integers=False).name == host_target().name == name
    for name, what in (
        ("neon-dot", "this processor cannot execute neon-dot; expected one of avx2-bytes, avx2, portable"),
        ("avx3", "'avx3' is no target; expected one of avx512-amx, avx512-vnni, avx-vnni"),
        ("", "'' is no target"),
    ):
        monkeypatch.setenv(host.VARIABLE, name)
        with pytest.raises(UnsupportedTargetError, match=f"^DISTILSPEC_ISA: {what}"):
            host_target()


@pytest.mark.parametrize(
    ("system", "triple"),
    [
        ("darwin", "arm64-apple-darwin23.1.0"),
        ("darwin", "x86_64-apple-darwin23.1.0"),
        ("win32", "x86_64-pc-windows-msvc"),
    ],
)
def test_kernels_run_on_linux_only(processor, monkeypatch, system, triple):
    """Elsewhere functions are called otherwise, and semaphores are others: refused, whatever the variable says."""
    processor(AVX2 | {"neon", "dotprod"}, triple, system)
    for forced in (None, "portable"):
        if forced:
            monkeypatch.setenv(host.VARIABLE, forced)
        assert executable_targets() == ()
        with pytest.raises(UnsupportedTargetError, match=f"this system is {system}; expected backend numpy"):
            host_target()
