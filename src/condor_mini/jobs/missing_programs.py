"""Programs that jobs ask for and a pool of the embedded engine lacks, and what to type."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from condor_mini.engine import ImageComposer
from condor_mini.jobs.runners import node_of
from condor_mini.nodes.node import Role, pool_nodes

if TYPE_CHECKING:
    from condor_mini.jobs.job_ads import Runner
    from condor_mini.nodes.node import Node

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
"""Where a job searches for a program with the host's files."""
_MESSAGES = re.compile(
    r"invalid interpreter \((?P<interpreter>/[^)]+)\)"  # a starter's hold reason
    r"|Failed to execute '(?P<executed>/[^']+)'(?!: invalid).*No such file"  # the same
    r"|access executable file (?P<submitted>/\S+): No such file"  # condor_submit
    r"|Executable file (?P<submitted_23>/\S+) does not exist"  # condor_submit of HTCondor 23
    r"|\benv: ['‘](?P<env>[^'’]+)['’]: No such file"  # noqa: RUF001 (coreutils' quotes)
    r"|(?P<bash>[^\s:]+): command not found"
    r"|: \d+: (?P<sh>[^\s:]+): not found"
    r"|(?P<bad>/[^\s:]+): bad interpreter: No such file"
)
"""What HTCondor and the shells say of a program that does not exist."""
_AT_SUBMISSION = re.compile("(?i)executable file ")
"""What condor_submit says of it."""


def missing_program(text: str) -> str | None:
    """Return the first program that a hold reason or a job's stderr says does not exist.

    It is a path, or a name that was searched for on ``PATH``; None if the text names none.
    """
    found = _MESSAGES.search(text)
    return next(filter(None, found.groups())) if found else None


def advice(runner: Runner, text: str) -> str | None:
    """Return what to type if a text says that a job lacks a program that this machine has.

    Args:
        runner: Access point or personal pool that the job was submitted to.
        text: Hold reason, the end of the job's stderr, or the output of condor_submit.

    Raises:
        EngineError: The engine does not answer.
    """
    program = missing_program(text)
    if program is None:
        return None
    of = advice_on_executable if _AT_SUBMISSION.search(text) else advice_on
    return of(runner, program)


def advice_on_executable(runner: Runner, path: str) -> str | None:
    """Return what to type if a submit file's executable is a program of this machine only.

    Raises:
        EngineError: The engine does not answer.
    """
    hint = advice_on(runner, path)
    # Otherwise it would be taken from the access point, which has no programs of the machine.
    return hint and f"{hint}. Submit it with transfer_executable = false"


def advice_on(runner: Runner, program: str) -> str | None:
    """Return what to type if a job lacks this program, and this machine has it.

    Without an engine, jobs have bash and coreutils only; ``--host-files`` shows them the programs
    of the machine. There is no advice for pools of other engines, for execution points with an
    image of the user's own, and for programs that this machine lacks too.

    Args:
        runner: Access point or personal pool that the job was submitted to.
        program: Path of the program, or a name that is searched for.

    Raises:
        EngineError: The engine does not answer.
    """
    if shutil.which(program, path=_PATH) is None:
        return None
    node = node_of(runner)
    if node is None or not isinstance(node.engine, ImageComposer):
        return None
    nodes = [n for n in pool_nodes(node.engine, node.pool) if n.role.acts_as(Role.EXECUTION_POINT)]
    if any(node.has_own_image for node in nodes):
        return None
    return (
        f"Without an engine, jobs have no {os.path.basename(program)}. "  # noqa: PTH119
        f"Give them this machine's programs: {_command(node)}"
    )


def _command(node: Node) -> str:
    """Return the commands that make the pool again with the host's files."""
    if node.is_personal:
        return "condor-mini run --host-files ro"
    return (
        f"condor-mini delete -n {node.pool}, then condor-mini create -n {node.pool} --host-files ro"
    )
