"""Training goes on from a checkpoint as if nothing had happened, and ends with the sparsity that was asked for."""

from __future__ import annotations

import pytest
import torch
from refusal import refused
from tiny_classifier import HEADS, batch, tiny_classifier

from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import observe
from distilspec.compress.sections.distillation import Distillation
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.training import Training
from distilspec.compress.students import make_student
from distilspec.compress.training import Trainer, learning_rate_at, sparsity_at
from distilspec.reference.contract.errors import FormatError, RangeError

STEPS = 6
LABELS = torch.tensor([0, 1])
CUBIC = {"sparsity": 0.5, "schedule": {"kind": "cubic", "end": 0.7, "every": 1}}


def trainer(pruning=None, origin="test", **options):
    """Return the training of a two-layer student with dropout, and what its teacher computes."""
    teacher = tiny_classifier(4, dtype=torch.float32)
    student = make_student(teacher, (0, 3))
    section = Distillation.model_validate({"hard": 0.5, "logits": {}, "hidden": {"projection": "code"}})
    torch.manual_seed(0)
    objective = Objective(section, Sizes.of(student), Sizes.of(teacher))
    with torch.no_grad():
        seen = observe(teacher, **batch())
    training = Training(learning_rate=0.01, **options)
    pruned = None if pruning is None else Pruning.model_validate(pruning)
    return Trainer(student, objective, training, pruned, steps=STEPS, origin=origin), seen


def go(run, seen, steps):
    """Take some steps and return their losses."""
    return [run.learn(**batch(), labels=LABELS, teacher=seen) for _ in range(steps)]


def weights(run):
    """Return every trained tensor."""
    return {**run.student.state_dict(), **run.objective.state_dict()}


@pytest.mark.parametrize("pruning", [None, CUBIC], ids=["dense", "pruned"])
def test_a_run_that_was_killed_ends_with_the_same_bytes(tmp_path, pruning):
    """Weights, projections, moments, masks and the dropout of the steps after the checkpoint."""
    whole, seen = trainer(pruning)
    go(whole, seen, STEPS)
    killed, seen = trainer(pruning)
    go(killed, seen, 3)
    killed.save(tmp_path / "checkpoint")
    go(killed, seen, 1)
    resumed, seen = trainer(pruning)
    torch.manual_seed(99)
    resumed.restore(tmp_path / "checkpoint")
    go(resumed, seen, 3)

    expected, got = weights(whole), weights(resumed)
    assert list(got) == list(expected)
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_the_student_learns():
    """The losses of one batch fall, with dropout; the student ends without."""
    run, seen = trainer()
    first, *_, last = go(run, seen, STEPS)

    assert run.student.training
    assert run.optimizer.param_groups[0]["lr"] == learning_rate_at(run.training, None, STEPS - 1, STEPS)
    assert set(first) == {"hard", "logits", "hidden"}
    assert sum(last.values()) < sum(first.values())
    assert not run.finish().training


def test_dropout_can_be_left_out():
    """Without it the same batch gives the same losses whatever torch's generator draws; with it, others."""
    first = {}
    for dropout in (True, False):
        run, seen = trainer(dropout=dropout)
        torch.manual_seed(1)
        one = run.learn(**batch(), labels=LABELS, teacher=seen)
        run, seen = trainer(dropout=dropout)
        torch.manual_seed(2)
        first[dropout] = one == run.learn(**batch(), labels=LABELS, teacher=seen)

    assert first == {True: False, False: True}


@pytest.mark.parametrize(
    "pruning",
    [
        CUBIC,
        {**CUBIC, "block_shape": [2, 2], "scope": "global"},
        {"sparsity": 0.5, "structure": "head", "schedule": {"kind": "one-shot", "at": 0.5}},
        {"sparsity": 0.5, "structure": "neuron", "schedule": {"kind": "distiller", "end": 0.7, "every": 1}},
    ],
)
def test_a_finished_student_has_exactly_the_sparsity_that_was_asked_for(pruning):
    """Blocks, heads and neurons, by each schedule; momentum has brought nothing back."""
    run, seen = trainer(pruning)
    go(run, seen, STEPS)
    student = run.finish()

    run.pruner.expect_exact(0.5)
    first = student.get_parameter("distilbert.transformer.layer.0.attention.q_lin.weight")
    if pruning.get("structure") == "head":
        assert sorted(int(head.any()) for head in first.reshape(HEADS, -1)) == [0, 1]


