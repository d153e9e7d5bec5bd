"""The cache of machine code: what an entry's name depends on, and that nothing which happens to it stops a kernel."""

from __future__ import annotations

import copy
import ctypes
import errno
import subprocess
import sys
from pathlib import Path

import pytest

from distilspec.fast.codegen import cache, compile
from distilspec.fast.codegen.compile import MachineCode, object_key
from distilspec.fast.isa import TARGETS, host_target

TARGET = host_target()

pytestmark = pytest.mark.filterwarnings("error")


def text(number):
    """Return a module whose function writes a number."""
    return (
        f'target triple = "{TARGET.triple}"\ndefine void @write(ptr %out) {{ store i32 {number}, ptr %out ret void }}'
    )


def written(number):
    """Return what the machine code of such a module writes."""
    out = ctypes.c_int32()
    MachineCode(text(number), TARGET).callable("write", ctypes.c_void_p)(ctypes.addressof(out))
    return out.value


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder for the cache, which does not exist yet."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "some" / "objects"))
    return tmp_path / "some" / "objects"


@pytest.fixture
def read_only(monkeypatch):
    """Let nothing be written; tests may run as root, whom no mode of a folder stops."""

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    def forbid():
        for method in ("mkdir", "write_bytes", "replace", "unlink"):
            monkeypatch.setattr(Path, method, refuse)

    return forbid


def test_what_was_compiled_is_loaded(folder, monkeypatch):
    """The second time nothing is compiled, and another kernel is."""
    assert written(3) == 3
    (entry,) = folder.iterdir()
    assert entry.name == f"{object_key(text(3), TARGET)}.o"
    compiled = []
    monkeypatch.setattr(compile, "object_code", lambda *of: compiled.append(of))

    assert written(3) == 3
    assert compiled == []
    with pytest.raises(TypeError):
        written(4)
    assert compiled == [(text(4), TARGET)]


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [
        (TARGET, "cpu", "x86-64-v2"),
        (TARGET, "features", ("sse3",)),
        (TARGET, "triple", "riscv64-unknown-linux-gnu"),
        (compile.llvmlite, "__version__", "0.0.1"),
        (compile.llvm, "llvm_version_info", (1, 0, 0)),
        (compile, "_OPTIMISATION", 3),
        *((compile, "_PASSES", compile._PASSES | {name: True}) for name in compile._PASSES),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_name_depends_on_all_that_machine_code_depends_on(of, name, value, monkeypatch):
    """Or another processor, another LLVM or another version of ours would load what is not theirs."""
    code = text(3)
    before = object_key(code, TARGET)
    assert object_key(code, copy.copy(TARGET)) == before
    monkeypatch.setattr(of, name, value)
    assert object_key(code, TARGET) != before


def test_every_kernel_and_target_has_a_name_of_its_own():
    """The text says what is computed; two targets may be of one processor."""
    assert len({object_key(text(number), TARGET) for number in range(9)}) == 9
    machines = {(target.triple, target.cpu, target.features) for target in TARGETS.values()}
    assert len({object_key(text(3), target) for target in TARGETS.values()}) == len(machines)


@pytest.mark.parametrize(
    "damage",
    [lambda stored: b"", lambda stored: stored[:-1], lambda stored: stored[:-1] + bytes([stored[-1] ^ 1]),
     lambda stored: stored + b"\0", lambda stored: stored[32:]],
    ids=["empty", "cut", "a bit", "longer", "no hash"],
)  # fmt: skip
def test_a_damaged_entry_is_compiled_again(folder, damage):
    """With a warning, once: afterwards the entry is whole."""
    written(3)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.read_object(entry.stem) is None
    with pytest.warns(UserWarning, match="is damaged; the kernel is compiled again"):
        assert written(3) == 3
    assert entry.read_bytes() == whole
    assert written(3) == 3


def test_a_folder_that_is_read_only_can_be_read_and_holds_damaged_entries(folder, read_only):
    """What is there is used, what is not there or damaged is compiled, and a warning says that it is not kept."""
    written(3)
    written(4)
    damaged = folder / f"{object_key(text(4), TARGET)}.o"
    damaged.write_bytes(b"")
    read_only()
    assert written(3) == 3
    with pytest.warns(UserWarning, match="damaged"), pytest.warns(UserWarning, match="Permission denied"):
        assert written(4) == 4
    with pytest.warns(UserWarning, match="Permission denied; compiled kernels are not kept"):
        assert written(5) == 5


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path, monkeypatch):
    """There is a file in its place."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="compiled kernels are not kept"):
        assert written(3) == 3


def test_what_cannot_be_written_whole_leaves_nothing(folder, monkeypatch):
    """A full disk, found out by the last write."""

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(UserWarning, match="No space left on device; compiled kernels are not kept"):
        assert written(3) == 3
    assert list(folder.iterdir()) == []


def test_processes_may_write_the_same_entry_at_once(folder):
    """Whoever reads meanwhile finds nothing or all of it; damage would be a warning."""
    key, code = cache.key_of("large"), bytes(range(256)) * 2**12
    program = (
        "from distilspec.fast.codegen.cache import write_object\n"
        "input(print(flush=True))\n"
        f"for _ in range(30): write_object({key!r}, bytes(range(256)) * 2**12)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    found = []
    while any(writer.poll() is None for writer in writers):
        found.append(cache.read_object(key))

    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert set(found) <= {None, code}
    assert found.count(code) > 1
    assert [entry.name for entry in folder.iterdir()] == [f"{key}.o"]


def test_an_empty_variable_turns_the_cache_off(tmp_path, monkeypatch):
    """Nothing is written anywhere, and nothing is read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.VARIABLE, "")
    assert written(3) == 3
    assert list(tmp_path.iterdir()) == []
    assert cache.read_object(object_key(text(3), TARGET)) is None


def test_where_the_cache_is(tmp_path, monkeypatch):
    """The variable is asked first, then the folder for caches, then the home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "distilspec" / "objects"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache.cache_folder() == tmp_path / "caches" / "distilspec" / "objects"
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "named"))
    assert cache.cache_folder() == tmp_path / "named"


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    """As in a container that runs under a number nobody has a name for."""
    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(number)

    for name in (cache.VARIABLE, "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert cache.cache_folder() is None
    assert written(3) == 3
