"""The directory with all that an execution point needs on a compute node of Slurm.

It has the node's files as two archives, its settings, a token and two scripts. The compute nodes
have neither HTCondor nor condor-mini; they see the directory, because it is in the user's own.
"""

from __future__ import annotations

import gzip
import io
import platform
import shlex
import shutil
import tarfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from condor_mini import runtime
from condor_mini.base.errors import UsageError
from condor_mini.base.layout import USER_IDS
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.series import catalogue
from condor_mini.engine import BindMount, EngineInfo
from condor_mini.engine.embedded.tools import Tools
from condor_mini.images import composition
from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.certificates import default_bundle
from condor_mini.nodes.fit import fitted
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_node
from condor_mini.spec import Joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.base.progress import Progress
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import Endpoint, PoolSpec

BATCH, NODE, TOKEN = "pool.sbatch", "node.sh", "token"
"""The batch script, the script of each task, and the token that its nodes have."""
BATCH_LOG = "batch.log"
ROOT, TOOLS, CONFIGURATION, SETTINGS = "root.tar.gz", "tools.tar.gz", "files.tar", "settings"
FILES = (BATCH, NODE, TOKEN, ROOT, TOOLS, CONFIGURATION, SETTINGS)
"""All files that travel; ``node.sh`` says what is in them."""
PATIENCE_S = 600
"""How long a node stays that does not reach the central manager, in seconds. It has cores for which
somebody else waits."""
_BATCH = """#!/bin/bash
#SBATCH --job-name={pool}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
{time}#SBATCH --output={directory}/{log}
#SBATCH --open-mode=append
# Execution points of the HTCondor pool {pool}, one on each compute node that Slurm gives, as large
# as the job's share of it:
#
#   sbatch --cpus-per-task=8 --mem=16G {file}
#   scancel JOB
#
# They join the pool at {collector}. The compute nodes need no HTCondor: all is in this directory,
# which they must see. Whoever has `token` can add execution points to the pool.
set -eu
here={directory}
"""
_ROLE = Role.EXECUTION_POINT
_COMPUTE_NODE = EngineInfo(
    name="slurm",
    version="",
    endpoint="",
    rootless=True,
    same_host=True,
    cpus=0,
    memory_mb=0,
    architecture="",
    many_users=False,
    read_only_roots=False,
    on_loopback=True,
    limits=(),
)
"""What the nodes' files are adapted to: all processes belong to the user, and Slurm sets limits."""


@dataclass(frozen=True, kw_only=True)
class Traveller:
    """An execution point of a pool, for a host that is not known yet."""

    spec: PoolSpec
    collector: Endpoint
    """Where compute nodes reach the pool's central manager."""
    node: PlannedNode

    def write(
        self,
        directory: Path,
        token: str,
        progress: Progress,
        *,
        count: int,
        time_limit: str | None,
        kill_wait_s: int,
    ) -> Path:
        """Write the directory, and return the path of the batch script.

        Args:
            directory: An existing directory.
            token: Token of the nodes.
            progress: Receives the phases.
            count: Number of compute nodes.
            time_limit: As sbatch takes it. None for the partition's.
            kill_wait_s: Slurm's ``KillWait``: seconds from its first signal to the last.

        Raises:
            OSError: The directory cannot be written.
            RuntimeFailed: The pool's HTCondor cannot be had.
        """
        made = runtime.ensure(catalogue().get(self.spec.htcondor), progress).runtime
        # The sandbox is made with the programs of the default series: older ones lack options.
        default = catalogue().get(catalogue().default)
        tools = runtime.ensure(default, progress).runtime
        with progress.step("Packing HTCondor", done="Packed HTCondor"):
            _pack(made, directory / ROOT)
            if tools.root != made.root:
                _pack(tools, directory / TOOLS)
        archive = node_archive(self.node, more=default_bundle())
        (directory / CONFIGURATION).write_bytes(archive)
        texts = {
            SETTINGS: self._settings(Tools(tools.root), kill_wait_s=kill_wait_s),
            NODE: _text(NODE),
            BATCH: self._batch(directory, count=count, time_limit=time_limit),
        }
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
        (directory / TOKEN).touch(mode=0o600)
        (directory / TOKEN).write_text(f"{token}\n", encoding="ascii")
        return directory / BATCH

    def _batch(self, directory: Path, *, count: int, time_limit: str | None) -> str:
        body = _text("batch.sh").partition("\n")[2]  # without the line for shellcheck
        return (
            _BATCH.format(
                pool=self.spec.name,
                nodes=count,
                time=f"#SBATCH --time={time_limit}\n" if time_limit else "",
                directory=shlex.quote(str(directory)),
                log=BATCH_LOG,
                collector=self.collector,
                file=shlex.quote(str(directory / BATCH)),
            )
            + body
        )

    def _settings(self, tools: Tools, *, kill_wait_s: int) -> str:
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "CONDOR_MINI_ROLE": str(_ROLE),
            **self.node.container.environment,
        }
        environment.pop("NODE_ADDRESS", None)
        words = [f"{key}={value}" for key, value in environment.items()]
        mounts = [
            word
            for mount in self.node.container.mounts
            if isinstance(mount, BindMount)
            for word in (str(mount.source), mount.target, "ro" if mount.read_only else "")
        ]
        single = {
            "pool": self.spec.name,
            "machine": platform.machine(),
            "loader": tools.loader,
            "libraries": tools.libraries,
            "collector_address": self.collector.ip,
            "collector_port": str(self.collector.port),
            "user": ":".join(map(str, USER_IDS)),
            "kill_wait_s": str(kill_wait_s),
            "patience_s": str(PATIENCE_S),
        }
        lines = [f"{name}={shlex.quote(value)}" for name, value in single.items()]
        for name, several in {"environment": words, "mounts": mounts}.items():
            lines.append(f"{name}=({' '.join(map(shlex.quote, several))})")
        return "".join(f"{line}\n" for line in lines)


