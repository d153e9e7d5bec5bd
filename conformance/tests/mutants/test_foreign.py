"""Runtimes that somebody else wrote: found in a folder, by a manifest or by convention."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from distilspec.conformance.mutants.examine import examine
from distilspec.conformance.mutants.foreign import Adapter, Command, read_candidates
from distilspec.conformance.runtimes.reference import ReferenceRuntime
from distilspec.reference.contract.errors import FormatError

RIGHT = "from distilspec.conformance.runtimes.reference import create\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of the folder, executable or not, and returns its path."""

    def write_file(name, text=RIGHT, *, executable=False):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if executable else 0o644)
        return path

    return write_file


def refused(folder):
    """Return the one line that refuses a folder."""
    with pytest.raises(FormatError) as error:
        read_candidates(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


# By convention


@pytest.mark.parametrize(
    "text",
    [RIGHT, "def create(options): ...\n", "class create: ...\n", "create = object\n", "this is no Python\n"],
)
def test_a_python_file_with_create_is_an_adapter(write, tmp_path, text):
    """However it is defined; a file that cannot be read is one that cannot be started, not one to pass over."""
    path = write("half_away.py", text)

    (found,) = read_candidates(tmp_path)

    assert (found.name, found.planted, found.correct) == ("half_away.py", Adapter(path), False)


def test_another_executable_file_is_a_command(write, tmp_path):
    """A Python program without create as well; its path is quoted."""
    write("a b/wrong.sh", "#!/bin/sh\n", executable=True)
    write("worker.py", "#!/usr/bin/env python3\n", executable=True)

    first, second = read_candidates(tmp_path)

    assert (first.name, first.planted) == ("a b/wrong.sh", Command(shlex.quote(str(tmp_path / "a b/wrong.sh"))))
    assert (second.name, second.planted) == ("worker.py", Command(str(tmp_path / "worker.py")))


def test_what_lies_below_variants_is_correct(write, tmp_path):
    """At any depth."""
    write("variants/reversed.py")
    write("int8/variants/deep/pairwise.py")
    write("variants.py")

    assert {found.name: found.correct for found in read_candidates(tmp_path)} == {
        "int8/variants/deep/pairwise.py": True,
        "variants.py": False,
        "variants/reversed.py": True,
    }


def test_other_files_are_passed_over(write, tmp_path):
    """Helpers, notes, sources and hidden files."""
    write("half_away.py")
    write("_arithmetic.py")
    write("__pycache__/half_away.py")
    write(".git/hooks/update", executable=True)
    write("helper.py", "VALUE = 1\n")
    write("README.md")

    assert [found.name for found in read_candidates(tmp_path)] == ["half_away.py"]


def test_a_folder_without_runtimes_is_refused(write, tmp_path):
    """A score of nothing would be perfect."""
    write("README.md")

    assert "holds no runtime; expected mutants.toml" in refused(tmp_path)
    assert "is no folder" in refused(tmp_path / "absent")
    assert "is no folder" in refused(tmp_path / "README.md")


# By a manifest


def test_a_manifest_replaces_the_convention(write, tmp_path):
    """Names, options and clauses are those that it gives."""
    adapter = write("one.py")
    script = write("two.py", "print()\n")
    write("passed_over.py")
    write(
        "mutants.toml",
        '[[mutant]]\nname = "ties"\nadapter = "one.py"\noptions = {rounding = "away"}\nclauses = ["Q-S3"]\n'
        'seen_in = "a kernel"\n'
        '[[mutant]]\nname = "blocks"\ncommand = "python two.py --drop \'a b\'"\n'
        '[[variant]]\nname = "again"\nadapter = "one.py"\n',
    )

    ties, blocks, again = read_candidates(tmp_path)

    assert (ties.name, ties.planted, ties.correct) == ("ties", Adapter(adapter, {"rounding": "away"}), False)
    assert (ties.clauses, ties.seen_in) == (("Q-S3",), "a kernel")
    assert blocks.planted == Command(f"python {script} --drop 'a b'")
    assert (again.name, again.planted, again.correct) == ("again", Adapter(adapter), True)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("[[mutant]\n", "is no TOML"),
        ("\x00", "is no TOML"),
        ('[[mutants]]\nname = "a"\n', "mutants"),
        ('[[mutant]]\nname = "a"\n', "mutant/0"),
        ('[[mutant]]\nname = "a"\nadapter = "one.py"\ncommand = "b"\n', "mutant/0"),
        ('[[mutant]]\nadapter = "one.py"\n', "'name' is a required property"),
        ('[[mutant]]\nname = " "\nadapter = "one.py"\n', "mutant/0/name"),
        ('[[mutant]]\nname = "a"\nadapter = "one.py"\noptions = {threads = 2}\n', "mutant/0/options/threads"),
        ('[[mutant]]\nname = "a"\nadapter = "absent.py"\n', "'absent.py' is no file"),
        ('[[mutant]]\nname = "a"\nadapter = "../outside.py"\n', "'../outside.py' is no file"),
        ('[[mutant]]\nname = "a"\ncommand = "run \'unclosed"\n', "No closing quotation"),
        ('[[mutant]]\nname = "a"\nadapter = "one.py"\n[[variant]]\nname = "a"\nadapter = "one.py"\n', "'a' twice"),
        ("", "holds no runtime"),
        ("#" * (1 << 20) + "#", "expected at most"),
    ],
)
def test_a_manifest_that_is_not_of_the_form_is_refused_in_one_line(write, tmp_path, manifest, words):
    """Before anything runs."""
    write("folder/one.py")
    write("outside.py")
    write("folder/mutants.toml", manifest)

    assert words in refused(tmp_path / "folder")


