"""Debian's signature on an index, checked by a program of the machine and Debian's keyring."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import CommandResult

KEYRINGS = Path("/usr/share/keyrings")
KEYRING = "debian-archive-keyring.*g*"
"""Debian's keyring is a ``.gpg``, and since Debian 13 a ``.pgp``."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class _Program:
    """A program that checks OpenPGP signatures."""

    arguments: Callable[[Path, Path, Path], list[str]]
    """From the keyring, the file for the signed text, and the signed file."""
    accepts: Callable[[CommandResult], bool]
    """Whether a key of the keyring that is valid today has signed the text."""


def _gpgv_accepts(result: CommandResult) -> bool:
    # Its exit status is 2 as soon as one of several keys is not in the keyring, as when that is
    # older than the newest of Debian's keys. GOODSIG is neither an expired nor a revoked key's
    # signature, nor an expired one: doc/DETAILS of GnuPG.
    found = set(re.findall(r"^\[GNUPG:\] (GOODSIG|BADSIG) ", result.stdout, re.MULTILINE))
    return found == {"GOODSIG"}


PROGRAMS = {
    "gpgv": _Program(
        arguments=lambda keyring, text, signed: [
            *("--keyring", str(keyring), "--status-fd", "1", "--output", str(text), str(signed))
        ],
        accepts=_gpgv_accepts,
    ),
    "sqv": _Program(
        arguments=lambda keyring, text, signed: [
            *("--keyring", str(keyring), "--output", str(text), "--cleartext", str(signed))
        ],
        accepts=lambda result: result.returncode == 0,
    ),
}
"""What checks signatures, the first that is there: apt's own is gpgv, and since Debian 13 sqv."""


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Checks that Debian has signed an index."""

    program: str
    keyring: Path

    @classmethod
    def of_machine(cls, keyrings: Path = KEYRINGS) -> Verifier:
        """Return the verifier that this machine has.

        Raises:
            RuntimeFailed: The machine lacks a program, or Debian's keyring.
        """
        program = next(filter(shutil.which, PROGRAMS), None)
        keyring = next(iter(sorted(keyrings.glob(KEYRING))), None)
        if program is None or keyring is None:
            lacking = "neither gpgv nor sqv" if program is None else "no keyring of Debian's"
            raise RuntimeFailed(
                "the signature of Debian's index cannot be checked: "
                f"there is {lacking} on this machine",
                hint="Install both: sudo apt-get install gpgv debian-archive-keyring",
            )
        return cls(program=program, keyring=keyring)

    def signed_text(self, signed: bytes, source: str) -> str:
        """Return the text that Debian has signed, and nothing that stands before or after it.

        Args:
            signed: An ``InRelease`` file: a clear-signed text.
            source: What to call it in an error.

        Raises:
            RuntimeFailed: No key of the keyring that is valid today has signed it.
        """
        program = PROGRAMS[self.program]
        with tempfile.TemporaryDirectory(prefix="condor-mini-") as scratch:
            file, text = Path(scratch) / "InRelease", Path(scratch) / "Release"
            file.write_bytes(signed)
            argv = [self.program, *program.arguments(self.keyring, text, file)]
            result = command.run(argv, timeout_s=TIMEOUT_S, check=False)
            if program.accepts(result) and text.exists():
                return text.read_text("utf-8", errors="replace")
        raise RuntimeFailed(
            f"{source} bears no valid signature of Debian's. {self.program} says:\n"
            + (result.stderr.strip() or f"(nothing; it ended with {result.returncode})"),
            hint="Is the mirror Debian's own? Newer keys come with: "
            "sudo apt-get install debian-archive-keyring",
        )
