"""Pipeline files: what they may say, and the one line that refuses the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from refusal import refused

from distilspec.compress.collection import Collection
from distilspec.compress.pipeline import Pipeline, load_pipeline
from distilspec.compress.sections.distillation import Logits
from distilspec.compress.sections.pruning import Cubic
from distilspec.reference.contract.errors import FormatError

LEAST = """
name: small
data:
  file: reviews.csv
  labels: {0: bad, 1: good}
teacher: {model: minilm}
outputs: {folder: out/small}
"""

PRUNING = "pruning: {sparsity: 0.8, schedule: {kind: cubic}"


@pytest.fixture
def read(tmp_path):
    """Return a function that loads a pipeline from text."""

    def load(text):
        path = tmp_path / "pipeline.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_pipeline(path)

    return load


def test_what_is_not_said_has_a_default(read):
    """Numbers as keys are the texts that a CSV file holds."""
    pipeline = read(LEAST)

    assert pipeline.data.labels == {"0": "bad", "1": "good"}
    assert pipeline.student.layers == "all"
    assert pipeline.pruning is None
    assert pipeline.distillation.logits == Logits(weight=0.5, temperature=2.0)


def test_everything_can_be_said(read):
    """One of each section; a list is a block shape."""
    pipeline = read(
        LEAST
        + "student: {layers: [0, 2, 5], training: {epochs: 2, rewind: true}}\n"
        + PRUNING
        + ", block_shape: [16, 4], scope: global}\n"
        + "distillation: {hard: 0, hidden: {projection: code}, relation: {pairs: [query-key]}, cosine: {}}\n"
        + "quantisation: {recipes: [w8a8-dynamic, w7a8-static], budget: 0.2,"
        + " finishing: {recipe: w7a8-static, training: {epochs: 1}}}\n"
    )

    assert pipeline.student.layers == [0, 2, 5]
    assert pipeline.pruning.block_shape == (16, 4)
    assert pipeline.pruning.schedule == Cubic(kind="cubic", begin=0.0, end=0.6, every=20)
    assert pipeline.distillation.logits is None
    assert pipeline.distillation.relation.pairs == ["query-key"]
    assert pipeline.quantisation.recipes == ["w8a8-dynamic", "w7a8-static"]
    assert pipeline.quantisation.budget == 0.2
    assert pipeline.quantisation.finishing.recipe == "w7a8-static"
    assert pipeline.quantisation.finishing.training.epochs == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (LEAST + "prunning: {}\n", "the file: 'prunning' is no key here; expected one of name, seed, hours"),
        (LEAST + PRUNING + ", sparsty: 0.1}\n", "pruning: 'sparsty' is no key here; expected one of structure"),
        (LEAST + "pruning: {sparsity: 0.8}\n", "pruning.schedule is absent; expected it"),
        (
            LEAST + "pruning: {sparsity: 1.0, schedule: {kind: cubic}}\n",
            "pruning.sparsity is 1.0; expected less than 1 because it means: Share of the blocks, heads or neurons",
        ),
        (LEAST + "pruning: {sparsity: -1, schedule: {kind: cubic}}\n", "pruning.sparsity is -1; expected greater than"),
        (LEAST + "pruning: {sparsity: .nan, schedule: {kind: cubic}}\n", "expected texts, finite numbers"),
        (
            LEAST + "pruning: {sparsity: '0.8', schedule: {kind: cubic}}\n",
            "pruning.sparsity is '0.8'; expected a number because",
        ),
        (LEAST + PRUNING + ", block_shape: [4]}\n", "pruning.block_shape.1 is absent"),
        (LEAST + PRUNING + ", block_shape: [0, 1]}\n", "pruning.block_shape.0 is 0; expected greater than"),
        (
            LEAST + PRUNING + ", block_shape: [4, 1, 1]}\n",
            r"pruning.block_shape is \[4, 1, 1\]; expected no more than 2 entries because",
        ),
        (
            LEAST + PRUNING + ", structure: head, scope: global}\n",
            "pruning: scope is global and structure head; expected",
        ),
        *(
            (
                LEAST + f"pruning: {{sparsity: 0.8, schedule: {schedule}}}\n",
                r"pruning.schedule is .*; expected a mapping whose kind is cubic, distiller, one-shot or pattern-lock "
                "because it means: How the sparsity is reached$",
            )
            for schedule in ("{}", "{kind: linear}")
        ),
        (LEAST + "pruning: {sparsity: 0.8, schedule: cubic}\n", "pruning.schedule is 'cubic'; expected a mapping"),
        (
            LEAST + "pruning: {sparsity: 0.8, schedule: {kind: cubic, begin: 0.7}}\n",
            "pruning.schedule: begin is 0.7 and end 0.6; expected begin < end",
        ),
        (
            LEAST + "pruning: {sparsity: 0.01, schedule: {kind: distiller}}\n",
            "pruning: sparsity is 0.01; expected more than the schedule's initial 0.05",
        ),
        (
            LEAST.replace("  labels", "  test_rows: all\n  labels"),
            "data: test_rows is all and test_file absent; expected a number",
        ),
        (
            LEAST.replace("  labels", "  where: {a: []}\n  labels"),
            r"data.where.a is \[\]; expected a text or 1 or more entries because it means: Columns, and the only value",
        ),
        (LEAST.replace("  labels", "  where: {a: [1]}\n  labels"), "data.where.a.0 is 1; expected a text because"),
        (
            LEAST.replace(", 1: good", ""),
            "data.labels is {'0': 'bad'}; expected 2 or more entries because it means: Name",
        ),
        (LEAST.replace("1: good", "1: 2"), "data.labels.1 is 2; expected a text because"),
        (
            LEAST.replace("  labels", "  test_rows: some\n  labels"),
            "data.test_rows is 'some'; expected a whole number or 'all' because it means: Rows by which",
        ),
        (LEAST + "distillation: {hard: 0}\n", "distillation: hard is 0 and no loss is named; expected"),
        (
            LEAST + "quantisation: {recipe: w8a8-static}\n",
            "quantisation: 'recipe' is no key here; expected one of recipes, calibration",
        ),
        (LEAST + "quantisation: {recipes: []}\n", "quantisation.recipes is .*; expected"),
        (LEAST + "quantisation: {recipes: [fp32]}\n", "quantisation.recipes.0 is 'fp32'; expected"),
        (
            LEAST + "quantisation: {recipes: [w8a32, w8a32]}\n",
            "quantisation: recipes are w8a32, w8a32; expected each once",
        ),
        (
            LEAST + "quantisation: {recipes: [w8a32], finishing: {recipe: w7a8-static}}\n",
            "quantisation: finishing.recipe is w7a8-static and recipes are w8a32; expected one of them because no",
        ),
        (LEAST + "quantisation: {finishing: {}}\n", "quantisation.finishing.recipe is absent"),
        (LEAST + "quantisation: {finishing: {recipe: fp32}}\n", "quantisation.finishing.recipe is 'fp32'; expected"),
        (
            LEAST + "student: {layers: []}\n",
            r"student.layers is \[\]; expected 1 or more entries or a whole number or 'all'",
        ),
        (
            LEAST + "student: {layers: some}\n",
            "student.layers is 'some'; expected a list or a whole number or 'all' because it means: Teacher layers to",
        ),
        (
            LEAST + "quantisation: {percentile: 99}\n",
            "quantisation: percentile is 99.0 and calibration minmax; expected calibration percentile because no other",
        ),
        (
            LEAST + "quantisation: {sigmas: 3, calibration: percentile}\n",
            "quantisation: sigmas is 3.0 and calibration percentile; expected calibration mean-sigma because no other",
        ),
        (
            LEAST + "quantisation: {percentile: 50, calibration: percentile}\n",
            "quantisation.percentile is 50; expected",
        ),
        (LEAST + "student: {layers: [0, x]}\n", "student.layers.1 is 'x'; expected a whole number because"),
        (LEAST + "distillation: 3\n", "distillation is 3; expected a mapping because"),
        (LEAST.replace("small", "Small", 1), r"name is 'Small'; expected a text of the form \^\[a-z0-9\]"),
        (LEAST + "seed: 1\nseed: 2\n", "a key stands twice"),
        (LEAST + "seed: true\n", "seed is True; expected a whole number because it means: Of heads"),
        ("name: &a x\nseed: *a\n", "an alias is not allowed"),
        ("name: !!python/object/apply:os.system [ls]\n", "expected YAML"),
        ("[" * 5000, "expected YAML"),
        ("name: 2026-13-45\n", "month must be in 1..12; expected YAML"),
        ("seed: " + "9" * 5000 + "\n", "expected YAML"),
        ("seed: !!bool maybe\n", "'maybe'; expected YAML"),
        ("- a\n", r"the file is \['a'\]; expected a mapping$"),
        ("", "the file is None; expected a mapping$"),
        ("day: 2026-11-21\n", "expected texts, finite numbers"),
        (b"\xff", "expected a readable YAML file"),
        ("#" * 200_000, "larger than 100,000 characters"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused_in_one_line(read, text, match):
    """Unknown keys, impossible values, contradictions, and YAML that is none or hostile."""
    with refused(FormatError, match):
        read(text)


def test_what_is_the_default_is_not_in_the_names_of_results(read):
    """A field that is new has a default, and leaves no trace: a run that an earlier version began goes on."""
    plain = read(LEAST + "quantisation: {}\n")
    assert json.loads(plain.model_dump_json(exclude_defaults=True))["quantisation"] == {}
    said = read(LEAST + "quantisation: {percentile: 99.999, sigmas: 6, calibration: minmax}\n")
    assert said.model_dump_json(exclude_defaults=True) == plain.model_dump_json(exclude_defaults=True)
    other = read(LEAST + "quantisation: {percentile: 99.9, calibration: percentile}\n")
    assert '"percentile":99.9' in other.model_dump_json(exclude_defaults=True)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With its path."""
    with refused(FormatError, "absent.yaml: .*; expected a readable YAML file"):
        load_pipeline(tmp_path / "absent.yaml")


def test_every_field_of_every_section_is_documented():
    """In the JSON schema, which editors show, and in the same words in ``docs/compress.md``."""
    page = (Path(__file__).parents[2] / "docs" / "compress.md").read_text(encoding="utf-8")
    schema = Pipeline.model_json_schema()
    other = Collection.model_json_schema()
    sections = [schema, other, *schema["$defs"].values(), *other["$defs"].values()]

    assert len(sections) > 15
    for section in sections:
        assert section["description"]
        assert section["additionalProperties"] is False
        for name, field in section["properties"].items():
            if name != "kind":
                meaning = re.escape(field.get("description", "")) or ".*"
                assert re.search(rf"\| `{name}` \| .* \| {meaning} \|", page), name
                assert "description" in field or "$ref" in field, name
