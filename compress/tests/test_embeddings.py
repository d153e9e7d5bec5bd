"""Files that measure embeddings: the sets, the model in every recipe, the intervals, and what is written."""

from __future__ import annotations

import importlib.metadata
import json
import re
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from refusal import refused
from scipy import stats
from tiny_classifier import tiny_classifier
from word_piece import word_piece

import distilspec.fast
from distilspec.compress.collection import load_file
from distilspec.compress.embeddings import judgement, picture
from distilspec.compress.embeddings.encoder import Encoder
from distilspec.compress.embeddings.judgement import judge_pairs, judge_search
from distilspec.compress.embeddings.measure import measure
from distilspec.compress.embeddings.section import Embeddings, EveryRecipe, FirstSentence, Similarity, Squad
from distilspec.compress.embeddings.sets import JudgedPairs, Search, first_sentences, read_judged_pairs, read_search
from distilspec.compress.run import alone_in
from distilspec.compress.sections.pruning import Reconstruction
from distilspec.compress.sequence import run_file
from distilspec.compress.students import save_classifier
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import apply_recipe
from distilspec.reference.recipes.encoder_linears import dense_weight, is_encoder_linear
from distilspec.reference.recipes.unpack import unpack

ROOT = Path(__file__).parents[2]

FIELDS = {
    "kind": "embeddings",
    "name": "tiny",
    "model": "tiny",
    "recipes": ["fp32", "w8a8-static"],
    "sparsities": [0.0, 0.5],
    "max_length": 16,
    "calibration": {"file": "texts.csv", "rows": 8},
    "similarity": [{"name": "people", "texts": "documents.txt", "scores": "scores.txt"}],
    "retrieval": [{"kind": "first-sentence", "name": "rest", "file": "stories.txt"}],
    "outputs": {"folder": "out"},
}

TEXTS = [" ".join(words) for words in product(("a", "man", "food"), ("is", "eat"), ("eating", "food"))]


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a folder with a tiny model, twelve documents with scores, stories and texts; little is drawn."""
    monkeypatch.setattr(judgement, "DRAWS", 50)
    save_classifier(tmp_path / "tiny", tiny_classifier(dtype=torch.float32), word_piece(tmp_path))
    (tmp_path / "documents.txt").write_text("\n".join(TEXTS))
    scores = np.random.Generator(np.random.PCG64(1)).random((12, 12))
    np.savetxt(tmp_path / "scores.txt", scores)
    (tmp_path / "stories.txt").write_text("\n".join(f"{text}. {text} food" for text in TEXTS))
    (tmp_path / "texts.csv").write_text("text\n" + "\n".join(TEXTS))
    return tmp_path


def section_of(**fields):
    """Return the section of the tiny file with some fields replaced."""
    return Embeddings.model_validate(FIELDS | fields)


def squad(folder, data):
    """Write a file in SQuAD's form and return the section that names it."""
    (folder / "squad.json").write_text(json.dumps(data))
    return Squad(kind="squad", name="squad", file="squad.json", articles=2, questions=2)


def article(*paragraphs):
    """Return an article in SQuAD's form."""
    return {
        "paragraphs": [
            {"context": text, "qas": [{"question": one} for one in questions]} for text, *questions in paragraphs
        ]
    }


@pytest.mark.parametrize("recipe", get_args(EveryRecipe))
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_texts_are_embedded_as_the_program_says(source, recipe, sparsity):
    """To the bit what the engine answers of the program; the suite judges the engine."""
    encoder = Encoder.load("tiny", source, 16)
    plain = encoder.embed({"a": TEXTS}, Recipe.FP32, {})["a"]
    encoder = encoder.pruned(sparsity, (4, 1)) if sparsity else encoder
    ranges = encoder.ranges(TEXTS)
    # One length, so that all are read together as the engine reads them here.
    texts = TEXTS[::-1]
    got = encoder.embed({"one": texts[:1], "all": texts}, Recipe(recipe), ranges)["all"]

    made = apply_recipe(encoder.program, recipe, calibration=ranges)
    arrays = encoder.tokenizer.encode(texts)
    with distilspec.fast.compile(made) as engine:
        expected = engine.run({name: arrays[name] for name in made.inputs})["sentence_embedding"]
    np.testing.assert_array_equal(got, expected)
    if sparsity or recipe != "fp32":
        assert abs(got - plain[::-1]).max() > 1e-4


