"""Secrets out of what is shown or written for others: the one place that knows how they look.

Rather one word too many than a secret: what is lost here is the value of a variable whose name
sounds secret, never the name.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REDACTED = "REDACTED"
"""What stands in a secret's place; a shell takes it as it is."""

_SECRET = re.compile(r"passw(or)?d|passphrase|secret|token|key|credential", re.IGNORECASE)
_PRIVATE_ATTRIBUTES = (
    "Capability|ChildClaimIds|ClaimId|ClaimIdList|ClaimIds|PairedClaimId|TransferKey|RedirectKey"
)
"""What HTCondor itself calls private in a ClassAd."""
_SECRET_DIRECTORIES = {"passwords.d", "tokens.d", "passwords-orig.d", "tokens-orig.d", "secrets"}
_CLAIM_FILE = ".startd_claim_id"
"""How the startd's files with the right to use its slots begin; they are in its log directory."""

_SUSPECT = re.compile(r"[=:#]|eyJ|-----BEGIN")
"""What every text has that any of the patterns below matches. Most short texts have none of it."""
# Names are taken whole and at once (++), so that a line of a megabyte is read in one pass.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_WEB_TOKEN = re.compile(r"eyJ[\w-]{8,1024}\.[\w-]{1,65536}(?:\.[\w-]{1,8192})?", re.ASCII)
_CLAIM = re.compile(r"""(<[^<>\s]{1,2000}>#\d+#\d+#)(?!\.\.\.)(?:\[[^]\n]*+\])?[^\s"]*+""")
_IN_URL = re.compile(r"(://[^/\s:@]{1,256}:)[^/\s@]{1,1024}(?=@)")
_OPTION = re.compile(r"--[\w-]+")
_NAME = re.compile(r"[\w-]+")
_VALUE = r"""(?:\\?'[^'\n]*+'|\\?"[^"\n]*+"|[^\s"';]++)"""
_ASSIGNED = re.compile(rf"(?<!\w)(\w++)=({_VALUE})")
_QUOTED = re.compile(r"""(['"])(\w++)=(?:(?!\1)[^\n])++\1""")
_IN_JSON = re.compile(r'"([^"\\\n]*+)"(\s*:\s*)"((?:[^"\\\n]|\\.)*+)"')
_IN_AD = re.compile(rf"(?m)^(\s*(?:{_PRIVATE_ATTRIBUTES}) = ).*$")
_CONFIGURED = re.compile(r"(?m)^([ \t]*)([\w.]++)([ \t]+=[ \t]*|=[ \t]+|:[ \t]+)(\S.*)$")
_HARMLESS = re.compile(r"(?i)true|false|[-+\d.]+|.*\$\(.*|(/[\w.,-]+){2,}|https?://.*")
"""Values of HTCondor's own settings, of which many have a KEY or TOKEN in their names: paths,
numbers, macros. In the environment they get no such leave."""


def redact(text: str) -> str:
    """Return text without tokens, private keys, claims and values of secret variables."""
    if not _SUSPECT.search(text):
        return text
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _WEB_TOKEN.sub(REDACTED, text)
    text = _CLAIM.sub(rf"\g<1>{REDACTED}", text)
    text = _IN_URL.sub(rf"\g<1>{REDACTED}", text)
    text = _IN_AD.sub(rf"\g<1>{REDACTED}", text)
    text = _QUOTED.sub(_quoted, text)
    text = _ASSIGNED.sub(_assigned, text)
    text = _IN_JSON.sub(_in_json, text)
    return _CONFIGURED.sub(_configured, text)


def redact_argv(argv: Sequence[str]) -> str:
    """Return a command line as a shell would take it, without its secrets."""
    behind = ["", *argv]
    words = (
        REDACTED if _OPTION.fullmatch(option) and _SECRET.search(option) else _word(word)
        for option, word in zip(behind, argv, strict=False)
    )
    return redact(shlex.join(words))


def redact_bytes(content: bytes) -> bytes:
    """Return a file's content, which need not be text, without its secrets."""
    return redact(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def is_secret_file(path: str) -> bool:
    """Return whether a whole file is a secret: nobody is to collect it."""
    pure = PurePosixPath(path)
    return bool(_SECRET_DIRECTORIES & set(pure.parts)) or pure.name.startswith(_CLAIM_FILE)


def _word(word: str) -> str:
    """Return a word of a command line without its secret: here a value's end is known."""
    parts = word.split("=")
    for position, name in enumerate(parts[:-1]):
        if _NAME.fullmatch(name) and _SECRET.search(name):
            return "=".join([*parts[: position + 1], REDACTED])
    return word


def _assigned(found: re.Match[str]) -> str:
    return f"{found[1]}={REDACTED}" if _SECRET.search(found[1]) else found[0]


def _quoted(found: re.Match[str]) -> str:
    quote, name = found[1], found[2]
    return f"{quote}{name}={REDACTED}{quote}" if _SECRET.search(name) else found[0]


def _in_json(found: re.Match[str]) -> str:
    if not found[3] or not _SECRET.search(found[1]):
        return found[0]
    return f'"{found[1]}"{found[2]}"{REDACTED}"'


def _configured(found: re.Match[str]) -> str:
    if not _SECRET.search(found[2]) or _HARMLESS.fullmatch(found[4]):
        return found[0]
    return f"{found[1]}{found[2]}{found[3]}{REDACTED}"