def test_a_locked_pattern_is_learned_around():
    """The zeros of the first run are those of the second; without them, or with too few, no step is taken."""
    first, seen = trainer(CUBIC)
    go(first, seen, STEPS)

    def locked(sparsity, zeros):
        run, _ = trainer()
        if zeros:
            run.student.load_state_dict(first.student.state_dict())
        section = Pruning.model_validate({"sparsity": sparsity, "schedule": {"kind": "pattern-lock"}})
        return Trainer(run.student, run.objective, run.training, section, steps=STEPS, origin="lock")

    run = locked(0.5, zeros=True)
    go(run, seen, STEPS)
    run.finish()
    for sparsity, zeros, found in ((0.75, True, 32), (0.5, False, 0)):
        wanted = round(64 * sparsity)
        with refused(RangeError, f"schedule pattern-lock .*: {found} of 64 weights are pruned; expected {wanted} "):
            locked(sparsity, zeros)


def test_the_schedules_are_the_formulas_in_shares_of_the_steps():
    """Cubic from 10 % to 50 % of 100 steps; without rewinding the learning rate is linear after the warm-up."""
    section = Pruning.model_validate({"sparsity": 0.8, "schedule": {"kind": "cubic", "begin": 0.1, "end": 0.5}})
    plain, rewound = Training(learning_rate=1.0), Training(learning_rate=1.0, rewind=True)

    assert [round(sparsity_at(section, step, 100), 9) for step in (9, 10, 30, 49, 50)] == [0, 0, 0.7, 0.7, 0.8]
    assert [learning_rate_at(plain, section, step, 100) for step in (0, 5, 10, 55, 100)] == [0, 0.5, 1, 0.5, 0]
    assert [learning_rate_at(rewound, section, step, 100) for step in (10, 30, 50)] == [1, 1, 1]
    assert learning_rate_at(rewound, section, 29, 100) == 31 / 50
    later = Pruning.model_validate({"sparsity": 0.8, "schedule": {"kind": "cubic", "begin": 0.3, "end": 0.5}})
    assert learning_rate_at(rewound, later, 20, 100) == 60 / 70
    at_once = Pruning.model_validate({"sparsity": 0.8, "schedule": {"kind": "one-shot"}})
    for pruning, name in ((None, "absent"), (at_once, "one-shot")):
        with refused(RangeError, f"rewind is true and the schedule {name}; expected cubic or distiller because"):
            learning_rate_at(rewound, pruning, 0, 100)


def test_what_cannot_go_on_is_refused(tmp_path):
    """A checkpoint of another run, a damaged one, a full or absent disk, a step too many, an end too early."""
    run, seen = trainer()
    with refused(RangeError, "0 steps are taken; expected all 6"):
        run.finish()
    go(run, seen, 1)
    run.save(tmp_path / "checkpoint")
    other, _ = trainer(origin="other")
    with refused(FormatError, r"it is a checkpoint of \('test', 6\); expected \('other', 6\)"):
        other.restore(tmp_path / "checkpoint")
    (tmp_path / "damaged").write_bytes((tmp_path / "checkpoint").read_bytes()[:1000])
    for name in ("damaged", "absent"):
        with refused(FormatError, f"{name}: .*; expected a checkpoint"):
            other.restore(tmp_path / name)
    with refused(FormatError, "expected that the checkpoint can be written"):
        run.save(tmp_path / "absent" / "checkpoint")
    (tmp_path / "folder").mkdir()
    with refused(FormatError, "expected that the checkpoint can be written"):
        run.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "damaged", "folder"]
    go(run, seen, STEPS - 1)
    with refused(RangeError, "step 6 is asked for; expected 6 steps and no more"):
        go(run, seen, 1)
    with torch.no_grad():
        next(run.student.parameters()).fill_(torch.inf)
    run.step = 0
    with refused(RangeError, "hard is nan at step 0; expected a finite loss"):
        go(run, seen, 1)
