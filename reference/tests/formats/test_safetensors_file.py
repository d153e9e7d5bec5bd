"""The safetensors reader and writer, against the safetensors package and against hostile headers."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import refused

from distilspec.reference.contract.errors import DTypeError, FormatError
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors

DTYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=8),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    max_size=5,
)


def read_all(path):
    """Return every array of a file."""
    file = SafetensorsFile(path)
    return {name: file.read(name) for name in file.entries}


def bits(arrays):
    """Return what must be equal bit for bit; NaN payloads and the sign of zero count."""
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()}


@settings(max_examples=100, deadline=None)
@given(arrays=ARRAYS)
def test_reader_and_writer_agree_with_the_package(arrays, tmp_path_factory):
    """What the package writes we read, and what we write it reads, bit for bit."""
    folder = tmp_path_factory.mktemp("files")
    safetensors.numpy.save_file(arrays, folder / "theirs")
    write_safetensors(folder / "ours", arrays)

    assert bits(read_all(folder / "theirs")) == bits(arrays)
    assert bits(safetensors.numpy.load_file(folder / "ours")) == bits(arrays)
    assert bits(read_all(folder / "ours")) == bits(arrays)


def test_strided_arrays_are_written_in_their_logical_order(tmp_path):
    """A transposed view is written as what it shows, and order of insertion does not matter."""
    view = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_safetensors(tmp_path / "a", {"x": view, "y": np.zeros(1)})
    write_safetensors(tmp_path / "b", {"y": np.zeros(1), "x": view.copy()})

    assert read_all(tmp_path / "a")["x"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_half_precision_weights_are_widened_exactly(tmp_path):
    """Every one of the 65,536 values of float16 and bfloat16 becomes the float32 that torch says it is."""
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    tensors = {"half": every.view(torch.float16), "brain": every.clone().view(torch.bfloat16)}
    safetensors.torch.save_file(tensors, tmp_path / "x")

    file = SafetensorsFile(tmp_path / "x")

    for name, tensor in tensors.items():
        got, expected = file.read_float32(name), tensor.float().numpy()
        assert got.dtype == np.float32
        assert np.array_equal(got, expected, equal_nan=True)
        assert np.array_equal(np.signbit(got), np.signbit(expected))


def test_float64_weights_are_rounded_to_nearest(tmp_path):
    """A float64 weight becomes the nearest float32, a tie the even one."""
    tie = 1 + 2.0**-24
    write_safetensors(tmp_path / "x", {"x": np.array([tie, np.nextafter(tie, 2), -0.0])})

    assert SafetensorsFile(tmp_path / "x").read_float32("x").tolist() == [1.0, 1 + 2.0**-23, -0.0]


def test_integers_are_not_weights(tmp_path):
    """An integer tensor is refused as a weight, by name and element type."""
    write_safetensors(tmp_path / "x", {"position_ids": np.arange(3)})

    with refused(DTypeError, "tensor position_ids has dtype I64; expected F32"):
        SafetensorsFile(tmp_path / "x").read_float32("position_ids")


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    """Return a header with one tensor."""
    return {"x": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


def file_bytes(header, data=b"\0" * 4):
    """Return a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


NEIGHBOURS = entry() | {"y": entry(offsets=(4, 8))["x"]}

