"""
Renew ``pipelines/question_answering.json`` by the pipeline that Transformers had before version 5.

``python ask_transformers.py make FOLDER`` saves the checkpoint, with this repository's Transformers;
``python ask_transformers.py ask FOLDER``, in an environment with ``transformers<5``, has the questions answered.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ASKED = Path(__file__).parent / "pipelines" / "question_answering.json"
POSITIONS = 40


def make(folder):
    """Save the checkpoint that is asked."""
    from checkpoints import checkpoint

    return checkpoint(folder, "BertForQuestionAnswering", seed=31, positions=POSITIONS)


def ask(folder):
    """Have every question answered, in float64."""
    import transformers

    answer = transformers.pipeline("question-answering", model=folder)
    answer.model.double()
    cases = [{**case, "answers": answer(**case["arguments"])} for case in json.loads(ASKED.read_text("utf-8"))]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    ASKED.write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    {"make": make, "ask": ask}[sys.argv[1]](sys.argv[2])
