"""The sum of losses on real observations: each term is its formula, and training on it brings the student closer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_classifier import HEADS, batch, tiny_classifier

from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import observe
from distilspec.compress.sections.distillation import Distillation
from distilspec.compress.students import make_student
from distilspec.reference import objectives
from distilspec.reference.contract.errors import RangeError, ShapeError

LABELS = torch.tensor([0, 1])
MASK = batch()["attention_mask"].bool()


def section(**fields):
    """Return a section ``distillation`` without the cross entropy, unless it is asked for."""
    return Distillation.model_validate({"hard": 0.0, **fields})


def observed(teacher_layers=4, layers=(0, 3), seed=3):
    """Return student and teacher with what each computes; the student's weights are not the teacher's."""
    teacher = tiny_classifier(teacher_layers)
    student = make_student(tiny_classifier(teacher_layers, seed), layers).double()
    with torch.no_grad():
        return student, teacher, observe(student, **batch()), observe(teacher, **batch())


def arrays(*tensors):
    """Return tensors as arrays."""
    return [tensor.numpy() for tensor in tensors]


def heads_of(x):
    """Return [batch, sequence, size] by heads, in NumPy."""
    return x.numpy().reshape(2, 5, HEADS, -1).transpose(0, 2, 1, 3)


def scores(seen, layer):
    """Return attention scores from queries and keys, in NumPy."""
    return heads_of(seen.queries[layer]) @ heads_of(seen.keys[layer]).swapaxes(-1, -2) / 2.0


def rows(x):
    """Return hidden states as rows of tokens, in NumPy."""
    return x.numpy().reshape(-1, 8)


def by_formula(name, ours, theirs):
    """Return the value of one term from the NumPy formulas."""
    logits = arrays(ours.logits, theirs.logits)
    layers = objectives.tinybert_layer_map(4, 2)
    added = np.where(MASK.numpy()[:, None, None, :], 0.0, -10000.0)
    match name:
        case "hard":
            return objectives.cross_entropy(logits[0], LABELS.numpy()).value
        case "logits":
            return objectives.logit_distillation(*logits, temperature=2.0).value
        case "prediction":
            return objectives.tinybert_prediction(*logits, temperature=1.0, variant="code").value
        case "attention":
            pairs = [(scores(ours, i) + added, scores(theirs, g) + added) for i, g in enumerate(layers.attentions)]
            return sum(objectives.tinybert_attention(s, t, variant="code").value for s, t in pairs)
        case "hidden":
            states = enumerate(layers.hidden_states)
            pairs = [(rows(ours.hidden_states[i]), rows(theirs.hidden_states[g])) for i, g in states]
            return sum(objectives.tinybert_hidden(s, t).value for s, t in pairs)
        case "relation":
            pairs = [("queries", "keys"), ("values", "values")]
            sides = [[getattr(x, part)[-1].numpy() for x in (ours, theirs) for part in pair] for pair in pairs]
            return sum(objectives.minilm_relation(*s, MASK.numpy(), relation_heads=4).value for s in sides)
    kept = [x.hidden_states[-1][MASK].numpy() for x in (ours, theirs)]
    return objectives.distilbert_cosine(*kept).value


SECTIONS = {
    "hard": {"hard": 3.0},
    "logits": {"logits": {"weight": 3.0, "temperature": 2.0}},
    "prediction": {"prediction": {"weight": 3.0, "variant": "code"}},
    "attention": {"attention": {"weight": 3.0, "variant": "code"}},
    "hidden": {"hidden": {"weight": 3.0}},
    "relation": {"relation": {"weight": 3.0, "pairs": ["query-key", "value-value"], "relation_heads": 4}},
    "cosine": {"cosine": {"weight": 3.0}},
}


@pytest.mark.parametrize("name", SECTIONS)
def test_each_term_is_its_formula_times_its_factor(name):
    """On what two models of two and four layers compute for a padded batch; float64 against float64."""
    student, teacher, ours, theirs = observed()
    terms = Objective(section(**SECTIONS[name]), Sizes.of(student), Sizes.of(teacher))(ours, theirs, LABELS, MASK)

    assert list(terms) == [name]
    expected = 3 * by_formula(name, ours, theirs)
    assert abs(terms[name].item() - expected) <= 2.0**-40 * max(1, abs(expected))


@pytest.mark.parametrize(
    ("projection", "names"),
    [("paper", {"hidden.weight", "embeddings.weight"}), ("code", {"hidden.weight", "hidden.bias"})],
)
def test_projections_are_those_of_the_paper_or_of_the_code(projection, names):
    """One a kind of state without bias, or one for all with bias; each of them learns."""
    student, _, ours, theirs = observed()
    objective = Objective(section(hidden={"projection": projection}), Sizes.of(student), Sizes(4, 2, 8)).double()
    objective(ours, theirs, LABELS, MASK)["hidden"].backward()

    assert {name.removeprefix("projections.") for name, _ in objective.named_parameters()} == names
    assert all(bool(parameter.grad.any()) for parameter in objective.parameters())


def test_the_embeddings_can_be_left_out():
    """What is then missing from the sum is the first hidden state's loss."""
    student, teacher, ours, theirs = observed()
    with_them, without = (
        Objective(section(hidden={"embeddings": embeddings}), Sizes.of(student), Sizes.of(teacher))
        for embeddings in (True, False)
    )
    first = objectives.tinybert_hidden(rows(ours.hidden_states[0]), rows(theirs.hidden_states[0])).value

    difference = with_them(ours, theirs, LABELS, MASK)["hidden"] - without(ours, theirs, LABELS, MASK)["hidden"]

    assert abs(difference.item() - first) <= 2.0**-40 * max(1, first)
    assert first > 0.01


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"hard"}))
def test_a_student_that_is_its_teacher_loses_nothing(name):
    """But the cross entropies, which end at the entropy of the labels or of the teacher."""
    student, teacher, ours, theirs = observed(4, (0, 1, 2, 3), seed=0)
    objective = Objective(section(**SECTIONS[name]), Sizes.of(student), Sizes.of(teacher))
    value = objective(ours, theirs, LABELS, MASK)[name].item()

    assert value > 0.1 if name == "prediction" else abs(value) <= 2.0**-40


