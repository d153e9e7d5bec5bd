"""
Whole models to judge runtimes on: trained ones by name, and random ones of shapes that runtimes are not tuned for.

A random model is named ``random-FAMILY-NUMBER``. The number chooses the shape; the first twelve have every head and
activation, one head and three, heads of odd size, widths that are no multiple of 16, and a single layer. The seed
chooses weights and texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.check import MOST_UNDECIDED
from distilspec.conformance.decisions import choices
from distilspec.conformance.subject import Subject, compress, prepare
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.named_models import compressed_of, load_model
from distilspec.reference.formats.tokenizer import Text, Tokenizer
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig, Config, DistilBertConfig
from distilspec.reference.models.heads import HEADS

#: Two texts that differ in one word.
Pair: TypeAlias = tuple[Text, Text]

#: The names of random models: ``random-bert-0`` and so on.
RANDOM = re.compile(r"random-(?P<family>distilbert|bert|tinybert)-(?P<number>0|[1-9][0-9]{0,5})")

#: Lists from which a number takes an entry each, going round; their lengths differ, so that the entries meet anew.
ATTENTION = ((3, 8), (1, 16), (4, 5), (2, 7), (12, 4))  # number of heads, size of each
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu")
INTERMEDIATE_SIZES = (40, 64, 33, 48, 17, 96, 20)
NUM_LAYERS = (2, 1, 3)
MAX_POSITIONS = (24, 40)
NUM_LABELS = (3, 2)

#: A tokenizer of 135 words, in lower case.
TOKENIZER = Path(__file__).with_name("tokenizer.json")
VOCABULARY, FIRST_WORD = 135, 5

#: Pairs of texts that differ in one word, so that which other text is nearest is a decision and not a toss-up; they are
#: the clearest of so many that are drawn.
PAIRS, DRAWN = 4, 20

#: So many positions are left over by the longest text, for padding.
ROOM = 2

#: Texts that calibrate a static recipe; none of them is judged.
CALIBRATION = 24


def model_subject(
    name: str,
    recipe: Recipe | str = Recipe.FP32,
    *,
    sparsity: float = 0.0,
    block_shape: tuple[int, int] = (4, 1),
    seed: int = 0,
) -> Subject:
    """
    Return a model to judge runtimes on, under a recipe.

    Parameters
    ----------
    name : str
        ``random-FAMILY-NUMBER`` with the family bert, distilbert or tinybert, or what ``load_model`` takes.
    recipe : Recipe, or its name
    sparsity : float
        Share of the blocks of the encoder's weights that are pruned.
    block_shape : (int, int)
        The widths of a small random model are rounded up to multiples of it if it is pruned.
    seed : int
        Chooses weights and texts of a random model.

    Raises
    ------
    ContractError
        As ``load_model``, ``prune`` and ``apply_recipe`` do.
    """
    if not RANDOM.fullmatch(name):
        return prepare(
            load_model(name), Recipe(recipe), sparsity=sparsity, block_shape=block_shape, result=compressed_of(name)
        )
    model = random_model(name, seed, divisor=math.lcm(*block_shape) if sparsity else 1)
    calibration = [text for pair in _pairs(Draw(f"{model.name} calibration"), model, CALIBRATION // 2) for text in pair]
    program = compress(model, Recipe(recipe), sparsity=sparsity, block_shape=block_shape, calibration=calibration)
    *mixed, single = _clearest(model, _pairs(Draw(f"{model.name} texts"), model, DRAWN), PAIRS + 1)
    texts = {"mixed": [text for pair in mixed for text in pair], "single": single[:1]}
    batches = {batch: model.encode(encoded) for batch, encoded in texts.items()}
    title = model.name + (f"-sparse-{block_shape[0]}x{block_shape[1]}" if sparsity else "")
    return Subject(title, program, batches, model)


def random_model(name: str, seed: int = 0, *, divisor: int = 1) -> Model:
    """
    Return a model with random weights of a trained model's scale, and a tokenizer for it.

    Parameters
    ----------
    name : str
    seed : int
    divisor : int
        Widths of a small model are rounded up to multiples of it.

    Raises
    ------
    RangeError
        The name is not that of a random model.
    """
    found = RANDOM.fullmatch(name)
    if found is None:
        raise RangeError(f"model {name:.60}: no such random model; expected random-bert-0, random-distilbert-1, ...")
    number = int(found["number"])
    config, head = _shape(found["family"], number, divisor)
    title = name if seed == 0 else f"{name}-seed-{seed}"
    weights = random_weights(config, head, seed)
    labels = tuple(f"LABEL_{index}" for index in range(config.num_labels)) if "classification" in head else ()
    tokenizer = Tokenizer(TOKENIZER, max_positions=config.max_positions, vocab_size=config.vocab_size)
    return Model(title, build_program(config, head, weights, name=title), tokenizer, config, head, labels, weights)


def _shape(family: str, number: int, divisor: int) -> tuple[Config, str]:
    head = HEADS[number % len(HEADS)]
    sizes: dict[str, Any] = {"vocab_size": VOCABULARY, "num_labels": _turn(NUM_LABELS, number)}
    if head == "question-answering":
        sizes["num_labels"] = 2
    if family == "tinybert":
        sizes |= {"hidden_size": 312, "num_layers": 4, "num_heads": 12, "intermediate_size": 1200, "max_positions": 64}
        return BertConfig(**sizes), head
    num_heads, head_dim = _turn(ATTENTION, number)
    step = divisor // math.gcd(divisor, num_heads)
    sizes |= {
        "hidden_size": num_heads * _up(head_dim, step),
        "num_heads": num_heads,
        "num_layers": _turn(NUM_LAYERS, number),
        "intermediate_size": _up(_turn(INTERMEDIATE_SIZES, number), divisor),
        "max_positions": _turn(MAX_POSITIONS, number),
        "activation": _turn(ACTIVATIONS, number),
    }
    if family == "distilbert":
        return DistilBertConfig(**sizes), head
    return BertConfig(**sizes, has_pooler=number // len(HEADS) % 2 == 0), head


def _pairs(draw: Draw, model: Model, count: int) -> list[Pair]:
    """
    Return pairs of texts of many lengths; the second of each differs from the first in its last word.

    Question answering takes a question and its context, and a BERT, which has token types, every third pair in two
    parts.
    """
    longest = model.config.max_positions - 3 - ROOM
    pairs = []
    for number in range(count):
        words = [model.tokenizer.token(i) for i in _words(draw, int(draw.integers((), 2, longest - 1)) + 1)]
        in_parts = model.head == "question-answering" or (isinstance(model.config, BertConfig) and number % 3 == 1)
        first, second = (_text([*words[:-1], last], in_parts=in_parts) for last in (words[-1], words[0]))
        pairs.append((first, second))
    return pairs


def _text(words: list[str], *, in_parts: bool) -> Text:
    middle = max(1, len(words) // 3)
    return (" ".join(words[:middle]), " ".join(words[middle:])) if in_parts else " ".join(words)


def _clearest(model: Model, pairs: list[Pair], count: int) -> list[Pair]:
    """
    Return the pairs whose decisions have the widest margins in the model as it is, in their own order.

    What counts is the margin that is exceeded by all but the share of a pair's decisions that may be undecided. Where
    texts alone decide nothing, the first pairs are as good as any.
    """
    inputs = model.encode([text for pair in pairs for text in pair])
    outputs = model.program.run(ops, inputs)
    margins: list[list[float]] = [[] for _ in pairs]
    for label, output in outputs.items():
        if label != "sentence_embedding":
            for choice in choices(label, output, inputs["attention_mask"]):
                scores = np.sort(choice.scores[choice.candidates])
                margins[choice.position[0] // 2].append(float(scores[-1] - scores[-2]))
    clear = [-np.quantile(found, MOST_UNDECIDED) if found else 0.0 for found in margins]
    return [pairs[index] for index in sorted(np.argsort(clear, kind="stable")[:count])]


def _words(draw: Draw, count: int) -> list[int]:
    return [int(i) for i in draw.integers((count,), FIRST_WORD, VOCABULARY - 1)]


def _turn(entries: Sequence[Any], number: int) -> Any:
    return entries[number % len(entries)]


def _up(size: int, divisor: int) -> int:
    return -(-size // divisor) * divisor
