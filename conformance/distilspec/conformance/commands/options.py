"""Option values that several subcommands read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from distilspec.reference.contract.errors import RangeError


def parse_options(pairs: Sequence[str]) -> Mapping[str, str]:
    """Return KEY=VALUE pairs as a mapping."""
    for pair in pairs:
        if not re.fullmatch(r"[^=]+=.+", pair):
            raise RangeError(f"option: {pair!r} is not KEY=VALUE; expected for example level=basic")
    return dict(pair.split("=", 1) for pair in pairs)


def parse_block_shape(text: str) -> tuple[int, int]:
    """Return ``out,in`` as two positive integers."""
    if not re.fullmatch(r"[1-9]\d*,[1-9]\d*", text):
        raise RangeError(f"block shape: {text!r} is not two positive integers; expected out,in, for example 4,1")
    out, in_ = text.split(",")
    return int(out), int(in_)
