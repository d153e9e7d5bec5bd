"""
File formats in and out; each module loads what it needs only when it is called.

>>> load_model("no such folder")
Traceback (most recent call last):
    ...
distilspec.reference.contract.errors.FormatError: no such folder: there is no such folder; expected a model's folder \
or one of minilm, minilm-distilbert
"""

from __future__ import annotations

from distilspec.reference.formats.hugging_face import Model, load_folder, save_folder
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.formats.saved import load_program, save_program

__all__ = ["Model", "load_folder", "load_model", "load_program", "save_folder", "save_program"]