def test_texts_of_other_lengths_come_back_in_their_order(source):
    """Read together with others, sorted by length, each is the one that it is alone, and all have length 1."""
    encoder = Encoder.load("tiny", source, 16)
    texts = ["food", "a man is eating food", "a man", "is", "a food is a man"]
    together = encoder.embed({"a": texts}, Recipe.FP32, {})["a"]
    for row, text in enumerate(texts):
        nearest = np.argmax(together @ encoder.embed({"a": [text]}, Recipe.FP32, {})["a"][0])
        assert nearest == row


@pytest.fixture
def observed(source):
    """Return the tiny encoder pruned by least squares on twelve texts, and how many Linears were counted."""
    done = []
    section = Reconstruction(rows=12, rounds=2, damping=0.01)
    encoder = Encoder.load("tiny", source, 16).reconstructed(0.5, (4, 1), section, TEXTS, lambda: done.append(1))
    return encoder, len(done)


def test_least_squares_drop_blocks_and_change_the_others(source, observed):
    """Half of the blocks of each weight are zero, the rest is another than before, and nothing else has changed."""
    encoder, done = observed
    before = Encoder.load("tiny", source, 16).program
    after = unpack(encoder.program)

    linears = [step for step in before.steps if is_encoder_linear(step)]
    assert done == len(linears) == 18
    pruned = {step.inputs[1] for step in linears}
    assert {step.op for step in encoder.program.steps if is_encoder_linear(step)} == {"block_sparse_linear"}
    for step in linears:
        old, new = (dense_weight(program, found)[1] for program, found in ((before, step), (after, _of(after, step))))
        blocks = new.reshape(len(new) // 4, 4, -1).any(axis=1)
        assert np.count_nonzero(blocks) == blocks.size / 2
        assert not np.array_equal(new[new != 0], old[new != 0])
    for name in set(before.constants) - pruned:
        np.testing.assert_array_equal(encoder.program.constants[name], before.constants[name])


def _of(program, step):
    return next(found for found in program.steps if found.name == step.name)


def test_least_squares_keep_more_than_magnitude_does(source, observed):
    """The cosine to the dense embeddings, on the texts that were observed."""
    dense = Encoder.load("tiny", source, 16)
    plain, cut, replaced = (
        one.embed({"a": TEXTS}, Recipe.FP32, {})["a"] for one in (dense, dense.pruned(0.5, (4, 1)), observed[0])
    )
    assert (plain * replaced).sum() > (plain * cut).sum()


def test_both_ways_of_pruning_stand_in_one_table(source, monkeypatch):
    """A file that asks for more later keeps what is there, the model pruned by least squares too."""
    start = {"recipes": ["fp32"], "sparsities": [0.0, 0.5]}
    measure(section_of(**start), source, source / "out")
    before = json.loads((source / "out" / "embeddings.json").read_text())["models"]
    more = {"pruning": ["magnitude", "least-squares"], "reconstruction": {"rows": 8, "rounds": 1}}
    measure(section_of(**start, **more), source, source / "out")
    found = json.loads((source / "out" / "embeddings.json").read_text())["models"]

    assert [(one["sparsity"], one["pruning"]) for one in found] == [
        (0.0, None), (0.5, "magnitude"), (0.5, "least-squares")
    ]  # fmt: skip
    assert found[:2] == before
    assert found[1]["cosine"] != found[2]["cosine"]
    assert "| 50 %, least-squares | fp32 |" in (source / "out" / "embeddings.md").read_text()
    monkeypatch.setattr(Encoder, "reconstructed", None)
    fewer = {"recipes": ["fp32"], "sparsities": [0.5]}
    measure(section_of(**fewer, **more | {"pruning": ["least-squares"]}), source, source / "out")
    again = json.loads((source / "out" / "embeddings.json").read_text())["models"]
    assert again == [found[0], found[2]]


def test_agreement_with_people_is_scipys():
    """Above the diagonal only; what stands below is another number, or none."""
    generator = np.random.Generator(np.random.PCG64(0))
    embeddings = generator.standard_normal((12, 5)).astype(np.float32)
    scores = generator.random((12, 12)).round(1)
    found = judge_pairs(JudgedPairs(("text",) * 12, scores), embeddings, seed=0)

    upper = np.triu_indices(12, 1)
    cosines = (embeddings @ embeddings.T)[upper]
    # cosines of float32 against the same in float64
    assert found["Pearson"].value == pytest.approx(stats.pearsonr(cosines, scores[upper]).statistic, abs=1e-6)
    assert found["Spearman"].value == pytest.approx(stats.spearmanr(cosines, scores[upper]).statistic, abs=1e-6)
    assert found["Pearson"].interval().low < found["Pearson"].value < found["Pearson"].interval().high


def test_a_document_that_is_drawn_twice_is_no_pair_with_itself():
    """Else every draw would have pairs of cosine 1 and score 0, and the interval would miss the value."""
    angles = np.linspace(0, 3, 12)
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    scores = (embeddings @ embeddings.T).astype(np.float64)
    np.fill_diagonal(scores, -1)
    found = judge_pairs(JudgedPairs(("text",) * 12, scores), embeddings, seed=0)

    assert found["Pearson"].interval() == pytest.approx((1, 1, 1), abs=1e-6)


def test_a_search_counts_places():
    """1, 3 and 6 of six documents; one that is as near stands before the own."""
    documents = np.eye(6, dtype=np.float32)
    questions = np.float32([[9, 1, 1, 1, 1, 1], [3, 1, 2, 0, 0, 0], [2, 2, 2, 2, 2, 2]])
    found = judge_search(Search(("?",) * 3, ("text",) * 6, (0, 1, 2)), questions, documents, seed=0)

    assert found["R@1"].value == pytest.approx(1 / 3)
    assert found["R@5"].value == pytest.approx(2 / 3)
    assert found["MRR"].value == pytest.approx((1 + 1 / 3 + 1 / 6) / 3)


def test_a_difference_is_that_of_the_same_draws():
    """Its interval is as wide as theory says, and no wider than what differs."""
    generator = np.random.Generator(np.random.PCG64(0))
    documents = np.eye(400, dtype=np.float32)
    questions = np.eye(400, dtype=np.float32)
    questions[generator.permutation(400)[:100]] = 0
    other = questions.copy()
    other[np.flatnonzero(questions.any(axis=1))[:10]] = 0
    search = Search(("?",) * 400, ("text",) * 400, tuple(range(400)))
    one, two = (judge_search(search, asked, documents, seed=3)["R@1"] for asked in (questions, other))
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)

    assert one.interval() == pytest.approx((0.75, 0.75 - half, 0.75 + half), abs=half / 10)
    difference = two.interval(one)
    assert difference.value == pytest.approx(-0.025)
    # ten questions, give or take 1.96 of their square root
    assert difference == pytest.approx(
        (-0.025, -0.025 - 1.96 * 10**0.5 / 400, -0.025 + 1.96 * 10**0.5 / 400), abs=0.004
    )
    assert one.interval(one) == (0, 0, 0)


