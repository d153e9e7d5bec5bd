"""The verdict on what a runtime returned for a whole program, by the derived bounds."""

from __future__ import annotations

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.judge import judge


def judged(program, inputs, got):
    """Return the judgement of every output by its label."""
    lifted = {name: bounds.Bounded.exact(array) for name, array in program.checked(inputs).items()}
    with np.errstate(all="ignore"):
        allowed = program.run(bounds, lifted)
    return {label: judge(got[label], np.asarray(allowed[label].value), allowed[label].error) for label in got}
