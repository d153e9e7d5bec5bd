"""Mask filling against Transformers' pipeline."""

from __future__ import annotations

import warnings

import pytest
from checkpoints import ENGINES, VOCABULARY, checkpoint, ours, same, theirs
from refusal import refused

from distilspec.fast import pipeline
from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError

TASK = "fill-mask"
TEXTS = ["The man is eating [MASK].", "[MASK] [MASK] lives in Berlin, unhappy", "wolf[MASK]gang is [SEP] in [PAD] food"]
LONG = "[MASK] is eating food in berlin " * 9


@pytest.fixture(scope="module", params=["BertForMaskedLM", "DistilBertForMaskedLM"])
def folder(request, tmp_path_factory):
    """Return a model of either family."""
    return checkpoint(tmp_path_factory.mktemp("masked"), request.param)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [{}, {"top_k": 1}, {"top_k": 20}, {"targets": "wolf"}, {"targets": ["the", "##s", "man", "the"], "top_k": 2}],
    ids=str,
)
def test_words_are_those_of_transformers(folder, engine, options):
    """One mask, several, beside special tokens; a text, several, and one in a list."""
    our, their = ours(TASK, folder, engine), theirs(TASK, folder)
    for inputs in (*TEXTS, TEXTS, TEXTS[:1], TEXTS[1:2]):
        same(our(inputs, **options), their(inputs, **options), engine)


def test_the_first_token_is_taken_of_a_word_outside_of_the_vocabulary(folder):
    """With a warning that names both; there is no more than the given words to choose from."""
    our, their = ours(TASK, folder, "numpy"), theirs(TASK, folder)

    with pytest.warns(UserWarning, match=r"'wolfgang', which is not in the vocabulary; 'wolf' is taken for it"):
        got = our(TEXTS[0], targets=["wolfgang", "food"], top_k=7)

    same(got, their(TEXTS[0], targets=["wolfgang", "food"], top_k=7), "numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(our(TEXTS[0], targets=["wolf", "food"], top_k=7)) == 2


@pytest.mark.parametrize("kwargs", [{"truncation": True}, {"truncation": True, "max_length": 7}], ids=str)
def test_long_texts_are_cut_where_it_is_asked_for(folder, kwargs):
    """And an error otherwise; a mask may be lost by it."""
    our, their = ours(TASK, folder, "numpy"), theirs(TASK, folder)

    same(our(LONG, tokenizer_kwargs=kwargs), their(LONG, tokenizer_kwargs=kwargs), "numpy")
    with refused(RangeError, "truncation must be asked for"):
        our(LONG)
    with refused(RangeError, r"expected a \[MASK\] in it"):
        our("the man is eating food [MASK]", tokenizer_kwargs={"max_length": 4})


def test_more_words_than_there_are_means_all_of_them(folder):
    """Where Transformers fails."""
    assert len(ours(TASK, folder, "numpy", top_k=10**6)(TEXTS[0])) == len(VOCABULARY)


def test_bad_input_is_refused_in_one_line(folder, tmp_path):
    """A text without a mask by its number, targets without a token, a tokenizer without a mask."""
    our = ours(TASK, folder, "numpy")
    with refused(RangeError, r"text 1 is 'the man'; expected a \[MASK\] in it"):
        our([TEXTS[0], "the man"])
    with refused(RangeError, "gives at least one token"):
        our("")
    with refused(DTypeError, "expected a text"):
        our([["the", "[MASK]"]])
    with refused(RangeError, "top_k is 0"):
        our(TEXTS[0], top_k=0)
    with refused(RangeError, "targets has ' '"):
        our(TEXTS[0], targets=["the", " "])
    with refused(RangeError, "targets is empty"):
        our(TEXTS[0], targets=[])
    with refused(DTypeError, "text 0 of targets is 3"):
        our(TEXTS[0], targets=[3])
    with refused(UnsupportedError, "tokenizer_kwargs: there is no argument 'stride'"):
        our(TEXTS[0], tokenizer_kwargs={"stride": 3})
    with refused(DTypeError, "tokenizer_kwargs is 3; expected a mapping"):
        our(TEXTS[0], tokenizer_kwargs=3)
    assert our([]) == []

    without = checkpoint(tmp_path, "BertForMaskedLM")
    file = without / "tokenizer.json"
    file.write_text(file.read_text().replace("[MASK]", "[HOLE]"))
    with refused(UnsupportedError, r"has no \[MASK\]"):
        pipeline(TASK, without, backend="numpy")
