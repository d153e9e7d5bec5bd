"""Checkpoints as Transformers saves them, too small to know anything, and both pipelines on them."""

from __future__ import annotations

import string
from functools import cache

import torch
import transformers

from distilspec.fast.pipelines import TASKS, pipeline
from distilspec.reference import ops
from distilspec.reference.formats import load_model

POSITIONS = 24

_WORDS = ["the", "man", "eat", "food", "berlin", "wolf", "##gang", "##ing", "live", "in", "un", "##happy", "is"]
_LETTERS = string.ascii_lowercase + string.digits
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_PARTS = [*_WORDS, *string.punctuation, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
VOCABULARY = list(dict.fromkeys(_SPECIAL + _PARTS))

#: What our pipelines run on: the specification in float64, or the engine in float32.
ENGINES = ("reference", "numpy")

#: Relative errors of a score against Transformers in float64. On the reference: Transformers and we round scores, or
#: logits below 8, to float32, which moves a softmax by 2 * 2**-22. On the engine: the logits of two layers were seen to
#: move by 2**-20; which ones float32 may give is what the conformance suite judges, and this only tells answers apart.
AGREEMENT = {"reference": 2.0**-20, "numpy": 2.0**-13}


def checkpoint(folder, kind, *, seed=0, positions=POSITIONS, **fields):
    """Save a model of the class ``kind`` of Transformers, with random weights and a tokenizer; return the folder."""
    sizes = {"vocab_size": fields.pop("vocab_size", len(VOCABULARY)), "max_position_embeddings": positions}
    if kind.startswith("DistilBert"):
        config = transformers.DistilBertConfig(**sizes, dim=16, hidden_dim=24, n_heads=2, n_layers=2, **fields)
    else:
        config = transformers.BertConfig(
            **sizes, hidden_size=16, intermediate_size=24, num_attention_heads=2, num_hidden_layers=2, **fields
        )
    model = getattr(transformers, kind)(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 2:
                parameter.copy_(noise if "embeddings" in name else noise * 1.5 / parameter.shape[1] ** 0.5)
            else:
                parameter.copy_(0.3 * noise + ("norm" in name.lower() and name.endswith("weight")))
    model.save_pretrained(folder)
    words = {token: index for index, token in enumerate(VOCABULARY)}
    transformers.BertTokenizer(vocab=words, model_max_length=positions).save_pretrained(folder)
    return folder


@cache
def theirs(task, folder, **options):
    """Return Transformers' pipeline, in float64."""
    made = transformers.pipeline(task, model=str(folder), **options)
    made.model.double()
    return made


@cache
def ours(task, folder, engine, **options):
    """Return our pipeline on one of ``ENGINES``."""
    if engine == "numpy":
        return pipeline(task, folder, backend="numpy", **options)
    model = load_model(folder, head=TASKS[task].head)
    return TASKS[task](model, Reference(model.program), **options)


class Reference:
    """An engine that is the specification."""

    def __init__(self, program):
        self._program = program

    def run(self, inputs):
        """Return the outputs in float64."""
        return self._program.run(ops, self._program.checked(inputs))

    def close(self):
        """Do nothing."""


def same(got, expected, engine):
    """Check that answers are equal: lists and words exactly, scores as ``AGREEMENT`` says."""
    if isinstance(expected, list):
        assert isinstance(got, list)
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            same(one, other, engine)
        return
    assert list(got) == list(expected)
    for name, value in expected.items():
        if name == "score":
            assert type(got[name]) is float
            assert abs(got[name] - value) <= AGREEMENT[engine] * abs(value)
        else:
            assert (type(got[name]), got[name]) == (type(value), value)
