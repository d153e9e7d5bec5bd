"""From fused steps to operations on buffers, for one batch size and sequence length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilspec.fast.backends.forward import WORD, Forward, Kernels, Operand
from distilspec.fast.backends.steps.attention import write_attention, write_quantized_attention
from distilspec.fast.backends.steps.linear import write_linear
from distilspec.fast.backends.steps.pool import write_cls_pool, write_mean_pool
from distilspec.fast.backends.steps.quantize import write_quantize
from distilspec.fast.backends.steps.rowwise import write_elementwise, write_embed, write_l2_normalize, write_layer_norm
from distilspec.fast.backends.weights import Packed
from distilspec.fast.execute.arena import Buffer
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.untile import untile
from distilspec.fast.lower.fused import (
    Attention,
    ClsPool,
    Elementwise,
    Embed,
    Fused,
    L2Normalize,
    LayerNorm,
    Linear,
    Lowered,
    MeanPool,
    Quantize,
    QuantizedAttention,
    Rows,
)

#: Who writes the operations of each kind of step.
WRITERS: Mapping[type[Fused], Callable[[Forward, Any], None]] = {
    Attention: write_attention,
    ClsPool: write_cls_pool,
    Elementwise: write_elementwise,
    Embed: write_embed,
    L2Normalize: write_l2_normalize,
    LayerNorm: write_layer_norm,
    Linear: write_linear,
    MeanPool: write_mean_pool,
    Quantize: write_quantize,
    QuantizedAttention: write_quantized_attention,
}


@dataclass(frozen=True)
class Rowed:
    """A tensor in the order of the caller: in a buffer of float32 rows of ``width``, those from start until stop."""

    buffer: Buffer
    rows: Rows
    width: int
    start: int
    stop: int


class Operations:
    """
    The operations of a forward at one batch size and sequence length.

    The rows that the caller gets are in no buffer of ``buffers``: their memory is new in every forward.

    Attributes
    ----------
    operations : list of Operation
    inputs : mapping of name to Buffer
        int64 ids and byte masks [batch, sequence].
    outputs, shown : mappings of name to Rowed, or Buffer
        The tensors of the outputs by their labels, and those to show by their names; codes and scales as they lie.
    """

    def __init__(
        self,
        lowered: Lowered,
        packed: Mapping[str, Packed],
        target: Target,
        kernels: Kernels,
        shape: tuple[int, int],
        threads: int,
        expose: Sequence[str] = (),
    ) -> None:
        """Write down what is to be done."""
        self._forward = Forward(lowered, packed, target, kernels, shape, threads)
        self._rows: dict[Buffer, Buffer] = {}
        self.operations = self._forward.operations
        self.inputs = self._forward.inputs
        for step in lowered.steps:
            WRITERS[type(step)](self._forward, step)
        self.outputs = {label: self._rowed(output.tensor) for label, output in lowered.outputs.items()}
        self.shown = {name: self._shown(name) for name in expose}

    @property
    def buffers(self) -> list[Buffer]:
        """Return every buffer that a forward shares with the next."""
        used = [value for operation in self.operations for value in operation.operands.values()]
        kept = dict.fromkeys([*self.inputs.values(), *(value for value in used if isinstance(value, Buffer))])
        rows = set(self._rows.values())
        return [buffer for buffer in kept if buffer not in rows]

    def _rowed(self, name: str) -> Rowed:
        """Return a float tensor as rows in the order of the caller."""
        forward, floats = self._forward, self._forward.floats[name]
        if floats.buffer not in self._rows:
            space = forward.space(name)
            out = Buffer(int(space.count.sum()) * floats.width * WORD)
            operands: dict[str, Operand] = {
                "x": floats.buffer, "start": space.start, "count": space.count, "out": out, "features": floats.width,
            }  # fmt: skip
            forward.do(untile, (), operands, space.tiles, floats.width * forward.target.tile)
            self._rows[floats.buffer] = out
        rows, stop = forward.lowered.tensors[name].rows, floats.start + forward.features(name)
        return Rowed(self._rows[floats.buffer], rows, floats.width, floats.start, stop)

    def _shown(self, name: str) -> Rowed | Buffer:
        """Return what a tensor is shown from: floats as the caller has them, codes and scales as they lie."""
        forward = self._forward
        if name in forward.floats:
            return self._rowed(name)
        found: Operand | None = next((buffer for (codes, _), buffer in forward.codes.items() if codes == name), None)
        for step in forward.lowered.steps:
            if isinstance(step, Quantize) and name in step.derived:
                found = forward.scales[step.out][step.derived.index(name)]
        assert isinstance(found, Buffer)
        found.kept = True
        return found
