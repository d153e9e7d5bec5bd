"""Rows of tables, and their sums."""

from __future__ import annotations

from distilspec.fast.lower.fused import Embed, Rows, Tensor
from distilspec.fast.lower.lowering import SEQUENCE, Lowering, as_float
from distilspec.reference.program import Step

#: The most inputs of ids whose rows one fused step adds.
MOST_IDS = 2


def lower_embedding(lowering: Lowering, step: Step) -> None:
    """Look up the rows of a table by an input of ids."""
    ids, table = str(step.inputs[0]), lowering.constant(step, 1)
    spec = lowering.program.inputs.get(ids)
    if spec is None or spec.dtype == "bool" or len(spec.shape) != 2 or spec.shape[SEQUENCE] == 0:
        raise lowering.refuse(step, "operand 0 to be an input [batch, sequence] of the program, with tokens")
    lowering.emit(Embed(step.name, (ids,), (as_float(table),)), Tensor(Rows.TOKENS, table.shape[1]))


def adds_tables(lowering: Lowering, step: Step) -> bool:
    """Fuse an addition of embeddings into one step, in the order in which the program adds them."""
    first, second = (str(name) for name in step.inputs)
    made = {embed.out: embed for embed in lowering.steps if isinstance(embed, Embed)}
    if first not in made or lowering.readers[first] != 1:
        return False
    if second in lowering.positions:
        ids, tables = (*made[first].ids, None), (*made[first].tables, lowering.positions[second])
    elif second in made and lowering.readers[second] == 1:
        ids, tables = (*made[first].ids, *made[second].ids), (*made[first].tables, *made[second].tables)
    else:
        return False
    if ids.count(None) > 1 or len(ids) - ids.count(None) > MOST_IDS or len({table.shape[1] for table in tables}) > 1:
        return False
    if second in made:
        lowering.steps.remove(made[second])
        del lowering.tensors[second]
    tensor = lowering.tensors.pop(first)
    lowering.steps.remove(made[first])
    lowering.emit(Embed(step.name, ids, tables), tensor)
    return True
