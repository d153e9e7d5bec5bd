"""Answers: what each head says to a person, and what it must not say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusal import refused
from tiny_models import POSITIONS, BertConfig, DistilBertConfig, tiny_folder

from distilspec.conformance.answers import LONGEST_ANSWER, PROPOSALS, answer, arrange
from distilspec.reference import ops
from distilspec.reference.contract.errors import ContractError, RangeError
from distilspec.reference.formats.hugging_face import load_folder

KINDS = {"bert": BertConfig, "distilbert": DistilBertConfig}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a function that loads a tiny model, each once."""
    loaded = {}

    def load(head, family="bert", num_labels=2):
        key = head, family, num_labels
        if key not in loaded:
            folder = tmp_path_factory.mktemp("models") / "model"
            loaded[key] = load_folder(tiny_folder(folder, head, kind=KINDS[family], num_labels=num_labels))
        return loaded[key]

    return load


def asked(model, *texts):
    """Return the records of a model run on the reference."""
    inputs = model.encode(arrange(model, texts))
    return answer(model, inputs, model.program.run(ops, inputs))


def test_embeddings_give_the_similarity_of_every_pair(models):
    """Three texts, three pairs; a text is as near to itself as can be."""
    records = asked(models("sentence-embedding"), "a man", "is eat", "a man")

    assert [record["texts"] for record in records] == [[0, 1], [0, 2], [1, 2]]
    assert records[1]["similarity"] == pytest.approx(1)
    assert records[0]["similarity"] == pytest.approx(records[2]["similarity"])
    assert all(-1.0001 <= record["similarity"] <= 1.0001 for record in records)


def test_one_embedding_is_described(models):
    """Nothing to compare it with."""
    (record,) = asked(models("sentence-embedding"), "a man")

    assert (record["text"], record["dimensions"], len(record["first"])) == (0, 16, 4)


@pytest.mark.parametrize("family", KINDS)
def test_a_classifier_gives_its_best_label_with_its_probability(models, family):
    """One record a text; the label is the largest logit's."""
    model = models("sequence-classification", family, 3)
    inputs = model.encode(("a man", "food"))
    logits = np.array([[1.0, 3.0, 2.0], [1000.0, 0.0, -1000.0]])

    records = answer(model, inputs, {"logits": logits})

    assert [record["label"] for record in records] == ["LABEL_1", "LABEL_0"]
    assert records[0]["score"] == pytest.approx(np.exp(3) / np.exp([1, 3, 2]).sum())
    assert records[1]["score"] == 1
    assert len(asked(model, "a man", "food", "is")) == 3


def test_a_regression_gives_its_value(models):
    """A softmax over one label would always say 1."""
    model = models("sequence-classification", num_labels=1)

    (record,) = answer(model, model.encode(("a man",)), {"logits": np.array([[0.25]])})

    assert record == {"label": "LABEL_0", "value": 0.25}


def test_tokens_are_labelled_without_padding(models):
    """Row by row, with the words of the vocabulary."""
    records = asked(models("token-classification", num_labels=4), "a man", "is")

    tokens = [(record["text"], record["token"]) for record in records]
    assert tokens == [(0, "[CLS]"), (0, "a"), (0, "man"), (0, "[SEP]"), (1, "[CLS]"), (1, "is"), (1, "[SEP]")]
    assert {record["label"] for record in records} <= {f"LABEL_{index}" for index in range(4)}


@pytest.mark.parametrize("family", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), question=st.integers(1, 3), context=st.integers(1, 5))
def test_an_answer_lies_in_the_context(models, family, seed, question, context):
    """Whatever the logits are at the question, at special tokens and behind the end."""
    model = models("question-answering", family)
    random = np.random.default_rng(seed)
    words = ["man", "food", "eat", "is", "a"]
    texts = " ".join(["a"] * question), " ".join(random.choice(words[:4], context))
    inputs = model.encode(arrange(model, texts))
    start, end = 50 * random.standard_normal((2, 1, inputs["input_ids"].shape[1]))

    (record,) = answer(model, inputs, {"start_logits": start, "end_logits": end})

    first, last = question + 2, question + 1 + context
    assert model.tokenizer.decode(inputs["input_ids"][0, first : last + 1].tolist()) == texts[1]
    best = max((start[0, i] + end[0, j], i, j) for i in range(first, last + 1) for j in range(i, last + 1))
    assert record["answer"] == model.tokenizer.decode(inputs["input_ids"][0, best[1] : best[2] + 1].tolist())
    assert 0 <= record["score"] <= 1


