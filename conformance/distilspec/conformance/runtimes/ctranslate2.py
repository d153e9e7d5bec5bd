"""CTranslate2 on the CPU: whole BERT and DistilBERT models, through CTranslate2's own model specifications."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, model_spec, transformer_spec

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Granularity,
    Runtime,
    expect_known,
    expect_number,
    expect_version,
)
from distilspec.conformance.runtimes.reference import Float32
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.models.config import ACTIVATIONS, BertConfig, Config
from distilspec.reference.program import Program

COMPUTE_TYPES = {Recipe.FP32: "float32", Recipe.W8A8_DYNAMIC_TOKEN: "int8_float32"}

#: The environment variable that chooses Intel's library (1) or oneDNN (0) for products of matrices, read by CTranslate2
#: when it is imported. Without it the maker of the processor decides.
MKL = "CT2_USE_MKL"

MKL_IN_FORCE = os.environ.get(MKL) or "auto"

ACTIVATION_TYPES = {
    "gelu": common_spec.Activation.GELU,
    "gelu_tanh": common_spec.Activation.GELUTanh,
    "relu": common_spec.Activation.RELU,
    "silu": common_spec.Activation.SWISH,
}

#: The parts of a layer by their names in a checkpoint, in the order of ``_set_layer``.
BERT_LAYER = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
DISTILBERT_LAYER = (
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)


class CTranslate2Runtime(Runtime):
    """
    Runs the encoder of a model; its head, which CTranslate2 leaves to the user, runs on the reference in float32.

    Options: ``threads``. ``CT2_USE_MKL`` is one too, but only the environment can set it.
    """

    name = "ctranslate2"
    version = ctranslate2.__version__
    granularity = (Granularity.MODELS,)
    recipes = MappingProxyType(
        {
            Recipe.FP32: "compute type float32",
            Recipe.W8A8_DYNAMIC_TOKEN: "compute type int8_float32, in which word and token-type tables are int8 too",
        }
    )

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        expect_version(self.name, self.version, "4.6")
        expect_known(self.name, options, (MKL, "threads"))
        self.options = {MKL: MKL_IN_FORCE, "threads": "1", **options}
        if self.options[MKL] != MKL_IN_FORCE:
            raise RangeError(
                f"runtime {self.name}: option {MKL} is {self.options[MKL]!r}; expected {MKL_IN_FORCE}, "
                "which CTranslate2 found in the environment when it was imported"
            )
        expect_number(self.name, "threads", self.options["threads"])

    def supports(self, op: str) -> bool:  # noqa: ARG002
        """Return False: CTranslate2 takes no operator by itself."""
        return False

    def load(self, program: Program) -> Executable:
        """Refuse a program."""
        raise UnsupportedError(f"runtime {self.name}: {program.name} is a program; expected a whole model")

    def load_model(self, model: Model, program: Program) -> Executable:
        """Convert the encoder of ``model``, whose weights CTranslate2 quantises as it loads them."""
        if program.recipe not in self.recipes:
            raise UnsupportedError(
                f"runtime {self.name}: has no mode for {program.recipe}; expected one of {', '.join(self.recipes)}"
            )
        if "sparsity" in program.properties:
            raise UnsupportedError(f"runtime {self.name}: {program.name} is pruned; expected a dense model")
        if model.config.num_layers == 0:
            raise UnsupportedError(f"runtime {self.name}: {program.name} has no layers; expected at least one")
        with tempfile.TemporaryDirectory(prefix="distilspec-") as folder:
            _specification(model.config, model.weights).save(folder)
            encoder = ctranslate2.Encoder(
                folder,
                device="cpu",
                compute_type=COMPUTE_TYPES[Recipe(program.recipe)],
                intra_threads=int(self.options["threads"]),
            )
        return CTranslate2Executable(encoder, program)

    def with_threads(self, threads: int) -> CTranslate2Runtime:
        """Return CTranslate2 with another number of threads."""
        return CTranslate2Runtime({**self.options, "threads": str(threads)})


class CTranslate2Executable(Executable):
    """
    The encoder in CTranslate2, and the steps of the program that follow it on the reference.

    CTranslate2 leaves padding out and fills its hidden states with copies of the last token's.
    """

    def __init__(self, encoder: ctranslate2.Encoder, program: Program) -> None:
        """Run ``encoder``, and what follows the encoder in ``program``."""
        self._encoder = encoder
        self._program = program
        self._hidden_states = [step.name for step in program.steps if "encoder" in step.tags][-1]
        made_by_head = [name for name in program.outputs.values() if name != self._hidden_states]
        self._head = program.extract(made_by_head, [self._hidden_states])

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """
        Return the outputs.

        Raises
        ------
        UnsupportedError
            A mask drops a token before one that it keeps, or all tokens.
        """
        values = self._program.checked(inputs)
        values[self._hidden_states] = self._encode(**values)
        values |= self._head.run(Float32(ops), {name: values[name] for name in self._head.inputs})
        return {label: values[name] for label, name in self._program.outputs.items()}

    def survivors(self) -> tuple[str, ...]:
        """Return the outputs; CTranslate2 shows nothing else."""
        outputs = set(self._program.outputs.values())
        return tuple(name for name in self._program.tensors if name in outputs)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs by their labels and, where they are asked for, by their names."""
        labels = {tensor: label for label, tensor in self._program.outputs.items()}
        values = self.run(inputs)
        return values | {name: values[labels[name]] for name in expose}

    def _encode(self, input_ids: Array, attention_mask: Array, token_type_ids: Array | None = None) -> Array:
        lengths = attention_mask.sum(axis=1)
        if not np.array_equal(attention_mask, np.arange(input_ids.shape[1]) < lengths[:, np.newaxis]):
            raise UnsupportedError(
                "runtime ctranslate2: the attention mask drops a token before one that it keeps; "
                "expected padding at the end because CTranslate2 takes lengths"
            )
        if not lengths.all():
            raise UnsupportedError("runtime ctranslate2: a text has no token; expected at least one in every text")
        found = self._encoder.forward_batch(
            ctranslate2.StorageView.from_array(input_ids.astype(np.int32)),
            ctranslate2.StorageView.from_array(lengths.astype(np.int32)),
            token_type_ids=None if token_type_ids is None else token_type_ids.tolist(),
        )
        return np.array(found.last_hidden_state)


