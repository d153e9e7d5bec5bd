"""Question answering against answers of Transformers 4.57.1; later versions have no such pipeline."""

from __future__ import annotations

import json

import pytest
from ask_transformers import ASKED, make
from checkpoints import ENGINES, ours, same
from refusal import refused

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError, UnsupportedError

TASK = "question-answering"
CASES = json.loads(ASKED.read_text("utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the checkpoint that Transformers was asked on."""
    return make(tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module", params=ENGINES)
def our(request, folder):
    """Return our pipeline on the checkpoint, and the engine's name."""
    return ours(TASK, folder, request.param), request.param


@pytest.mark.parametrize("case", CASES, ids=lambda case: str({**case["arguments"], "question": "", "context": ""}))
def test_answers_are_those_of_transformers(our, case):
    """One and several questions and contexts, long ones in windows, and an empty answer where it may be given."""
    answer, engine = our
    same(answer(**case["arguments"]), case["answers"], engine)


def test_the_cases_reach_what_they_are_for(folder):
    """Windows, answers that are found in several of them, and empty ones."""
    answers = [answer for case in CASES for answer in every(case["answers"])]
    longest = max((str(case["arguments"]["context"]) for case in CASES), key=len)

    assert len(ours(TASK, folder, "numpy").tokenizer.windows([("unhappy", longest)], stride=20)[0]) > 3
    assert max(answer["start"] for answer in answers) > 100
    assert any(answer["answer"] == "" for answer in answers)


def every(answers):
    """Return the answers in lists of any depth."""
    return [answers] if isinstance(answers, dict) else [one for several in answers for one in every(several)]


def test_questions_may_be_given_as_mappings(our):
    """One or several, as Transformers once had it."""
    answer, _ = our
    story, where = "Wolfgang lives in Berlin.", "Where lives wolfgang?"

    expected = answer(question=where, context=story)
    assert answer({"question": where, "context": story}) == expected
    assert answer([{"question": where, "context": story}]) == expected
    assert answer([{"question": where, "context": story}] * 2) == [expected, expected]


def test_only_answers_that_exist_are_listed(our):
    """Three tokens have six spans, where Transformers lists others that end before they start."""
    answer, _ = our
    found = answer(question="Who?", context="the man is", top_k=20)

    spans = ["the", "man", "is", "the man", "man is", "the man is"]
    assert sorted(one["answer"] for one in found) == sorted(spans)
    assert sum(one["score"] for one in found) <= 1
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)


def test_bad_input_is_refused_in_one_line(folder):
    """A question without its context, empty ones, options that no answer has, windows without room."""
    answer = ours(TASK, folder, "reference")
    with refused(DTypeError, "context is absent; expected both"):
        answer(question="Who?")
    with refused(DTypeError, "question is absent; expected both"):
        answer(context="the man")
    with refused(DTypeError, "expected one or the other"):
        answer({"question": "Who?", "context": "the man"}, context="the man")
    for inputs in ("Who?", {"question": "Who?"}, {"question": "Who?", "context": None}, [{"text": "Who?"}], 3):
        with refused(DTypeError, "expected {'question'"):
            answer(inputs)
    with refused(ShapeError, "2 questions and 3 contexts"):
        answer(question=["a", "b"], context=["a", "b", "c"])
    for question, context in (("", "the man"), ("Who?", ""), ("Who?", " \n")):
        with refused(RangeError, "gives at least one token"):
            answer(question=question, context=context)
    for name in ("top_k", "max_answer_len", "max_seq_len", "batch_size"):
        with refused(RangeError, f"{name} is 0; expected an integer of at least 1"):
            answer(question="Who?", context="the man", **{name: 0})
    with refused(RangeError, "doc_stride is -1"):
        answer(question="Who?", context="the man", doc_stride=-1)
    with refused(RangeError, "max_seq_len|max_length is 41; expected at most 40"):
        answer(question="Who?", context="the man", max_seq_len=41)
    with refused(RangeError, "which have room for 7 of it; expected more than the stride, 20"):
        answer(question="the " * 30, context="the man " * 30)
    with refused(RangeError, "room for 0 of it"):
        answer(question="the " * 50, context="the man " * 30)
    with refused(UnsupportedError, "there is no option 'topk'; expected one of batch_size, top_k, doc_stride"):
        answer(question="Who?", context="the man", topk=2)
    assert answer([]) == []
    assert answer(question=[], context="the man") == []
