"""Classifiers from and to folders, and students of a teacher's layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_classifier import batch, tiny_classifier
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification, BertModel
from word_piece import word_piece

from distilspec.compress.observe import observe
from distilspec.compress.students import load_classifier, make_student, new_classifier, save_classifier
from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError
from distilspec.reference.formats.hugging_face import load_folder


def same(a, b):
    """Return whether two models have the same weights, bit for bit."""
    left, right = a.state_dict(), b.state_dict()
    return list(left) == list(right) and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture
def tokenizer(tmp_path):
    """Return the path of a small tokenizer's file."""
    return word_piece(tmp_path)


@pytest.fixture
def bert_folder(tmp_path, tokenizer):
    """Return a function that writes a BERT folder and returns it with the model; its tables hold eighths."""

    def write(kind, **fields):
        config = BertConfig(
            vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
            max_position_embeddings=16, **fields,
        )  # fmt: skip
        torch.manual_seed(0)
        model = kind(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "embeddings.weight" in name:
                    parameter.copy_((parameter * 400).round() / 8)
        folder = tmp_path / "bert"
        model.save_pretrained(folder)
        (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
        return folder, model

    return write


def test_a_folder_answers_as_the_model_that_was_saved(tmp_path, tokenizer):
    """Loaded by this room and by Transformers: the same bits and label names. The program's logits agree."""
    model = tiny_classifier(dtype=torch.float32)
    save_classifier(tmp_path / "out", model, tokenizer)

    ours = load_classifier(tmp_path / "out")
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    program = load_folder(tmp_path / "out")

    assert same(ours, model)
    assert same(theirs, model)
    assert ours.config.id2label == {0: "bad", 1: "good"}
    assert program.labels == ("bad", "good")
    inputs = {"input_ids": batch()["input_ids"].numpy(), "attention_mask": batch()["attention_mask"].numpy() > 0}
    exact = program.program.run(ops, inputs)["logits"]
    # Two float64 evaluations of a model of three layers, as in reference/tests/models.
    assert np.abs(ours.double()(**batch()).logits.detach().numpy() - exact).max() <= 1e-12 * np.abs(exact).max()


def test_the_encoder_of_a_bert_computes_what_the_bert_did(bert_folder):
    """Tables of eighths fold without rounding, so in float64 the sums differ by their order alone."""
    folder, bert = bert_folder(BertModel)
    model = new_classifier(folder, ["bad", "good"], seed=0).double()
    expected = bert.double()(**batch()).last_hidden_state

    got = observe(model, **batch()).hidden_states[-1]

    assert (got - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_the_new_head_depends_on_its_seed_and_on_nothing_else(bert_folder):
    """Whatever torch's own generator did before, which stays as it was."""
    folder, _ = bert_folder(BertModel)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = new_classifier(folder, ["bad", "good"], seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)

    assert same(new_classifier(folder, ["bad", "good"], seed=7), first)
    assert not same(new_classifier(folder, ["bad", "good"], seed=8), first)


def test_a_student_is_made_of_the_teachers_layers_and_shares_no_memory():
    """Layers 0 and 2; training the student leaves the teacher as it was."""
    teacher = tiny_classifier(dtype=torch.float32)
    student = make_student(teacher, [0, 2])
    copy = tiny_classifier(dtype=torch.float32)

    layers = student.distilbert.transformer.layer
    assert student.config.n_layers == len(layers) == 2
    assert teacher.config.n_layers == 3
    assert same(layers[1], teacher.distilbert.transformer.layer[2])
    assert same(student.distilbert.embeddings, teacher.distilbert.embeddings)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter += 1
    assert same(teacher, copy)


def test_a_student_of_all_layers_answers_as_its_teacher():
    """The same bits."""
    teacher = tiny_classifier(dtype=torch.float32)

    assert torch.equal(make_student(teacher, [0, 1, 2])(**batch()).logits, teacher(**batch()).logits)


@pytest.mark.parametrize("layers", [[], [3], [-1, 0], [1, 0], [0, 0]])
def test_a_layer_map_that_does_not_fit_is_refused(layers):
    """Nothing, a layer that is not there, an order that does not rise."""
    with refused(RangeError, "the layer map is .* because the teacher has 3 layers"):
        make_student(tiny_classifier(), layers)


def test_what_cannot_be_loaded_or_saved_is_refused(tmp_path, tokenizer, bert_folder):
    """A BERT classifier, one label, a folder that exists; a failed save leaves nothing behind."""
    folder, _ = bert_folder(BertForSequenceClassification)
    with refused(UnsupportedError, "it is a BERT classifier"):
        load_classifier(folder)
    for labels in (["one"], ["one", "one"]):
        with refused(RangeError, "labels are one"):
            new_classifier(folder, labels, seed=0)
    with refused(FormatError, "it exists already"):
        save_classifier(folder, tiny_classifier(), tokenizer)
    with refused(FormatError, "expected that the folder can be written"):
        save_classifier(tmp_path / "out", tiny_classifier(), tmp_path / "absent.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bert", "tokenizer.json"]