def _specification(config: Config, weights: Mapping[str, Array]) -> transformer_spec.TransformerEncoderModelSpec:
    """Return the encoder as CTranslate2's own converters describe it, with float32 weights and without a pooler."""
    tables = ["word", "token_type"] if isinstance(config, BertConfig) else ["word"]
    encoder = transformer_spec.TransformerEncoderSpec(
        config.num_layers,
        config.num_heads,
        pre_norm=False,
        activation=ACTIVATION_TYPES[ACTIVATIONS[config.activation]],
        layernorm_embedding=True,
        num_source_embeddings=len(tables),
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    for spec, table in zip(encoder.embeddings, tables, strict=True):
        spec.weight = _float32(weights[f"embeddings.{table}_embeddings.weight"])
    encoder.position_encodings.encodings = _float32(weights["embeddings.position_embeddings.weight"])
    _set_layer_norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")
    layers, names = ("encoder", BERT_LAYER) if isinstance(config, BertConfig) else ("transformer", DISTILBERT_LAYER)
    for index, layer in enumerate(encoder.layer):
        _set_layer(layer, weights, [f"{layers}.layer.{index}.{name}" for name in names])
    specification = transformer_spec.TransformerEncoderModelSpec(encoder)
    specification.register_vocabulary([str(token) for token in range(config.vocab_size)])
    specification.config.layer_norm_epsilon = config.layer_norm_eps
    specification.validate()
    return specification


def _set_layer(
    layer: transformer_spec.TransformerEncoderLayerSpec, weights: Mapping[str, Array], names: Sequence[str]
) -> None:
    query, key, value, output, attention_norm, inner, outer, output_norm = names
    _set_linear(layer.self_attention.linear[0], weights, query, key, value)
    _set_linear(layer.self_attention.linear[1], weights, output)
    _set_layer_norm(layer.self_attention.layer_norm, weights, attention_norm)
    _set_linear(layer.ffn.linear_0, weights, inner)
    _set_linear(layer.ffn.linear_1, weights, outer)
    _set_layer_norm(layer.ffn.layer_norm, weights, output_norm)


def _set_linear(spec: model_spec.LayerSpec, weights: Mapping[str, Array], *names: str) -> None:
    """Set one Linear, or several of equal input as one."""
    spec.weight = np.concatenate([_float32(weights[f"{name}.weight"]) for name in names])
    spec.bias = np.concatenate([_float32(weights[f"{name}.bias"]) for name in names])


def _set_layer_norm(spec: model_spec.LayerSpec, weights: Mapping[str, Array], name: str) -> None:
    spec.gamma, spec.beta = _float32(weights[f"{name}.weight"]), _float32(weights[f"{name}.bias"])


def _float32(array: Array) -> Array:
    return array.astype(np.float32, copy=False)


create = CTranslate2Runtime