def test_scores_and_documents_are_read(source):
    """Lines in their order; every number of the square."""
    pairs = read_judged_pairs(Similarity(**FIELDS["similarity"][0]), source)

    assert pairs.texts == tuple(TEXTS)
    np.testing.assert_array_equal(pairs.scores, np.loadtxt(source / "scores.txt"))


@pytest.mark.parametrize(
    ("scores", "error", "match"),
    [
        ("1 2\n3 x\n", FormatError, "expected a square of numbers"),
        ("1 2\n3 4\n", FormatError, r"shape \(2, 2\); expected finite ones, 12 in each direction"),
        ("nan " * 12 + "\n", FormatError, "expected finite ones"),
        ((("0 " * 12) + "\n") * 12, RangeError, "12 documents and 1 different scores; expected 10"),
    ],
)
def test_scores_that_are_none_are_refused(source, scores, error, match):
    """No numbers, too few, not finite, or all alike, so that nothing correlates."""
    (source / "scores.txt").write_text(scores)
    with refused(error, match):
        read_judged_pairs(Similarity(**FIELDS["similarity"][0]), source)


def test_files_that_are_not_there_are_refused(source):
    """Texts, scores, a search set, a package."""
    fields = FIELDS["similarity"][0]
    for change in ({"texts": "absent.txt"}, {"scores": "absent.txt"}):
        with refused(FormatError, "absent.txt.*; expected"):
            read_judged_pairs(Similarity(**fields | change), source)
    with refused(FormatError, "absent.json: No such file or directory; expected a readable JSON file"):
        read_search(Squad(kind="squad", name="squad", file="absent.json"), source, seed=0)
    with refused(FormatError, "expected a text in utf-8 with a document a line"):
        (source / "latin.txt").write_bytes(b"a \xa3\n")
        read_search(FirstSentence(kind="first-sentence", name="x", file="latin.txt"), source, seed=0)
    with refused(UnsupportedError, "pip install --no-deps no-such-texts"):
        read_search(FirstSentence(kind="first-sentence", name="x", package="no-such-texts", file="a"), source, seed=0)


