"""``bert`` and ``distilbert`` with every head against Transformers in float64, on 240 drawn configurations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from transformers_models import Case, canonical_weights, cases, disagreement, expected_outputs, transformers_model

from distilspec.reference import ops
from distilspec.reference.models import HEADS, BertConfig, DistilBertConfig, build_program, call_model, weight_shapes

#: max|difference| <= AGREEMENT * max|y|.
AGREEMENT = 1e-12

FAMILIES = ("bert", "distilbert")

POSITIONS = "embeddings.position_embeddings.weight"


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_agree_with_transformers(family, head):
    """Twenty drawn models of each family and head give what Transformers gives, up to 1e-12 of the largest output."""

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(cases(family, head))
    def agree(case):
        model = transformers_model(case)

        got = build_program(case.config, head, canonical_weights(model)).run(ops, case.inputs)

        assert disagreement(got, expected_outputs(model, case)) <= AGREEMENT

    agree()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_function_without_a_program_gives_the_same_bits(family, head):
    """Running the model function on the operators equals running the program that it was traced to, bit for bit."""
    case = fixed_case(family, head)
    weights = canonical_weights(transformers_model(case))
    inputs = case.inputs | {"attention_mask": case.inputs["attention_mask"].astype(bool)}

    direct = call_model(ops, case.config, head, weights, **inputs)

    replayed = build_program(case.config, head, weights).run(ops, inputs)
    assert {name: y.tobytes() for name, y in direct.items()} == {name: y.tobytes() for name, y in replayed.items()}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_name_every_weight_of_transformers(family, head):
    """The table of shapes lists exactly the tensors that Transformers keeps, but for those that the head leaves out."""
    case = fixed_case(family, head)

    stored = {name: array.shape for name, array in canonical_weights(transformers_model(case)).items()}

    left_out = (
        ["pooler.dense.weight", "pooler.dense.bias"] if head == "sentence-embedding" else ["cls.predictions.bias"]
    )
    assert weight_shapes(case.config, head) == {name: stored[name] for name in stored if name not in left_out}


def swap_query_and_key(weights):
    """Exchange two Linears of the first layer."""
    names = [("self.query", "self.key"), ("q_lin", "k_lin")]
    other = {a: b for pair in names for a, b in (pair, pair[::-1])}
    swapped = dict(weights)
    for name in weights:
        for part in other:
            if f"layer.0.attention.{part}." in name:
                swapped[name] = weights[name.replace(part, other[part])]
    return swapped


PLANTED = {
    "another epsilon": lambda case, weights: (dataclasses.replace(case, config=other_epsilon(case.config)), weights),
    "tanh form of gelu": lambda case, weights: (
        dataclasses.replace(case, config=dataclasses.replace(case.config, activation="gelu_new")),
        weights,
    ),
    "query and key swapped": lambda case, weights: (case, swap_query_and_key(weights)),
    "positions shifted by one": lambda case, weights: (
        case,
        weights | {POSITIONS: np.roll(weights[POSITIONS], 1, axis=0)},
    ),
    "mask ignored": lambda case, weights: (
        dataclasses.replace(case, inputs=case.inputs | {"attention_mask": np.ones((2, 5), bool)}),
        weights,
    ),
}


@pytest.mark.parametrize("error", PLANTED)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_planted_error_is_noticed(family, error):
    """The comparison can fail: each mistake moves the outputs far beyond the agreement that is asked for."""
    case = fixed_case(family, "feature-extraction")
    model = transformers_model(case)

    wrong, weights = PLANTED[error](case, canonical_weights(model))

    got = build_program(wrong.config, wrong.head, weights).run(ops, wrong.inputs)
    assert disagreement(got, expected_outputs(model, case)) > 1000 * AGREEMENT


def other_epsilon(config):
    """Return the config with an epsilon that only a comparison to many digits can tell from its own."""
    changed = dataclasses.replace(config)
    object.__setattr__(changed, "layer_norm_eps", config.layer_norm_eps + 1e-7)
    return changed


def fixed_case(family, head):
    """Return one configuration in which every part matters."""
    random = np.random.default_rng(7)
    sizes = {"vocab_size": 13, "hidden_size": 10, "num_layers": 2, "num_heads": 2, "intermediate_size": 7}
    inputs = {
        "input_ids": random.integers(0, 13, (2, 5)),
        "attention_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    }
    if family == "distilbert":
        return Case(family, head, DistilBertConfig(**sizes, max_positions=9), 7, inputs)
    inputs["token_type_ids"] = random.integers(0, 2, (2, 5))
    return Case(family, head, BertConfig(**sizes, max_positions=9, layer_norm_eps=1e-7), 7, inputs)