HOSTILE = {
    "empty file": (b"", "has 0 bytes"),
    "truncated length": (b"\x01\0\0", "has 3 bytes"),
    "header longer than the file": ((2**62).to_bytes(8, "little") + b"{}", "header claims 4,611,686,018,427,387,904"),
    "no JSON": (file_bytes(b"\x80\x04}"), "expected strict JSON"),
    "JSON array": (file_bytes([]), "the top is a list; expected a dict"),
    "nested too deep": (file_bytes(b'{"x":' + b"[" * 200_000), "nested too deep"),
    "key twice": (file_bytes(b'{"x": 1, "x": 1}'), "key 'x' occurs twice"),
    "NaN in the header": (file_bytes(b'{"x": NaN}'), "NaN is not in JSON"),
    "integer of many digits": (file_bytes(b'{"x": ' + b"9" * 5000 + b"}"), "expected strict JSON"),
    "entry is no object": (file_bytes({"x": 3}), "tensor x is described wrongly"),
    "entry without offsets": (file_bytes({"x": {"dtype": "F32", "shape": [1]}}), "tensor x is described wrongly"),
    "negative size": (file_bytes(entry(shape=(-1,))), "expected lists of sizes"),
    "boolean size": (file_bytes(entry(shape=(True,))), "expected lists of sizes"),
    "too many dimensions": (file_bytes(entry(shape=(1,) * 33)), "expected lists of sizes"),
    "three offsets": (file_bytes(entry(offsets=(0, 4, 4))), "expected lists of sizes"),
    "more than the file holds": (file_bytes(entry(shape=(2**40,), offsets=(0, 2**42))), "tensors end at byte 4,398,0"),
    "product overflows 64 bits": (file_bytes(entry(shape=(2**62, 2**62))), "has 4 bytes"),
    "size of another shape": (file_bytes(entry(shape=(2,))), "has 4 bytes; expected 8"),
    "offsets backwards": (file_bytes(entry(shape=(0,), offsets=(4, 0))), "has -4 bytes; expected 0"),
    "gap in front": (file_bytes(entry(offsets=(4, 8)), b"\0" * 8), "begins at byte 4; expected 0"),
    "gap between": (file_bytes(NEIGHBOURS | entry("F16", (1,), (0, 2)), b"\0" * 8), "begins at byte 4; expected 2"),
    "overlap": (file_bytes(entry() | {"y": entry()["x"]}), "tensor y begins at byte 0; expected 4"),
    "bytes left over": (file_bytes(entry(), b"\0" * 5), "tensors end at byte 4 of 5"),
    "truncated data": (file_bytes(entry(), b"\0" * 3), "tensors end at byte 4 of 3"),
    "name of two lines": (file_bytes({"a\nb": entry()["x"]}), "is not printable"),
    "metadata of numbers": (file_bytes({"__metadata__": {"a": 1}}, b""), "__metadata__ is not an object of strings"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name, tmp_path):
    """Each inconsistency is refused in one line, before memory is taken for any tensor."""
    content, match = HOSTILE[name]
    (tmp_path / "x").write_bytes(content)

    with refused(FormatError, match):
        SafetensorsFile(tmp_path / "x")


@pytest.mark.parametrize("dtype", ["F8_E5M2", "O", "", None, ["F32"]])
def test_unknown_element_types_are_refused(dtype, tmp_path):
    """An element type that is not known is named."""
    (tmp_path / "x").write_bytes(file_bytes(entry(dtype=dtype)))

    with refused(DTypeError, "tensor x has dtype"):
        SafetensorsFile(tmp_path / "x")


def test_too_many_tensors_are_refused(tmp_path):
    """A header that names more than 100,000 tensors is refused."""
    header = dict.fromkeys(map(str, range(100_001)), entry(shape=(0,), offsets=(0, 0))["x"])
    (tmp_path / "x").write_bytes(file_bytes(header, b""))

    with refused(FormatError, "names 100,001 tensors"):
        SafetensorsFile(tmp_path / "x")


def test_missing_file_is_refused(tmp_path):
    """A file that does not exist, and a folder in its place, are named."""
    with refused(FormatError, "No such file"):
        SafetensorsFile(tmp_path / "x")
    with refused(FormatError, "Is a directory"):
        SafetensorsFile(tmp_path)


def test_a_file_that_shrinks_after_the_check_is_refused(tmp_path):
    """The size is checked again when a tensor is read."""
    write_safetensors(tmp_path / "x", {"x": np.ones(4)})
    file = SafetensorsFile(tmp_path / "x")
    with (tmp_path / "x").open("r+b") as handle:
        handle.truncate((tmp_path / "x").stat().st_size - 8)

    with refused(FormatError, "became shorter"):
        file.read("x")


def test_booleans_are_0_or_1(tmp_path):
    """A byte that is no boolean is refused."""
    (tmp_path / "x").write_bytes(file_bytes(entry("BOOL", (2,), (0, 2)), b"\x01\x02"))

    with refused(FormatError, "boolean tensor x holds byte 2"):
        SafetensorsFile(tmp_path / "x").read("x")


def test_element_types_that_the_format_lacks_are_not_written(tmp_path):
    """A complex array is refused and no file is left."""
    with refused(DTypeError, "array x has dtype complex128"):
        write_safetensors(tmp_path / "x", {"x": np.ones(1, complex)})

    assert not (tmp_path / "x").exists()


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 130), value=st.integers(0, 255))
def test_one_changed_byte_never_crashes(position, value, tmp_path_factory):
    """Whatever one byte becomes, the file is refused by a named error or its tensors stay inside the file."""
    path = tmp_path_factory.mktemp("flipped") / "x"
    write_safetensors(path, {"x": np.ones((2, 3), np.float32), "y": np.ones(2, np.int8)})
    content = bytearray(path.read_bytes())
    content[min(position, len(content) - 1)] = value
    path.write_bytes(content)

    with contextlib.suppress(FormatError, DTypeError):
        assert sum(array.nbytes for array in read_all(path).values()) <= len(content)