def test_padding_and_the_separator_are_no_answer(models):
    """A question that was encoded beside a longer one."""
    model = models("question-answering")
    inputs = model.encode([("is", "man"), ("is", "a man is food")])
    first = {name: array[:1] for name, array in inputs.items()}
    logits = np.array([[9.0, 9, 9, 1, 9, 99, 99, 99]])

    (record,) = answer(model, first, {"start_logits": logits, "end_logits": logits})

    assert record["answer"] == "man"


def test_a_long_answer_is_cut(models, monkeypatch):
    """Start at the first token and end at the last one is not allowed when it is too long."""
    monkeypatch.setattr("distilspec.conformance.answers.LONGEST_ANSWER", 2)
    model = models("question-answering")
    inputs = model.encode([("is", "a man is food")])
    start, end = np.zeros((1, 8)), np.zeros((1, 8))
    start[0, 3], end[0, 6], end[0, 4] = 10, 10, 1

    (record,) = answer(model, inputs, {"start_logits": start, "end_logits": end})

    assert record["answer"] in ("a man", "is food")
    assert LONGEST_ANSWER == 30


@pytest.mark.parametrize("texts", [("is [SEP] a", "man food"), ("is", "man [SEP] food")])
@pytest.mark.parametrize("family", KINDS)
def test_a_separator_inside_a_question_or_context_is_refused(models, family, texts):
    """It would move the context into the question, or the other way round."""
    model = models("question-answering", family)

    with refused(RangeError, "SEP"):
        asked(model, *texts)


@pytest.mark.parametrize("count", [1, 3])
def test_question_answering_takes_a_question_and_a_context(models, count):
    """Not one text, and not three."""
    with refused(RangeError, f"{count} texts for question answering"):
        arrange(models("question-answering"), ["is"] * count)


@pytest.mark.parametrize("texts", [("", "man"), ("is", ""), ("is", " ")])
def test_an_empty_question_or_context_is_refused(models, texts):
    """There is nothing to choose from."""
    with pytest.raises(ContractError) as caught:
        asked(models("question-answering"), *texts)
    assert "\n" not in str(caught.value)


def test_a_context_that_was_cut_still_gives_an_answer(models):
    """Truncation keeps both separators."""
    model = models("question-answering")
    inputs = model.encode([("is a", "man food " * 20)], truncate=True)
    logits = np.zeros((1, POSITIONS))

    assert inputs["input_ids"].shape == (1, POSITIONS)
    assert answer(model, inputs, {"start_logits": logits, "end_logits": logits})[0]["answer"] in ("man", "food")


@pytest.mark.parametrize("family", KINDS)
def test_every_masked_word_gets_proposals(models, family):
    """In falling order of probability; a text without a mask gets none."""
    records = asked(models("masked-lm", family), "a [MASK] is [MASK]", "a man", "[MASK]")

    assert [(record["text"], record["position"]) for record in records] == [(0, 2), (0, 4), (2, 1)]
    for record in records:
        scores = [word["score"] for word in record["proposals"]]
        assert len(scores) == PROPOSALS
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) <= 1 + 1e-9


def test_masked_words_need_a_mask(models):
    """Without one there is nothing to fill in."""
    with refused(RangeError, r"no text holds \[MASK\]"):
        asked(models("masked-lm"), "a man")


def test_features_are_described(models):
    """A shape and a few numbers for each text."""
    records = asked(models("feature-extraction"), "a man", "is")

    assert [record["shape"] for record in records] == [[4, 16], [4, 16]]
    assert all(len(record["first"]) == 4 for record in records)
