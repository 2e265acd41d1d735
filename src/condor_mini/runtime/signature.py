"""Checking Debian's signature on an index, with a program of this machine and Debian's keyring."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import CommandResult

KEYRINGS = Path("/usr/share/keyrings")
KEYRING = "debian-archive-keyring.*g*"
"""Debian's keyring is a ``.gpg`` file, and since Debian 13 a ``.pgp`` file."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class _Program:
    """A program that checks OpenPGP signatures."""

    arguments: Callable[[Path, Path, Path], list[str]]
    """Return the arguments for a keyring, the file for the signed text, and the signed file."""
    accepts: Callable[[CommandResult], bool]
    """Return whether a key of the keyring that is valid today has signed the text."""


def _gpgv_accepts(result: CommandResult) -> bool:
    # gpgv exits with 2 if only one of several keys is not in the keyring, for example because the
    # keyring is older than Debian's newest key. GOODSIG excludes expired signatures, and signatures
    # by expired or revoked keys: doc/DETAILS of GnuPG.
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
"""The programs that check signatures; the first that is installed is used.

apt itself uses gpgv, and since Debian 13 sqv.
"""


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """A check that Debian has signed an index."""

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
            lacking = "neither gpgv nor sqv" if program is None else "no keyring of Debian"
            raise RuntimeFailed(
                "the signature of Debian's index cannot be checked: "
                f"there is {lacking} on this machine",
                hint="Install both: sudo apt-get install gpgv debian-archive-keyring",
            )
        return cls(program=program, keyring=keyring)

    def signed_text(self, signed: bytes, source: str) -> str:
        """Return the text that Debian has signed, without anything before or after it.

        Args:
            signed: Contents of an ``InRelease`` file, a clear-signed text.
            source: Name of the file in messages.

        Raises:
            RuntimeFailed: No key of the keyring that is valid today has signed it.
        """
        program = PROGRAMS[self.program]
        with ScratchDirectory() as scratch:
            file, text = Path(scratch) / "InRelease", Path(scratch) / "Release"
            file.write_bytes(signed)
            argv = [self.program, *program.arguments(self.keyring, text, file)]
            result = command.run(argv, timeout_s=TIMEOUT_S, check=False)
            if program.accepts(result) and text.exists():
                return text.read_text("utf-8", errors="replace")
        raise RuntimeFailed(
            f"{source} has no valid signature by Debian. {self.program} says:\n"
            + (result.stderr.strip() or f"(nothing; it ended with {result.returncode})"),
            hint="Check that the mirror is one of Debian. Get newer keys: "
            "sudo apt-get install debian-archive-keyring",
        )
