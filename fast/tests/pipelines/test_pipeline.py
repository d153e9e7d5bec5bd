"""What holds for every task: models, heads, options, batches, recipes, threads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checkpoints import VOCABULARY, checkpoint
from refusal import refused
from tiny_result import inputs_of, tiny_result

from distilspec.fast import compile, pipeline
from distilspec.fast.pipelines import TASKS
from distilspec.reference.contract.errors import DTypeError, FormatError, RangeError, UnsupportedError
from distilspec.reference.formats import load_model

KINDS = {
    "feature-extraction": "BertModel",
    "text-classification": "DistilBertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "DistilBertForQuestionAnswering",
    "fill-mask": "BertForMaskedLM",
}
TEXTS = ["the [MASK] man", "unhappy [MASK] wolfgang is eating food in berlin", "[MASK]", "[MASK] lives in the food"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return a checkpoint for every task."""
    return {task: checkpoint(tmp_path_factory.mktemp("task"), kind) for task, kind in KINDS.items()}


def answers(made, task, **options):
    """Return the answers to ``TEXTS``."""
    if task == "question-answering":
        return made(question=["where"] * len(TEXTS), context=TEXTS, **options)
    return made(TEXTS, **options)


@pytest.mark.parametrize("task", KINDS)
def test_batches_change_no_answer(folders, task):
    """Nor a bit of a number, of any size, of unequal texts: no padding is in it, and the order is that of the texts."""
    with pipeline(task, folders[task]) as made:
        one_by_one = answers(made, task)
        for batch_size in (2, 3, 64):
            assert answers(made, task, batch_size=batch_size) == one_by_one
        if task != "question-answering":
            alone = [made(text) for text in TEXTS]
            assert alone == [[one] if task == "text-classification" else one for one in one_by_one]


@pytest.mark.parametrize("task", KINDS)
def test_threads_may_share_a_pipeline(folders, task):
    """Texts that are cut and texts that are not, at once, and each has its answer."""
    with pipeline(task, folders[task], backend="numpy") as made, ThreadPoolExecutor(4) as pool:
        expected = answers(made, task)
        assert all(got == expected for got in pool.map(lambda _: answers(made, task), range(24)))


@pytest.mark.parametrize("task", KINDS)
def test_the_native_engine_gives_the_same_answers(folders, task):
    """Words and labels of kernels made for this processor; numbers are judged elsewhere."""

    def words(answer):
        if isinstance(answer, dict):
            return {key: value for key, value in answer.items() if key != "score"}
        return [words(one) for one in answer] if isinstance(answer, list) else None

    with pipeline(task, folders[task]) as native, pipeline(task, folders[task], backend="numpy") as portable:
        assert words(answers(native, task, batch_size=3)) == words(answers(portable, task))


@pytest.mark.parametrize("recipe", ["w8a8-static", "w8a8-dynamic-token", "w8a32"])
def test_recipes_and_sparsity_reach_the_engine(folders, recipe):
    """Features move, by less than they are large."""
    task, folder = "feature-extraction", folders["feature-extraction"]
    options = {"backend": "numpy", "return_tensors": "np"}
    plain = pipeline(task, folder, **options)(TEXTS[1])
    quantised = pipeline(task, folder, recipe=recipe, calibration=TEXTS, **options)
    pruned = pipeline(task, folder, recipe=recipe, calibration=TEXTS, sparsity=0.5, block_shape=(4, 4), **options)

    assert quantised.engine.recipe == recipe
    assert 0 < np.abs(quantised(TEXTS[1]) - plain).max() < np.abs(plain).max()
    assert not np.array_equal(pruned(TEXTS[1]), quantised(TEXTS[1]))


@pytest.mark.parametrize("recipe", [None, "w8a8-static"])
def test_what_compress_has_made_is_run_as_it_is_saved(recipe, tmp_path):
    """The engine that ``compile`` gives, with the ranges that were saved, whose scores are no others'."""
    result = tiny_result(tmp_path)
    given = inputs_of(result.program("fp32", []))
    for folder in (result.folder, str(result.student)):
        with pipeline("text-classification", folder, recipe=recipe) as made, compile(folder, recipe=recipe) as engine:
            assert made.engine.recipe == engine.recipe == (recipe or "fp32")
            np.testing.assert_array_equal(made.engine.run(given)["logits"], engine.run(given)["logits"])
            assert made.engine.survivors() == engine.survivors()
            assert 0 < made("the man")[0]["score"] < 1


def test_a_saved_program_with_another_head_is_left_alone(tmp_path):
    """As are all where texts or a sparsity are given: then the student is compressed once more."""
    folder = tiny_result(tmp_path).folder
    with pipeline("feature-extraction", folder, return_tensors="np") as made:
        assert made("the man").shape == (1, 4, 16)
    with refused(RangeError, "calibration: no texts; expected some, because w8a8-static takes its ranges from them"):
        pipeline("feature-extraction", folder, recipe="w8a8-static")
    given = inputs_of(load_model(folder).program)
    options = {"recipe": "w8a8-static", "backend": "numpy"}
    with pipeline("text-classification", folder, **options) as saved:
        expected = saved.engine.run(given)["logits"]
    with pipeline("text-classification", folder, **options, calibration=["the man"]) as made:
        assert not np.array_equal(made.engine.run(given)["logits"], expected)


def test_a_model_may_be_given_in_place_of_its_folder(folders):
    """And by both words that Transformers has for two tasks."""
    for task, other in (("text-classification", "sentiment-analysis"), ("token-classification", "ner")):
        made = pipeline(other, load_model(folders[task]), backend="numpy")
        assert made(TEXTS[0]) == pipeline(task, str(folders[task]), backend="numpy")(TEXTS[0])


def test_unknown_tasks_and_options_are_refused(folders):
    """Before the model is read."""
    with refused(UnsupportedError, "task is 'translation'; expected one of feature-extraction, text-classification"):
        pipeline("translation", "no such folder")
    with refused(UnsupportedError, "text-classification: there is no option 'topk'; expected one of batch_size, top_k"):
        pipeline("text-classification", "no such folder", topk=3)
    with refused(RangeError, "batch_size is 0"):
        pipeline("fill-mask", "no such folder", batch_size=0)
    with refused(FormatError, "there is no such folder"):
        pipeline("fill-mask", "no such folder")
    with refused(UnsupportedError, "backend 'torch' does not exist"):
        pipeline("fill-mask", folders["fill-mask"], backend="torch")


@pytest.mark.parametrize("task", [task for task in KINDS if task != "feature-extraction"])
def test_a_model_with_another_head_is_refused(folders, task):
    """Even one whose weights would fit."""
    head = TASKS[task].head
    for other, folder in folders.items():
        if other != task:
            with refused(UnsupportedError, f"{task}: model .* has the head {TASKS[other].head}; expected {head}"):
                pipeline(task, folder)
    with refused(DTypeError, "the model is a Program; expected a Model or its name or folder"):
        pipeline(task, load_model(folders[task]).program)
    with refused(UnsupportedError, "has the head masked-lm; expected feature-extraction"):
        pipeline("feature-extraction", load_model(folders["fill-mask"]))


def test_ids_that_the_model_does_not_have_are_refused(tmp_path):
    """A tokenizer with more words than the model."""
    folder = checkpoint(tmp_path, "BertModel", vocab_size=len(VOCABULARY) - 5)
    with refused(RangeError, "text 1 gives id"):
        pipeline("feature-extraction", folder, backend="numpy")(["the man", "x9"])


def test_transformers_is_not_imported():
    """Nor torch, by all that the tasks import."""
    code = (
        "import sys; from distilspec.fast import pipeline; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
