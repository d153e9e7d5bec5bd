"""Token classification against Transformers' pipeline."""

from __future__ import annotations

import pytest
from checkpoints import ENGINES, checkpoint, ours, same, theirs
from hypothesis import given
from hypothesis import strategies as st
from refusal import refused

from distilspec.fast.pipelines.token_classification import _without_overlaps
from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError

TASK = "token-classification"
LABELS = ("O", "B-PER", "I-PER", "MISC")
STRATEGIES = ("none", "simple", "first", "average", "max")
TEXTS = [
    "Wolfgang lives in Berlin.",
    "The man is eating food!",
    "Unhappy wolfgangs, ünhäppy   MEN?",
    "the fo\u00adod, the ma\u00adn is eat\u00ading in ber\u00adlin",
    "中 is [MASK] the 😀 wolf-gang's ½ ﬁsh in [SEP] Berlin",
]
LONG = "The unhappy man eats food in Berlin, Wolfgang is eating. " * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a classifier with the labels of people and of other names."""
    path = tmp_path_factory.mktemp("entities")
    return checkpoint(
        path,
        "BertForTokenClassification",
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
    )


@pytest.fixture(scope="module")
def their(folder):
    """Return Transformers' pipeline on the classifier."""
    return theirs(TASK, folder)


@pytest.fixture(scope="module", params=ENGINES)
def our(request, folder):
    """Return our pipeline on the classifier, with the engine's name beside it."""
    made = ours(TASK, folder, request.param)
    return lambda *inputs, **options: (made(*inputs, **options), request.param)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("ignore", [None, [], ["PER", "B-PER"]], ids=str)
def test_entities_are_those_of_transformers(our, their, strategy, ignore):
    """Labels, words, places and their order, of a text, of several, of one in a list, and of one that is cut."""
    options = {"aggregation_strategy": strategy} | ({} if ignore is None else {"ignore_labels": ignore})
    for inputs in (TEXTS[0], TEXTS, TEXTS[:1], LONG):
        got, engine = our(inputs, **options)
        same(got, their(inputs, **options), engine)


@pytest.mark.parametrize("strategy", STRATEGIES[1:])
@pytest.mark.parametrize("stride", [0, 9])
def test_long_texts_are_split_where_a_stride_is_given(our, their, strategy, stride):
    """Entities of windows that overlap are found once, the longest or the surest."""
    for inputs in (LONG, [TEXTS[0], LONG, TEXTS[1]]):
        got, engine = our(inputs, aggregation_strategy=strategy, stride=stride)
        same(got, their(inputs, aggregation_strategy=strategy, stride=stride), engine)
    assert max(entity["end"] for entity in got[1]) > len(LONG) * 3 // 4


@given(
    st.lists(
        st.sampled_from([*"aéß1½中.-# \t", "wolf", "gang", "Berlin", "fo\u00adod", "un", "happy", " in ", "[SEP]"]),
        min_size=1,
    ),
    st.sampled_from(STRATEGIES),
)
def test_any_text_has_the_entities_of_transformers(folder, their, parts, strategy):
    """Whatever the words; texts without a token are refused here, and have no entity there."""
    text = "".join(parts)
    our = ours(TASK, folder, "numpy")
    expected = their(text, aggregation_strategy=strategy, ignore_labels=[])
    if expected:
        same(our(text, aggregation_strategy=strategy, ignore_labels=[]), expected, "numpy")
    else:
        with refused(RangeError, "gives at least one token"):
            our(text)


ENTITIES = st.builds(
    lambda start, size, score: {"start": start, "end": start + size, "score": score},
    st.integers(0, 12),
    st.integers(1, 5),
    st.sampled_from([0.25, 0.5, 0.75]),
)


@given(st.lists(ENTITIES, max_size=9))
def test_of_entities_that_overlap_the_same_are_kept(their, entities):
    """The longest, and of equally long ones the surest."""
    assert _without_overlaps(entities) == their.aggregate_overlapping_entities(entities)


def test_bad_input_is_refused_in_one_line(folder):
    """What is no text, and options that contradict each other."""
    our = ours(TASK, folder, "reference")
    for inputs in (3, {"text": "the"}, [("the", "man")], ["the", None]):
        with refused(DTypeError, "expected a text"):
            our(inputs)
    with refused(RangeError, "gives at least one token"):
        our(["the", ""])
    with refused(UnsupportedError, "aggregation_strategy is 'mean'; expected one of none, simple"):
        our("the", aggregation_strategy="mean")
    with refused(UnsupportedError, "stride is 3 and aggregation_strategy none"):
        our("the", stride=3)
    with refused(RangeError, "which have room for 22 of it; expected more than the stride, 22"):
        our(LONG, stride=22, aggregation_strategy="simple")
    with refused(RangeError, "stride is -1"):
        our(LONG, stride=-1, aggregation_strategy="simple")
    with refused(DTypeError, "ignore_labels is 'O'"):
        our("the", ignore_labels="O")
    with refused(DTypeError, "ignore_labels is None; expected a list"):
        our("the", ignore_labels=None)
    assert our([]) == []
