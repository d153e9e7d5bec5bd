"""Writing a folder so that it is there completely or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distilspec.reference.contract.errors import FormatError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """
    Give a temporary folder to write into, and rename it to ``folder`` when the block ends without an error.

    Raises
    ------
    FormatError
        ``folder`` exists already, its parent does not, or the system refuses to write.
    """
    if os.path.lexists(folder):
        raise FormatError(f"{folder}: it exists already; expected a new name because nothing is overwritten")
    if not folder.parent.is_dir():
        raise FormatError(f"{folder}: there is no folder {folder.parent}; expected an existing parent")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir()
        yield temporary
        temporary.rename(folder)
    except OSError as error:
        raise FormatError(f"{folder}: {error}; expected that the folder can be written") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