def test_the_first_sentence_asks_for_the_rest(tmp_path):
    """Every text once; a text of one sentence asks nothing."""
    found = first_sentences((" A b c. D e! F?", "One only.", "a B c. d e! f?", "G. H"))

    assert found == Search(("A b c.", "G."), ("D e! F?", "H"), (0, 1))
    with refused(RangeError, "0 questions and 0 documents; expected at least 1 and 2"):
        (tmp_path / "one.txt").write_text("A b c.")
        read_search(FirstSentence(kind="first-sentence", name="x", file="one.txt"), tmp_path, seed=0)


def test_questions_of_squads_form_are_drawn_by_words(source):
    """Equal paragraphs are one; the third article is left out; the seed decides."""
    data = {
        "data": [
            article(("One.", "who?", "when?"), ("Two.", "where?")),
            article(("One.", "why?")),
            article(("Three.", "how?")),
        ]
    }
    section = squad(source, data)
    drawn = {seed: read_search(section, source, seed=seed) for seed in range(6)}

    assert {found.documents for found in drawn.values()} == {("One.", "Two.")}
    asked = {question for found in drawn.values() for question in found.questions}
    assert asked <= {"who?", "when?", "where?", "why?"}
    assert len({found.questions for found in drawn.values()}) > 1
    for found in drawn.values():
        assert len(found.questions) == 2
        assert all(
            (answer == 1) == (one == "where?") for one, answer in zip(found.questions, found.answers, strict=True)
        )


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ({}, FormatError, "data is None; expected a list"),
        ({"data": [{}]}, FormatError, "has no paragraphs; expected one"),
        ({"data": [article(("", "who?"))]}, FormatError, "context is ''; expected a text"),
        (
            {"data": [article(("One.", "who?"), ("Two.",))]},
            RangeError,
            "2 questions are to be drawn; expected at most 1",
        ),
        ({"data": [article(("One.", "who?", "when?"))]}, RangeError, "2 questions and 1 documents"),
    ],
)
def test_what_has_not_squads_form_is_refused(source, data, error, match):
    """A key that is absent, an empty text, too few questions, one paragraph."""
    with refused(error, f"squad.json: .*{match}"):
        read_search(squad(source, data), source, seed=0)


def test_everything_is_measured_and_written(source, monkeypatch):
    """The dense model first; what is embedded already is not again, and gives the same bytes."""
    measure(section_of(), source, source / "out")
    names = ("embeddings.json", "embeddings.md", "embeddings.svg")
    written = {name: (source / "out" / name).read_bytes() for name in names}
    result = json.loads(written["embeddings.json"])
    assert [(one["sparsity"], one["recipe"]) for one in result["models"]] == [
        (0.0, "fp32"),
        (0.0, "w8a8-static"),
        (0.5, "fp32"),
        (0.5, "w8a8-static"),
    ]
    dense, quantised, pruned, _ = result["models"]
    assert list(dense["measures"]) == ["people Pearson", "people Spearman", "rest R@1", "rest R@5", "rest MRR"]
    assert dense["cosine"] == pytest.approx(1, abs=1e-6)
    assert dense["measures"]["rest MRR"]["difference"] == {"value": 0, "low": 0, "high": 0}
    assert 1 - quantised["cosine"] > 1e-6
    assert pruned["cosine"] < quantised["cosine"]
    one = quantised["measures"]["people Pearson"]
    assert one["difference"]["value"] == pytest.approx(
        one["value"]["value"] - dense["measures"]["people Pearson"]["value"]["value"]
    )
    assert "| 50 %, magnitude | w8a8-static |" in written["embeddings.md"].decode()
    assert (source / "out" / "embeddings.svg").read_text().startswith("<?xml")

    monkeypatch.setattr(Encoder, "embed", None)
    measure(section_of(), source, source / "out")
    assert written == {name: (source / "out" / name).read_bytes() for name in names}


def test_a_pruned_model_is_measured_against_the_dense_one_that_is_not_named(source):
    """In float32, whatever recipes are named."""
    measure(section_of(recipes=["w8a32"], sparsities=[0.5], calibration=None), source, source / "out")

    models = json.loads((source / "out" / "embeddings.json").read_text())["models"]
    assert [(one["sparsity"], one["recipe"]) for one in models] == [(0.0, "fp32"), (0.5, "w8a32")]


