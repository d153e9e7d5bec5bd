"""What is done to exact sums of products before they are stored, while they are in registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import Kind, Type, Value
from distilspec.fast.isa.target import Target

#: Bytes of a float32 or int32 lane.
LANE = 4


@dataclass(frozen=True)
class Epilogue:
    """
    What follows a matrix product.

    Parameters
    ----------
    residual : bool
        Add a tensor of the output's shape.
    """

    residual: bool = False

    @property
    def name(self) -> str:
        """Return what kernels with this epilogue have in their names."""
        return "residual" if self.residual else "plain"


#: What an epilogue reads, besides the sums: by feature, by token, and by element.
OPERANDS = ("sums", "w_scale", "bias", "x_scale", "zero_point", "residual", "out")


def store_outputs(
    builder: Builder, target: Target, epilogue: Epilogue, accumulators: Sequence[Sequence[Value]],
    pointers: Mapping[str, Value], feature: Value, token: Value, element: Value,
) -> None:  # fmt: skip
    """
    Write the epilogue for rows of accumulators, one row an output feature, one vector ``lanes`` tokens.

        y = (sum - zero_point[token] * sums[feature]) * (x_scale[token] * w_scale[feature]) + bias[feature] (+ residual)

    ``feature``, ``token`` and ``element`` are how far, in bytes, the first row's operands are from the start of theirs.
    """
    whole, real = Type(Kind.I32, target.lanes), Type(Kind.F32, target.lanes)
    by_feature = {name: builder.offset(pointers[name], feature) for name in ("sums", "w_scale", "bias")}
    by_token = {name: builder.offset(pointers[name], token) for name in ("x_scale", "zero_point")}
    by_element = {name: builder.offset(pointers[name], element) for name in ("residual", "out")}

    def of_feature(name: str, kind: Kind, row: int) -> Value:
        scalar = builder.load(builder.at(by_feature[name], row * LANE), type=Type(kind))
        spread: Value = builder.splat(scalar, lanes=target.lanes)
        return spread

    for row, vectors in enumerate(accumulators):
        weight_sum = of_feature("sums", Kind.I32, row)
        w_scale, bias = (of_feature(name, Kind.F32, row) for name in ("w_scale", "bias"))
        for number, products in enumerate(vectors):
            here = number * target.lanes * LANE
            zero_point = builder.load(builder.at(by_token["zero_point"], here), type=whole)
            x_scale = builder.load(builder.at(by_token["x_scale"], here), type=real)
            exact = builder.sub(products, builder.mul(zero_point, weight_sum))
            y = builder.fma(builder.to_f32(exact), builder.mul(x_scale, w_scale), bias)
            place = row * target.tile * LANE + here
            if epilogue.residual:
                y = builder.add(y, builder.load(builder.at(by_element["residual"], place), type=real))
            builder.store(y, builder.at(by_element["out"], place))
