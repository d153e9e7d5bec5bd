"""Text classification against Transformers' pipeline."""

from __future__ import annotations

import pytest
from checkpoints import ENGINES, checkpoint, ours, same, theirs
from refusal import refused

from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError

TASK = "text-classification"
LABELS = {0: "bad", 1: "fair", 2: "good", 3: "best"}
TEXTS = ["The man is eating food.", "wolfgang lives in Berlin", "unhappy!", "is 中 the Ünïcödé in [SEP] food 😀"]
PAIRS = [
    {"text": "The man lives.", "text_pair": "In Berlin?"},
    {"text": "unhappy"},
    {"text": "a", "text_pair": "b c d"},
]
LONG = "the man is eating food in berlin " * 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a classifier with four labels."""
    path = tmp_path_factory.mktemp("four")
    return checkpoint(
        path, "BertForSequenceClassification", id2label=LABELS, label2id={v: k for k, v in LABELS.items()}
    )


@pytest.fixture(scope="module")
def their(folder):
    """Return Transformers' pipeline on the classifier."""
    return theirs(TASK, folder)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_k": 1},
        {"top_k": 3},
        {"top_k": 9},
        {"top_k": None},
        {"function_to_apply": "sigmoid", "top_k": 2},
        {"function_to_apply": "none", "top_k": None},
        {"function_to_apply": "softmax"},
    ],
    ids=str,
)
def test_answers_are_those_of_transformers(folder, their, engine, options):
    """A text, a list of texts, of one, a pair, and pairs; labels in order, and every list and no other."""
    our = ours(TASK, folder, engine)
    for inputs in (TEXTS[0], TEXTS, TEXTS[:1], PAIRS[0], PAIRS):
        same(our(inputs, **options), their(inputs, **options), engine)


@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_k": None}, {"function_to_apply": "sigmoid"}], ids=str)
def test_options_may_be_given_at_the_start(folder, options):
    """A text alone is answered in one list more then, as by Transformers; a call says otherwise for itself."""
    our, their = ours(TASK, folder, "reference", **options), theirs(TASK, folder, **options)

    for inputs in (TEXTS[0], TEXTS, PAIRS[0]):
        same(our(inputs), their(inputs), "reference")
    same(our(TEXTS, top_k=1), their(TEXTS, top_k=1), "reference")
    same(our(TEXTS), their(TEXTS), "reference")


@pytest.mark.parametrize("fields", [{"num_labels": 1}, {"problem_type": "regression"}, {"problem_type": None}], ids=str)
def test_the_kind_of_the_labels_chooses_the_function(tmp_path, fields):
    """Sigmoid for one label, nothing for a regression."""
    checkpoint(tmp_path, "DistilBertForSequenceClassification", **fields)

    same(ours(TASK, tmp_path, "reference")(TEXTS), theirs(TASK, tmp_path)(TEXTS), "reference")


def test_several_labels_at_once_have_a_sigmoid_each(tmp_path):
    """Named by the config's problem_type."""
    checkpoint(tmp_path, "BertForSequenceClassification", problem_type="multi_label_classification", num_labels=3)

    same(ours(TASK, tmp_path, "numpy", top_k=None)(TEXTS), theirs(TASK, tmp_path, top_k=None)(TEXTS), "numpy")


@pytest.mark.parametrize(
    "options", [{"truncation": True}, {"truncation": True, "max_length": 9}, {"max_length": 6}], ids=str
)
def test_long_texts_are_cut_where_it_is_asked_for(folder, their, options):
    """Texts and pairs, the longer text of a pair first; an odd room is shared as Transformers shares it."""
    our = ours(TASK, folder, "reference")
    pairs = [{"text": LONG[:one], "text_pair": LONG[:two]} for one, two in ((200, 20), (20, 200), (200, 200), (90, 60))]
    truncated = {"truncation": True} | options

    for inputs in (LONG, [LONG, *TEXTS], pairs, pairs[1]):
        same(our(inputs, **options), their(inputs, **truncated), "reference")
    with refused(RangeError, "truncation must be asked for"):
        our(LONG)


def test_bad_input_is_refused_in_one_line(folder):
    """What is no text, and options that no answer has."""
    our = ours(TASK, folder, "reference")
    for inputs in (3, None, [3], {"text": 3}, {"context": "the"}, [("the", "man")], [["the", "man"]]):
        with refused(DTypeError, "expected a text"):
            our(inputs)
    for inputs in ("", ["the", " "], {"text": "the", "text_pair": ""}):
        with refused(RangeError, "gives at least one token"):
            our(inputs)
    for top_k in (0, -1, 1.5, True, "two"):
        with refused(RangeError, "top_k"):
            our("the", top_k=top_k)
    with refused(UnsupportedError, "function_to_apply is 'tanh'"):
        our("the", function_to_apply="tanh")
    with refused(RangeError, "text 0 is cut to 2 tokens; expected at least 3"):
        our("the man", max_length=2)
    with refused(RangeError, "max_length is 99; expected at most 24"):
        our("the man", truncation=True, max_length=99)
    assert our([]) == []