def test_what_cannot_be_measured_is_refused(source, monkeypatch):
    """Other results, another process, too few texts, blocks that do not divide, a file for a folder, no matplotlib."""
    kept = {"recipes": ["fp32"], "sparsities": [0.0]}
    measure(section_of(**kept), source, source / "out")
    for change in ({"max_length": 8}, {"block_shape": (4, 4)}, {"seed": 1}, {"similarity": []}):
        with refused(FormatError, f"out: it holds results of a file with another {next(iter(change))}; expected"):
            measure(section_of(**kept, **change), source, source / "out")
    told = (source / "out" / "pipeline.json").read_bytes()
    with alone_in(source / "out"), refused(UnsupportedError, "out: another process works in it; expected to be alone"):
        measure(section_of(**kept, pruning=["least-squares"], reconstruction={}), source, source / "out")
    assert (source / "out" / "pipeline.json").read_bytes() == told
    with refused(FormatError, "texts.csv: 12 rows to calibrate on; expected 13"):
        measure(section_of(calibration={"file": "texts.csv", "rows": 13}), source, source / "again")
    with refused(ShapeError, r"expected .* because"):
        measure(section_of(block_shape=(5, 1)), source, source / "third")
    with refused(FormatError, "expected a folder that can be made"):
        measure(section_of(), source, source / "texts.csv")
    monkeypatch.setattr(picture, "find_spec", lambda _: None)
    with refused(UnsupportedError, r"pip install 'distilspec\[bench\]'"):
        measure(section_of(), source, source / "fourth")


def test_a_file_of_measurements_runs_as_a_pipeline_does(source):
    """By its ``kind``; it has no stages."""
    path = source / "tiny.yaml"
    path.write_text(yaml.safe_dump(FIELDS | {"recipes": ["fp32"], "sparsities": [0.0]}))
    with refused(RangeError, "stage distil: .*expected no stage"):
        run_file(path, stage="distil", out=source / "out")
    run_file(path, out=source / "out")

    assert (source / "out" / "embeddings.md").exists()


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"recipe": "fp32"}, "'recipe' is no key here; expected one of kind, name, seed"),
        ({"kind": "embedding"}, "kind is 'embedding'; expected 'embeddings'"),
        ({"sparsities": [1.0]}, "sparsities.0 is 1.0; expected less than 1"),
        ({"recipes": ["int8"]}, "recipes.0 is 'int8'; expected"),
        ({"calibration": None}, "calibration is absent; expected texts"),
        ({"pruning": ["least-squares"]}, "pruning has least-squares, and reconstruction or calibration is absent"),
        ({"similarity": [], "retrieval": []}, "the sets are none; expected one or more"),
        ({"retrieval": [FIELDS["retrieval"][0] | {"name": "people"}]}, "the sets are people, people; expected"),
        ({"retrieval": [{"kind": "last-sentence", "name": "x", "file": "y"}]}, "retrieval.0 is .*; expected"),
    ],
)
def test_a_file_that_measures_nothing_is_refused(tmp_path, fields, match):
    """One line."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(FIELDS | fields))
    with refused(FormatError, match):
        load_file(path)


def test_every_field_is_documented():
    """In the JSON schema, and in the same words in ``docs/compress.md``."""
    page = (ROOT / "docs" / "compress.md").read_text(encoding="utf-8")
    schema = Embeddings.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        for name, field in part["properties"].items():
            if name != "kind":
                assert re.search(rf"\| `{name}` \| .* \| {re.escape(field['description'])} \|", page), name


def test_the_repositorys_file_names_sets_that_are_there():
    """50 documents with 1,225 judged pairs, and 293 different stories; skipped without the package."""
    try:
        importlib.metadata.version("gensim")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("gensim is not installed")
    found = load_file(ROOT / "pipelines" / "embeddings.yaml")
    assert isinstance(found, Embeddings)
    pairs = read_judged_pairs(found.similarity[0], ROOT)
    search = read_search(found.retrieval[0], ROOT, seed=0)

    assert (len(pairs.texts), pairs.scores.shape) == (50, (50, 50))
    assert "Brian Greig" in pairs.texts[0]
    assert len(set(search.documents)) == len(search.documents) == len(search.questions) == 293
