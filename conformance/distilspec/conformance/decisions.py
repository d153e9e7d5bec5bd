"""
End to end: neighbours, labels, spans and tokens, judged by a first-order bound on their margins, and whole outputs.

DEC-S1  winner(runtime) = winner(reference)
    (where the margin exceeds b + |c| + lambda sigma of docs/derivations/decisions.md, equation (9))
DEC-S2  |y' - y| <= b + lambda sigma for every vector of an output   (where a runtime shows nothing but outputs)
DEC-S3  scores and outputs are finite   (padding excepted)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.conformance.adjoints import Tape, movement, worst_movement
from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.adjoints.turned_codes import deviations, unseen_codes
from distilspec.conformance.distance import Compared, judge_distance
from distilspec.conformance.result import Judgement, State, Unit
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program

#: The clauses of a decision, and of an output as a whole.
DECISION, OUTPUT = "DEC-S1", "DEC-S2"

#: At most so many decisions are judged for one output of one batch; each costs a reverse pass through the program.
DECISIONS_PER_OUTPUT = 8


@dataclass(frozen=True)
class Choice:
    """One decision: ``scores[candidates]`` compete; ``gradient(i, j)`` is d(scores[i] - scores[j]) / d output."""

    name: str
    label: str
    scores: Float64Array
    candidates: Array
    output: Float64Array
    position: tuple[int, ...]

    def winner(self, scores: Float64Array) -> int:
        """Return the candidate with the largest score, the first one of equals."""
        return int(self.candidates[np.argmax(scores[self.candidates])])

    def runner_up(self) -> int:
        """Return the candidate with the second largest score."""
        others = self.candidates[self.candidates != self.winner(self.scores)]
        return int(others[np.argmax(self.scores[others])])

    def cotangent(self, first: int, second: int) -> Float64Array:
        """Return the gradient of the margin ``scores[first] - scores[second]`` with respect to the whole output."""
        gradient = np.zeros_like(self.output)
        if self.label == "sentence_embedding":
            (row,) = self.position
            gradient[row] = self.output[first] - self.output[second]
            gradient[first] += self.output[row]
            gradient[second] -= self.output[row]
        else:
            gradient[(*self.position, first)] = 1.0
            gradient[(*self.position, second)] = -1.0
        return gradient


def choices(label: str, output: Array, attention_mask: Array) -> Iterator[Choice]:
    """
    Yield the decisions that the output ``label`` stands for.

    ``sentence_embedding`` [batch, hidden]: which other sentence of the batch is nearest, by inner product.
    ``start_logits``, ``end_logits`` [batch, sequence]: the position. ``logits`` [batch, labels] or
    [batch, sequence, labels]: the label. Padding is no candidate and decides nothing. Other outputs decide nothing.
    """
    values = output.astype(np.float64)
    mask = attention_mask.astype(np.bool_)
    if label == "sentence_embedding":
        rows = range(len(values)) if len(values) > 2 else range(0)
        for row in rows:
            others = np.flatnonzero(np.arange(len(values)) != row)
            yield Choice(f"nearest to {row}", label, values @ values[row], others, values, (row,))
    elif label in ("start_logits", "end_logits"):
        for row in range(len(values)):
            candidates = np.flatnonzero(mask[row])
            if candidates.size > 1:
                yield Choice(f"{label} {row}", label, values[row], candidates, values, (row,))
    elif label == "logits" and values.shape[-1] > 1:
        positions = np.argwhere(mask) if values.ndim == 3 else np.arange(len(values))[:, np.newaxis]
        for position in positions:
            at = tuple(int(index) for index in position)
            yield Choice(f"{label} {at}", label, values[at], np.arange(values.shape[-1]), values, at)


def judge_decisions(
    program: Program,
    inputs: Mapping[str, Array],
    expected: Mapping[str, Array],
    got: Mapping[str, Array],
    local_errors: Mapping[str, Float64Array],
    offsets: Mapping[str, Float64Array],
) -> Iterator[tuple[str, str, Judgement]]:
    """
    Yield (output label, decision, verdict) for every decision of every output.

    The margin between the reference's winner and its rival may move by the first-order bound: the sum over the tensors
    of |d margin / d tensor| times that tensor's local bound. The rival is the runtime's winner if it differs, else the
    runner-up. Margin above the bound: PASS or FAIL; below: UNDECIDED. Scores that are not finite decide nothing, so
    they FAIL.

    ``offsets`` are the rounding offsets of the runtime's codes. Where they differ from those of the reference's own
    run, rounding upstream has turned a code; the sum of d margin / d code times the difference is added to the bound.
    Quantise steps without offsets have codes that nobody has seen: what those may do, except with a stated probability,
    is added too.
    """
    tape = Tape(program, inputs)
    turned = {name: offsets[name] - own for name, own in tape.rounding_offsets().items() if name in offsets}
    for label, output in expected.items():
        everything = list(choices(label, output, _kept(inputs)))
        step = max(1, -(-len(everything) // DECISIONS_PER_OUTPUT))
        for choice in everything[::step]:
            first = choice.winner(choice.scores)
            other = _scores_of(choice, got[label])
            flipped = choice.winner(other) != first
            second = choice.winner(other) if flipped else choice.runner_up()
            margin = float(choice.scores[first] - choice.scores[second])
            try:
                moves = tape.sensitivities({label: choice.cotangent(first, second)})
            except UnsupportedError as error:
                yield label, choice.name, Judgement(Unit.DECISION, State.UNDECIDED, 0.0, 0.0, str(error))
                continue
            bound = worst_movement(moves, local_errors) + abs(movement(moves, turned))
            bound += deviations(choice.candidates.size) * unseen_codes(program, moves, offsets)
            with np.errstate(invalid="ignore"):
                moved = abs(float(other[first] - other[second]) - margin)
            finite = bool(np.all(np.isfinite(other[choice.candidates])))
            if finite and not margin > bound:
                state = State.UNDECIDED
            else:
                state = State.PASS if finite and not flipped else State.FAIL
            detail = f"margin {margin:.3g}, first-order bound {bound:.3g}"
            detail += (", flipped" if flipped else "") + ("" if finite else ", the runtime's scores are not all finite")
            yield label, choice.name, Judgement(Unit.DECISION, state, moved, moved / bound if bound else 0.0, detail)


def judge_outputs(
    program: Program, inputs: Mapping[str, Array], expected: Mapping[str, Array], got: Mapping[str, Array]
) -> Iterator[tuple[str, Judgement]]:
    """Yield (output label, verdict) on outputs as a whole: all that can be said where nothing else is shown."""
    limits = FirstOrder(program, inputs)
    compared = Compared(runs=1, codes_equal=False, unit=Unit.BOUND)
    for label, output in expected.items():
        yield label, judge_distance(limits, label, output, got[label], compared)


def _kept(inputs: Mapping[str, Array]) -> Array:
    """Return the mask of the tokens; an ONNX file may call its mask otherwise, or have none and keep all."""
    named = [array for name, array in inputs.items() if "mask" in name]
    return named[0] if named else np.ones(next(iter(inputs.values())).shape[:2], np.bool_)


def _scores_of(choice: Choice, output: Array) -> Float64Array:
    values: Float64Array = output.astype(np.float64)
    if choice.label == "sentence_embedding":
        return np.asarray(values @ values[choice.position[0]])
    return np.asarray(values[choice.position])
