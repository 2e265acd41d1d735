"""The directory with a client's configuration and token.

HTCondor's clients read the configuration that ``CONDOR_CONFIG`` names. It replaces the user's own,
which is not changed.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from condor_mini.base.directories import user_state
from condor_mini.base.errors import StateError, UsageError
from condor_mini.base.progress import Progress
from condor_mini.base.tree import replacing
from condor_mini.client import tools
from condor_mini.client.access import access_to, chosen_access_point
from condor_mini.members.issued_tokens import are_accepted
from condor_mini.members.membership import LONGEST_DESCRIPTION, Members
from condor_mini.nodes.pool_nodes import NodesNow

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.client.access import Access
    from condor_mini.members.issued_tokens import Records
    from condor_mini.nodes.pool_nodes import PoolNodes

CONFIG = "condor_config"
PROGRAMS = f"{CONFIG}.tools"
"""The part about HTCondor's own programs. It stays when a later call does not ask for them: another
shell may use it."""
TOKENS = "tokens.d"
LIFETIME_S = 30 * 86400
"""How long a client's token is valid. A new one is made when half of this is over."""
_SILENT = Progress()
_FIRST_WORDS = "# The configuration of HTCondor's clients"
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f$]")
"""Characters that HTCondor would not take for a part of a path in its configuration."""


@dataclass(frozen=True, kw_only=True)
class ClientFiles:
    """A directory with a client's configuration and token, both up to date."""

    directory: Path
    access: Access
    programs: Path | None
    """Directory with HTCondor's own programs, if they were asked for."""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.directory / CONFIG

    @property
    def tokens(self) -> Path:
        """The directory with the token."""
        return self.directory / TOKENS

    def environment(self) -> dict[str, str]:
        """Return the variables with which HTCondor's clients use the pool.

        ``PATH`` is among them if the programs were asked for.
        """
        variables = {"CONDOR_CONFIG": str(self.config)}
        if self.programs is not None:
            others = os.environ.get("PATH", os.defpath).split(os.pathsep)
            ours = str(self.programs)
            variables["PATH"] = os.pathsep.join([ours, *(path for path in others if path != ours)])
        return variables


def client_files(
    pool: PoolNodes,
    access_point: str | None = None,
    *,
    directory: Path | None = None,
    with_tools: bool = False,
    lifetime_s: int = LIFETIME_S,
    progress: Progress = _SILENT,
) -> ClientFiles:
    """Write what a client needs, and return where it is. A token that is still good is kept.

    Args:
        pool: Pool to use.
        access_point: Access point to use by default. None for the first.
        directory: Directory to write to. None for one of this user for this access point.
        with_tools: Whether HTCondor's own programs are needed too.
        lifetime_s: How long a new token is valid, in seconds.
        progress: Receives the phases of making the programs.

    Raises:
        UsageError: The directory has a configuration of somebody else, or its path cannot stand in
            HTCondor's configuration.
        StateError: The directory cannot be written.
        CondorMiniError: What ``access_to``, ``Members.signers`` and ``Members.create_token`` raise.
    """
    pool = NodesNow(pool)
    point = chosen_access_point(pool, access_point)
    where = (directory or own_directory(pool, point.name)).absolute()
    if unusable := _UNUSABLE.search(str(where)):
        raise UsageError(
            f"{str(where)!r}: HTCondor cannot read a configuration with {unusable[0]!r} in a path",
            hint="Name another directory",
        )
    try:
        _check_ours(where)
        members, token = Members(pool.existing_nodes), where / TOKENS / pool.name
        access, records = access_to(pool, point, members.signers())
        programs = tools.programs(access.series, progress) if with_tools else None
        made = ClientFiles(directory=where, access=access, programs=programs)
        made.tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
        made.tokens.chmod(0o700)
        if not _is_good(token, records, lifetime_s):
            whose = f"{platform.node()}:{where}"[:LONGEST_DESCRIPTION]
            _put(token, members.create_token(lifetime_s=lifetime_s, description=whose).secret)
        _put(made.config, _config(made))
        if programs is not None:
            _put(where / PROGRAMS, _rendered(PROGRAMS, release=tools.release(programs)))
    except OSError as error:
        raise StateError(
            f"the client's files in {where} cannot be written: {error.strerror}",
            hint="Name another directory: condor-mini client DIR",
        ) from error
    return made


def own_directory(pool: PoolNodes, access_point: str) -> Path:
    """Return this user's directory for a client of an access point."""
    clients = user_state() / "clients"
    return clients / pool.engine.name / pool.name / access_point


def forget(pool: PoolNodes) -> None:
    """Remove this user's directories for clients of a pool."""
    from condor_mini.spec.types import NAME_PATTERN  # a third of the time of `env`

    if re.fullmatch(NAME_PATTERN, pool.name):  # another name could lead to any directory
        shutil.rmtree(own_directory(pool, "any").parent, ignore_errors=True)


def _check_ours(directory: Path) -> None:
    """Raise ``UsageError`` if the directory has a configuration that we have not written."""
    config = directory / CONFIG
    if config.exists() and not config.read_text("utf-8").startswith(_FIRST_WORDS):
        raise UsageError(
            f"{config} is not a file of condor-mini, and is not overwritten",
            hint=f"Name another directory, or remove it: rm {shlex.quote(str(config))}",
        )


def _is_good(token: Path, records: list[Records], lifetime_s: int) -> bool:
    if not token.exists():
        return False
    return are_accepted(records, token.read_text("utf-8"), for_s=lifetime_s / 2)


def _put(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(text, "utf-8")


def _config(written: ClientFiles) -> str:
    access = written.access
    return _rendered(
        CONFIG,
        pool=access.pool,
        collector=access.collector,
        schedd=access.schedd,
        domain=access.domain,
        network=access.private_network,
        tokens=written.tokens,
        programs=written.directory / PROGRAMS,
    )


def _rendered(template: str, **values: object) -> str:
    text = resources.files("condor_mini.client").joinpath(template).read_text("utf-8")
    return Template(text).substitute(values)