def traveller(spec: PoolSpec, group: str | None) -> Traveller:
    """Return an execution point as a pool has it in a group; None for its first with our image.

    Raises:
        UsageError: No other host reaches the pool, or it has no such group, or the group has an
            image of its own.
    """
    if spec.expose is None:
        raise UsageError(f"no other host reaches the pool {spec.name}")
    groups = {each.name: each for each in spec.execution_points if each.image is None}
    chosen = next(iter(groups), "") if group is None else group
    if chosen not in groups:
        what = f"group {chosen}" if chosen else "group"
        raise UsageError(
            f"the pool {spec.name} has no {what} of execution points with our image",
            hint=f"Choose one: --group {next(iter(groups))}" if groups else None,
        )
    joined = Joined(
        # Not empty: the nodes listen at their host's address, which node.sh finds out.
        central_manager=spec.expose.model_copy(update={"own_address": "0.0.0.0"}),  # noqa: S104
        trust_domain=spec.trust_domain,
        host="",
    )
    own = {"count": 1, "host": None}
    only = {"execution_points": (groups[chosen].model_copy(update=own),), "access_points": ()}
    asked = spec.model_copy(update=only).joining(joined, execution_points=None, access_points=None)
    (node,) = fitted([planned_node(asked, _ROLE, chosen, 1)], _COMPUTE_NODE)
    return Traveller(spec=spec, collector=spec.expose, node=node)


def discard(directory: Path, *, whole: bool) -> None:
    """Remove what travels, or the whole directory; an absent one is a success."""
    if whole:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        for name in FILES:
            (directory / name).unlink(missing_ok=True)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _pack(made: runtime.Runtime, to: Path) -> None:
    """Write the root directory of an execution point, packed; it is kept for the next time."""
    digest = composition.digest(str(_ROLE), catalogue().get(made.series))[:12]
    kept = made.path / f"{_ROLE}-{digest}.tar.gz"
    if not kept.is_file():
        try:
            with ScratchDirectory(directory=made.path, prefix=".packing-") as scratch:
                new = Path(scratch, kept.name)
                _write_root(made, new)
                new.rename(kept)
        except PermissionError:  # somebody else's runtime
            _write_root(made, to)
            return
    shutil.copyfile(kept, to)


def _write_root(made: runtime.Runtime, to: Path) -> None:
    image = composition.tree(made, str(_ROLE))
    # Level 1: a third of the time, for a tenth more.
    with (
        gzip.open(to, "wb", compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for member, content in _members(image.archive):
            tar.addfile(member, content)
        for target, source in image.shared.items():
            tar.add(source, target.lstrip("/"))


def _members(archive: bytes) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            yield member, content
