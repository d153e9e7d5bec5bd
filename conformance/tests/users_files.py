"""ONNX files as users make them: DistilBERT exported by torch, fused and quantised by ONNX Runtime's own tools."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

VOCABULARY, POSITIONS = 40, 16


def distilbert(folder, *, dynamo=False, attention="sdpa", head=True, **sizes):
    """Export a random DistilBERT by torch's older or newer exporter, and return the file."""
    import torch
    import transformers

    torch.manual_seed(0)
    small = {"vocab_size": VOCABULARY, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    config = transformers.DistilBertConfig(**small | {"max_position_embeddings": POSITIONS} | sizes)
    kind = transformers.DistilBertForSequenceClassification if head else transformers.DistilBertModel
    model = kind(config)
    model.set_attn_implementation(attention)
    with torch.no_grad():
        for parameter in model.parameters():
            # random initialisation leaves biases 0 and LayerNorm 1, which would hide what is done to them
            parameter += 0.05 * torch.randn_like(parameter)

    class Exported(torch.nn.Module):
        """The two inputs by position."""

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            """Return the first output."""
            return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]

    ids = torch.arange(14).reshape(2, 7)
    names = {0: "batch_size", 1: "sequence_length"}
    dims = {0: torch.export.Dim("batch_size"), 1: torch.export.Dim("sequence_length", max=16)}
    options = (
        {"dynamic_shapes": (dims, dims)}
        if dynamo
        else {"dynamic_axes": {"input_ids": names, "attention_mask": names}, "opset_version": 17}
    )
    path = Path(folder) / "distilbert.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported().eval(),
            (ids, torch.ones_like(ids)),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits" if head else "last_hidden_state"],
            dynamo=dynamo,
            **options,
        )
    return path


def fused(path):
    """Let ONNX Runtime's transformer optimizer fuse a file, and return the new one."""
    from onnxruntime.transformers import optimizer

    made = path.with_name(f"{path.stem}-fused.onnx")
    optimised = optimizer.optimize_model(str(path), model_type="bert", opt_level=0)
    optimised.save_model_to_file(str(made))
    return made


def dynamic(path, **options):
    """Quantise a file dynamically, and return the new one; seven bits of weight never saturate pairs of products."""
    from onnxruntime.quantization import quantize_dynamic

    made = path.with_name(f"{path.stem}-dynamic.onnx")
    quantize_dynamic(path, made, reduce_range=True, extra_options={"DefaultTensorType": 1}, **options)
    return made


def static(path, form, *, kinds=("MatMul",), vocabulary=VOCABULARY, **options):
    """Calibrate a file on random ids, quantise it in the form QDQ or QOperator, and return the new one."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Batches(CalibrationDataReader):
        """Four batches of two texts."""

        def __init__(self):
            generator = np.random.default_rng(1)
            ones = np.ones((2, 7), np.int64)
            batches = [{"input_ids": generator.integers(1, vocabulary, (2, 7)), "attention_mask": ones} for _ in "1234"]
            self.batches = iter(batches)

        def get_next(self):
            """Return a batch, or None at the end."""
            return next(self.batches, None)

    made = path.with_name(f"{path.stem}-{form.lower()}.onnx")
    quantize_static(
        path,
        made,
        Batches(),
        quant_format=QuantFormat[form],
        activation_type=QuantType.QUInt8,
        op_types_to_quantize=list(kinds),
        reduce_range=True,
        extra_options={"DefaultTensorType": 1},
        **options,
    )
    return made
