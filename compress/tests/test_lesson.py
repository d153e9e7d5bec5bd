"""In which arithmetic a model learns: the precision of its products, and no denormals."""

from __future__ import annotations

import pytest
import torch
from tiny_pipeline import FIELDS, tiny_run

from distilspec.compress.lesson import matmul_precision
from distilspec.compress.order import run_stages
from distilspec.compress.training import Trainer

FLUSHES = torch.set_flush_denormal(False)


def flushed():
    """Return whether torch takes a number below the normal ones for 0."""
    return float((torch.full((2,), 1e-39) * 1.0)[0]) == 0


@pytest.fixture
def seen(monkeypatch):
    """Return the precision and whether denormals were 0 at each step of any training, one after the other."""
    seen, learn = [], Trainer.learn

    def recorded(self, *arguments, **named):
        seen.append((torch.get_float32_matmul_precision(), flushed()))
        return learn(self, *arguments, **named)

    monkeypatch.setattr(Trainer, "learn", recorded)
    return seen


def test_each_training_has_the_precision_of_its_own_section(sources, seen):
    """The teacher learns in float32 and the student in bfloat16; what follows is float32's again."""
    training = FIELDS["student"]["training"] | {"matmul_precision": "medium"}
    run_stages(tiny_run(sources, student=FIELDS["student"] | {"training": training}))

    assert seen == 6 * [("highest", FLUSHES)] + 12 * [("medium", FLUSHES)]
    assert (torch.get_float32_matmul_precision(), flushed()) == ("highest", False)


def test_a_training_that_is_killed_leaves_torch_as_it_was(sources, kill_after):
    """At its second step, in bfloat16."""
    training = FIELDS["student"]["training"] | {"matmul_precision": "medium"}
    kill_after(6 + 1)
    with pytest.raises(KeyboardInterrupt):
        run_stages(tiny_run(sources, student=FIELDS["student"] | {"training": training}))

    assert (torch.get_float32_matmul_precision(), flushed()) == ("highest", False)


def test_medium_rounds_factors_and_no_sums():
    """
    Integers of up to 8 bits are bfloat16's, so their products and sums are exact; one of 9 bits may lose its last bit.

    257 = 2**8 + 1 lies half-way between the bfloat16 values 256 and 258 and is rounded to the even one, if at all:
    torch rounds only where the processor multiplies bfloat16.
    """
    small = torch.arange(64 * 64, dtype=torch.float32).reshape(64, 64) % 256
    exact = torch.from_numpy(small.numpy().astype("int64") @ small.numpy().astype("int64"))
    large = torch.full((64, 64), 257.0)
    with matmul_precision("medium"):
        assert torch.equal((small @ small).to(torch.int64), exact)
        assert (large @ torch.eye(64)).unique().tolist() in ([256.0], [257.0])
    with matmul_precision("highest"):
        assert (large @ torch.eye(64)).unique().tolist() == [257.0]