# What they make


def test_an_adapter_makes_the_runtime_with_its_options_and_may_import_its_neighbours(write):
    """Two files of one name in two folders stay apart."""
    text = "from arithmetic_of_mine import Mine\n\n\ndef create(options):\n    return Mine(options)\n"
    write(
        "arithmetic_of_mine.py",
        "from distilspec.conformance.runtimes.reference import ReferenceRuntime\n\n\n"
        "class Mine(ReferenceRuntime):\n    def __init__(self, options):\n        self.options = options\n",
    )
    first = Adapter(write("adapter.py", text), {"rounding": "away"}).runtime()
    second = Adapter(write("other/adapter.py")).runtime()

    assert first.options == {"rounding": "away"}
    assert type(second) is ReferenceRuntime


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def create(options)\n", "SyntaxError"),
        ("import a_package_that_is_absent\ncreate = None\n", "a_package_that_is_absent"),
        ("create: object\n", "has no create"),
        ("def create(options):\n    return 3\n", "returned int; expected a Runtime"),
        ("def create():\n    return 3\n", "TypeError"),
        ("def create(options):\n    raise SystemExit('no')\n", "SystemExit: no"),
    ],
)
def test_an_adapter_that_makes_no_runtime_is_unusable(write, tmp_path, text, words):
    """It is no mutant, and it ends nothing."""
    write("adapter.py", text)
    (found,) = _with_adapter(tmp_path)

    assert words in examine(found, []).unusable


def _with_adapter(folder):
    (folder / "mutants.toml").write_text('[[mutant]]\nname = "a"\nadapter = "adapter.py"\n')
    return read_candidates(folder)


def test_a_command_that_speaks_garbage_is_found_and_one_that_is_absent_is_unusable(write, tmp_path):
    """The first is a runtime with a bug, the second is no runtime."""
    write("mutants.toml", f'[[mutant]]\nname = "a"\ncommand = "{sys.executable} -c print()"\n'
                          '[[mutant]]\nname = "b"\ncommand = "./absent"\n')  # fmt: skip
    garbage, absent = read_candidates(tmp_path)

    assert (examine(garbage, []).found_by, examine(garbage, []).unusable) == ("process", "")
    assert "absent" in examine(absent, []).unusable


def test_a_file_that_may_not_be_executed_is_no_command(write, tmp_path):
    """Permissions say which files are meant to run."""
    write("half_away.py")
    path = write("program", "#!/bin/sh\n")

    assert not os.access(path, os.X_OK)
    assert [found.name for found in read_candidates(tmp_path)] == ["half_away.py"]
