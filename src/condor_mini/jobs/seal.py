"""Seals for records that are kept in a pool and must come back unchanged.

Only this user can make a seal, because the key never leaves this machine. If all processes of a
pool belong to one user, nothing else protects these records from the pool's jobs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path

from condor_mini.base.directories import user_state
from condor_mini.base.scratch import ScratchDirectory

KEY = "seal.key"
KEY_BYTES = 32


def seal(*words: str) -> str:
    """Return the seal of these words; empty if the key can be neither read nor created."""
    try:
        key = _key()
    except OSError:
        return ""
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def is_ours(value: object, *words: str) -> bool:
    """Return whether a value is the seal of these words that this user made on this machine."""
    ours = seal(*words)
    return bool(ours) and isinstance(value, str) and hmac.compare_digest(ours, value)


def _key() -> bytes:
    """Return this user's key. If it does not exist, one of several processes creates it."""
    path = _place()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ScratchDirectory(directory=path.parent) as scratch:
            new = Path(scratch, KEY)
            new.touch(mode=0o600)
            new.write_bytes(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                path.hardlink_to(new)
    return path.read_bytes()


def _place() -> Path:
    return user_state() / KEY
