"""A seal on what is kept in a pool and must come back as it was: only this user can make it.

The key never leaves this machine. Where all processes of a pool are one user's, nothing else keeps
its jobs from changing what condor-mini keeps there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = "seal.key"
KEY_BYTES = 32


def seal(*words: str) -> str:
    """Return the seal of these words; empty where the key can be neither read nor made."""
    try:
        key = _key()
    except OSError:
        return ""
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def is_ours(said: object, *words: str) -> bool:
    """Return whether this is the seal of these words, made by this user on this machine."""
    ours = seal(*words)
    return bool(ours) and isinstance(said, str) and hmac.compare_digest(ours, said)


def _key() -> bytes:
    """The key of this user; made first if it is absent, by whoever comes first."""
    path = _place()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent) as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_bytes()


def _place() -> Path:
    from platformdirs import user_state_path

    return user_state_path("condor-mini", appauthor=False) / KEY
