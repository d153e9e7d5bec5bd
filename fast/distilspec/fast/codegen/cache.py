"""Object code on disk, so that a kernel is compiled once on a machine."""

from __future__ import annotations

import hashlib
import os
import secrets
import warnings
from pathlib import Path

#: The environment variable that names another folder; an empty one turns the cache off.
VARIABLE = "DISTILSPEC_CACHE"

#: Every entry starts with the hash of what follows, so that a damaged one is noticed.
DIGEST = hashlib.sha256().digest_size


def cache_folder() -> Path | None:
    """Return where object code is kept, or None if it is not: the cache is off, or the user has no home."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "distilspec" / "objects"
    try:
        return Path.home() / ".cache" / "distilspec" / "objects"
    except RuntimeError:
        return None


def key_of(*parts: str) -> str:
    """Return the name of the entry for object code that depends on ``parts``."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read_object(key: str) -> bytes | None:
    """Return an entry, or None if there is none, or, with a warning, a damaged one."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / f"{key}.o"
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(stored[DIGEST:]).digest() != stored[:DIGEST]:
        warnings.warn(f"{path} is damaged; the kernel is compiled again", stacklevel=2)
        return None
    return stored[DIGEST:]


def write_object(key: str, code: bytes) -> None:
    """Keep an entry; it appears whole or not at all, and a folder that cannot be written is a warning."""
    folder = cache_folder()
    if folder is None:
        return
    temporary = folder / f".{key}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(hashlib.sha256(code).digest() + code)
            temporary.replace(folder / f"{key}.o")
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(f"{folder}: {error.strerror}; compiled kernels are not kept", stacklevel=2)
