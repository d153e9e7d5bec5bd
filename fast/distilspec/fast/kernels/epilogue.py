"""What is done to sums of products before they are stored, while they are in registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, IrError, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.activations import ACTIVATIONS
from distilspec.fast.kernels.codes import FACTORS, Coder, Layout, features_a_step, store_step, tile_stride
from distilspec.fast.kernels.tiles import LANE, joined, parted

#: What turns exact sums of codes into real numbers: by feature, and by token.
INTEGER_OPERANDS = ("sums", "w_scale", "bias", "x_scale", "zero_point")

#: What is added to sums of real numbers.
FLOAT_OPERANDS = ("bias",)


@dataclass(frozen=True)
class Epilogue:
    """
    What follows a matrix product: first its scales and its bias, then what is asked for here, in this order.

    Parameters
    ----------
    activation : str, optional
        One of ``ACTIVATIONS``.
    residual : bool
        Add a tensor of the output's shape.
    codes : Layout, optional
        Write codes by token in this layout, and no floats.

    Raises
    ------
    IrError
        There is no such activation.
    """

    activation: str | None = None
    residual: bool = False
    codes: Layout | None = None

    def __post_init__(self) -> None:
        """Refuse activations that do not exist."""
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise IrError(f"activation {self.activation} does not exist; expected one of {', '.join(ACTIVATIONS)}")

    @property
    def name(self) -> str:
        """Return what kernels with this epilogue have in their names."""
        parts = (self.activation, "residual" if self.residual else None, self.codes)
        return ".".join(part for part in parts if part) or "plain"

    @property
    def operands(self) -> tuple[str, ...]:
        """
        Return the pointers that it takes, besides those to scales and bias; ``numbers`` are what else it takes.

        ``residual`` : float32 [tile][features][tile tokens]
            Where ``residual`` is set.
        ``out`` : float32 [tile][features][tile tokens]
            Written, where ``codes`` is None.
        ``out_codes`` : ``code_bytes(target, codes, features)`` bytes a tile
            Written, where ``codes`` is a layout.
        """
        added = ("residual",) if self.residual else ()
        return (*added, "out" if self.codes is None else "out_codes")

    @property
    def numbers(self) -> dict[str, Type]:
        """Return the scale and the zero point of codes, with their types, where ``codes`` is a layout."""
        return {} if self.codes is None else {"out_scale": F32, "out_zero_point": I64}


def coder_of(
    builder: Builder, target: Target, epilogue: Epilogue, vectors: int, p: Mapping[str, Value]
) -> Coder | None:
    """
    Write what makes the codes of ``epilogue``, if it makes any, of so many vectors of a feature.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    if epilogue.codes is Layout.ROWS and vectors < target.dot:
        raise IrError(f"{vectors} vectors are less than a row of codes; expected {target.dot}")
    lanes = side_by_side(vectors) * target.lanes
    return Coder.of_all(builder, target, p["out_scale"], p["out_zero_point"], lanes) if epilogue.codes else None


def side_by_side(vectors: int) -> int:
    """Return how many vectors of a feature are finished side by side, because an activation is a long chain."""
    return vectors & -vectors


def store_outputs(
    builder: Builder, target: Target, epilogue: Epilogue, totals: Sequence[Sequence[Value]],
    p: Mapping[str, Value], feature: Value, tile: Value, coder: Coder | None,
) -> None:  # fmt: skip
    """
    Write the epilogue for rows of sums, one row an output feature, one vector ``lanes`` tokens.

    int32 sums become (sum - zero_point[token] * sums[feature]) * (x_scale[token] * w_scale[feature]) + bias[feature],
    float32 sums get bias[feature] added.

    Parameters
    ----------
    totals : sequences of vectors
        As many rows as the weights are padded to. Nothing is written for those from ``p["features"]`` on, but for the
        features with which codes are padded: they are made of such a row and of the last feature's operands.
    p : mapping of str to Value
        The kernel's parameters: the operands of sums and of ``epilogue``, and ``features``.
    feature, tile : Value
        The first row's feature, a multiple of ``dot``, and the tile.
    coder : Coder or None
        What ``coder_of`` wrote, outside of all loops.
    """
    tokens = builder.mul(tile, target.tile * LANE)
    rows = builder.mul(tile, p["features"])
    last = builder.sub(p["features"], 1)
    together = 1 if epilogue.codes is None else features_a_step(target, epilogue.codes)
    for start in range(0, len(totals), together):
        first = builder.add(feature, start)
        # once, or not at all where the padding begins
        with builder.loop(first, builder.min(builder.add(first, 1), p["features"])):
            outputs = []
            for number, row in enumerate(totals[start : start + together]):
                of = builder.min(builder.add(first, number), last)
                element = builder.mul(builder.add(rows, of), target.tile * LANE)
                outputs.append(_outputs(builder, target, epilogue, row, p, of, tokens, element, coder))
            if epilogue.codes is not None:
                start = builder.mul(tile, tile_stride(builder, target, epilogue.codes, p["features"]))
                here = builder.mul(first, target.lanes * FACTORS)
                store_step(builder, target, epilogue.codes, outputs, builder.at(p["out_codes"], start, here))


def _outputs(
    builder: Builder, target: Target, epilogue: Epilogue, row: Sequence[Value],
    p: Mapping[str, Value], feature: Value, tokens: Value, element: Value, coder: Coder | None,
) -> list[Value]:  # fmt: skip
    """Return a feature's codes, or write its results where there is no coder; places are in bytes."""
    outputs: list[Value] = []
    several = side_by_side(len(row))
    for start in range(0, len(row), several):
        here = start * target.lanes * LANE
        y = _real(builder, joined(builder, row[start : start + several]), p, feature, builder.add(tokens, here))
        if epilogue.activation is not None:
            y = ACTIVATIONS[epilogue.activation](builder, y)
        if epilogue.residual:
            y = builder.add(y, builder.load(builder.at(p["residual"], element, here), type=y.type))
        if coder is None:
            builder.store(y, builder.at(p["out"], element, here))
        else:
            outputs += parted(builder, coder.codes(y), several)
    return outputs


def _real(builder: Builder, total: Value, p: Mapping[str, Value], feature: Value, tokens: Value) -> Value:
    """Return what sums stand for, bias included."""

    def by_feature(name: str, kind: Kind) -> Value:
        scalar = builder.load(builder.offset(p[name], builder.mul(feature, LANE)), type=Type(kind))
        spread: Value = builder.splat(scalar, lanes=total.type.lanes)
        return spread

    bias = by_feature("bias", Kind.F32)
    if total.type.kind is Kind.F32:
        added: Value = builder.add(total, bias)
        return added
    zero_point = builder.load(builder.offset(p["zero_point"], tokens), type=total.type)
    exact = builder.sub(total, builder.mul(zero_point, by_feature("sums", Kind.I32)))
    x_scale = builder.load(builder.offset(p["x_scale"], tokens), type=bias.type)
    scale = builder.mul(x_scale, by_feature("w_scale", Kind.F32))
    scaled: Value = builder.fma(builder.to_f32(exact), scale, bias)
    return scaled
