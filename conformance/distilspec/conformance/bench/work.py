"""How much a forward has to compute and to read: what a machine's limits are divided by."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass

from distilspec.conformance.bench.workloads import Shape
from distilspec.reference.program import Program, Step


@dataclass(frozen=True)
class Work:
    """
    The products of a forward, and the weights that it multiplies with.

    Pruned blocks are no work. Embeddings, normalisations and activations are left out: beside products they are few.
    """

    int8_products: int
    float32_products: int
    weight_bytes: int


@dataclass(frozen=True)
class Limits:
    """What a machine does in a second at most, with so many threads: products, and bytes read from memory."""

    threads: int
    target: str
    int8_products: float
    float32_products: float
    read_bytes: float

    def seconds(self, work: Work) -> float:
        """Return the least time that some work can take: that of its products, or that of reading its weights."""
        return max(self.of_products(work), work.weight_bytes / self.read_bytes)

    def of_products(self, work: Work) -> float:
        """Return the least time that the products of some work can take, in registers."""
        return work.int8_products / self.int8_products + work.float32_products / self.float32_products


def work_of(program: Program, shape: Shape, operators: Container[str] | None = None) -> Work:
    """Return the work of one forward of a batch of this shape, or that of the steps by some of the operators."""
    sizes = {"batch": shape.batch, "sequence": shape.sequence}
    int8 = float32 = weights = 0
    for step in program.steps:
        if operators is not None and step.op not in operators:
            continue
        products, read = _products(program, step, sizes)
        if step.op.startswith("quantized") or step.op == "matmul_integer":
            int8 += products
        else:
            float32 += products
        weights += read
    return Work(int8, float32, weights)


def _products(program: Program, step: Step, sizes: dict[str, int]) -> tuple[int, int]:
    """Return the products of a step, and the bytes of its weight."""
    match step.op:
        case "linear" | "block_sparse_linear":
            weights = step.inputs[1:2] if step.op == "linear" else step.inputs[1:4]
        case "quantized_linear" | "quantized_block_sparse_linear":
            weights = step.inputs[3:4] if step.op == "quantized_linear" else step.inputs[3:6]
        case "matmul" | "matmul_integer":
            first = _shape(program, step.inputs[0], sizes)
            return math.prod(first) * _shape(program, step.inputs[1], sizes)[-1], 0
        case "scaled_dot_product_attention":
            query, key = (_shape(program, name, sizes) for name in step.inputs[:2])
            return 2 * math.prod(query) * key[-2], 0
        case _:
            return 0, 0
    held = [program.constants[name] for name in weights if name is not None and name in program.constants]
    tokens = math.prod(_shape(program, step.inputs[0], sizes)[:-1])
    return (tokens * held[0].size if held else 0), sum(array.nbytes for array in held)


def _shape(program: Program, tensor: str | None, sizes: dict[str, int]) -> tuple[int, ...]:
    assert tensor is not None
    return tuple(size if isinstance(size, int) else sizes[size] for size in program.spec(tensor).shape)
