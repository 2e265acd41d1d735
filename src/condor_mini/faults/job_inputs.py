"""The fault of a job's input: a file that is not where the job's ad says."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, UsageError
from condor_mini.faults.action import Action, Target
from condor_mini.faults.jobs import fit_jobs
from condor_mini.jobs.job_ads import AT_WORK, HELD, IDLE
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

SUFFIX = ".lost-by-condor-mini"
"""What the name of a file has at its end while it is lost."""
_PLAIN = re.compile(r"[^,'\"\s]+")
"""A path that a label can hold: see ``FaultRecord``."""


def _look(target: Target) -> str:
    """Return the owner of the jobs and the path of the file, as ``OWNER PATH``."""
    file = target.text("file")
    if not file:
        raise UsageError("name the input file: --file data.txt")
    found = set()
    for job in fit_jobs(target, (IDLE, *AT_WORK, HELD)):
        argv = ["condor_q", job, "-af:t", "Owner", "Iwd", "TransferInput"]
        owner, iwd, inputs = (*ask(target.node, argv).rstrip("\n").split("\t"), "", "")[:3]
        for path in (posixpath.join(iwd, one.strip()) for one in inputs.split(",")):
            if path.endswith(f"/{file.lstrip('/')}"):
                found.add((owner, path))
    if len(found) > 1:
        paths = ", ".join(path for _, path in sorted(found))
        raise UsageError(f"several files are {file}: {paths}; name the jobs one by one")
    if not found:
        raise NotFound(f"no such job has {file} in its transfer_input_files")
    owner, path = found.pop()
    if not _PLAIN.fullmatch(path):
        raise UsageError(f"{path}: a fault cannot record a path with commas, quotes or spaces")
    if _as_owner(target.node, owner, "test", "-f", path) != 0:
        raise NotFound(f"{path} is no file on {target.node.name}")
    return f"{owner} {path}"


def _as_owner(node: Node, owner: str, *argv: str) -> int:
    """Run a command as the owner of the jobs, who chose the path; return its status."""
    return node.exec(argv, user=owner).returncode


def _lose(target: Target, found: str) -> None:
    owner, _, path = found.partition(" ")
    argv = ("mv", "-T", "--", path, path + SUFFIX)
    result = target.node.exec(argv, user=owner)
    if result.returncode != 0:
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)


def _find_again(_: PoolNodes, node: Node, found: str) -> None:
    owner, _separator, path = found.partition(" ")
    if _as_owner(node, owner, "test", "-f", path + SUFFIX) != 0:
        return
    argv = ("mv", "-T", "-n", "--", path + SUFFIX, path)  # a file that is there again stays
    result = node.exec(argv, user=owner)
    if result.returncode != 0:
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)


ACTIONS = {"lose-input": Action(look=_look, strike=_lose, undo=_find_again)}