def test_training_on_all_of_them_lowers_each():
    """Thirty steps of Adam from the teacher's layers 0 and 3, on one batch."""
    teacher = tiny_classifier(4)
    student = make_student(teacher, (0, 3)).double()
    fields = {key: value for name in SECTIONS for key, value in SECTIONS[name].items() if name != "hard"}
    objective = Objective(section(**fields), Sizes.of(student), Sizes.of(teacher))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    with torch.no_grad():
        theirs = observe(teacher, **batch())
    history = []
    for _ in range(30):
        terms = objective(observe(student, **batch()), theirs, LABELS, MASK)
        history.append({name: term.item() for name, term in terms.items()})
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()

    assert set(history[0]) == set(SECTIONS) - {"hard"}
    assert all(history[-1][name] < history[0][name] for name in history[0])


@pytest.mark.parametrize(
    ("fields", "student", "error", "match"),
    [
        ({"attention": {}}, Sizes(3, 2, 8), RangeError, "^distillation: tinybert_layer_map: the teacher has 4 layers"),
        ({"hidden": {}}, Sizes(3, 2, 8), RangeError, "^distillation: tinybert_layer_map: the teacher has 4 layers"),
        ({"attention": {}}, Sizes(2, 4, 8), ShapeError, "distillation.attention: the student's heads is 4"),
        ({"hidden": {}}, Sizes(2, 2, 4), ShapeError, "distillation.hidden: the student's hidden is 4"),
        ({"cosine": {}}, Sizes(2, 2, 4), ShapeError, "distillation.cosine: the student's hidden is 4"),
        ({"relation": {"relation_heads": 3}}, Sizes(2, 2, 8), ShapeError, "relation_heads is 3; expected a number"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(fields, student, error, match):
    """Layers that do not divide, and sizes that differ."""
    with refused(error, match):
        Objective(section(**fields), student, Sizes(4, 2, 8))
