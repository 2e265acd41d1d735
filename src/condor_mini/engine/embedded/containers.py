"""Containers and volumes on disk: their files, and the commands that work on them."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING
from urllib.parse import unquote

from condor_mini.base.errors import CommandFailed, CondorMiniError, EngineCapabilityError, NotFound
from condor_mini.engine import command
from condor_mini.engine.embedded import state
from condor_mini.engine.embedded.namespaces import MOUNT_POINTS, STAGING
from condor_mini.engine.embedded.networks import HOSTS
from condor_mini.engine.embedded.processes import kill_all
from condor_mini.engine.embedded.records import Record, Store
from condor_mini.engine.embedded.sandbox import NETWORK, PID_FOLDER, ROOT, View, environment_of
from condor_mini.engine.values import BindMount, ScratchMount, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import BinaryIO

    from condor_mini.engine.embedded.networks import Networks
    from condor_mini.engine.embedded.sandbox import Sandbox
    from condor_mini.engine.values import ContainerInfo, ContainerSpec

COPY_TIMEOUT_S = 900.0
MAX_ROUNDS = 20
"""How often to look for processes that were started during the last round of kills."""
_RESOLVER = Path("/etc/resolv.conf")


class _OwnedStore(Store):
    """A store of directories whose files belong to other users than us."""

    def __init__(self, directory: Path, kind: str, sandbox: Callable[[], Sandbox]) -> None:
        super().__init__(directory, kind)
        self._find_sandbox = sandbox

    @property
    def sandbox(self) -> Sandbox:
        """Return the sandbox through which the files are reached."""
        return self._find_sandbox()

    def discard(self, directory: Path) -> None:
        """See ``Store.discard``."""
        if directory.exists():
            with suppress(CommandFailed):
                argv = self.sandbox.as_owner("rm", "-rf", "--", str(directory))
                command.run(argv, timeout_s=COPY_TIMEOUT_S)
            super().discard(directory)


class Volumes(_OwnedStore):
    """All volumes."""

    def __init__(self, directory: Path, sandbox: Callable[[], Sandbox]) -> None:
        """Nothing is made yet."""
        super().__init__(directory, "volume", sandbox)

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        with self.locked():
            if self.find(name) is None:
                facts = {"labels": dict(labels)}
                self.add(name, facts, lambda place, _: (place / "data").mkdir())

    def data(self, record: Record) -> str:
        """Return the directory with the volume's files."""
        return str(record.path / "data")

    def name_of(self, data: str) -> str | None:
        """Return the name of the volume with that directory; None if there is no such volume."""
        place = Path(data)
        if place.name != "data" or place.parent.parent != self.directory:
            return None
        return unquote(place.parent.name)


class Containers(_OwnedStore):
    """All containers."""

    def __init__(
        self, directory: Path, sandbox: Callable[[], Sandbox], volumes: Volumes, networks: Networks
    ) -> None:
        """Nothing is made yet."""
        super().__init__(directory, "container", sandbox)
        self._volumes = volumes
        self._networks = networks

    def create(self, spec: ContainerSpec, image: Record, archive: BinaryIO) -> Record:
        """See ``Engine.create``; ``archive`` is the tar of the image's files."""
        self._check(spec)
        config = image.facts["config"]
        shared = config["shared"].items()
        mounts = [(os.path.realpath(source), target, True) for target, source in shared]
        # A root can be written here: there is nothing to mount for scratch.
        mounted = [mount for mount in spec.mounts if not isinstance(mount, ScratchMount)]
        mounts += [self._mount(mount) for mount in mounted]
        network = self._networks.get(spec.network) if spec.network else self._networks.default()
        facts = {
            "labels": {**image.labels, **spec.labels},
            "image": spec.image,
            "config": config,
            "spec": _as_json(spec),
            "mounts": mounts,
            "sources_are_real": True,
            "network": network.name,
        }

        def fill(place: Path, identity: str) -> None:
            names = (spec.hostname or spec.name, spec.name)
            facts["address"] = self._networks.join(network.name, identity, names, spec.ip)
            (place / ROOT).mkdir()
            (place / PID_FOLDER).mkdir()
            (place / STAGING).mkdir()
            owners = self._owners(as_caller=spec.as_caller)
            tar = self.sandbox.tools.argv("tar", "-xpf", "-", *owners)
            # Create only what is absent, and nothing behind a link.
            prepared = " ".join(f".{path}" for path in (*MOUNT_POINTS, NETWORK, "/etc"))
            script = f"""
                cd {shlex.quote(str(place / ROOT))}
                {shlex.join(tar)}
                {shlex.join(self.sandbox.tools.argv("mkdir", "-p"))} {prepared}
                [ -L etc ] || {shlex.join(self.sandbox.tools.argv("ln", "-sfT"))} \\
                    {NETWORK}/hosts etc/hosts
            """
            argv = self.sandbox.as_owner("dash", "-euc", script)
            command.run_bytes(argv, timeout_s=COPY_TIMEOUT_S, stdin=archive)

        try:
            return self.add(spec.name, facts, fill)
        except BaseException:
            self._networks.sweep_addresses(network.name)
            raise

    def _check(self, spec: ContainerSpec) -> None:
        if not self.sandbox.read_only_mounts and any(
            mount.read_only for mount in spec.mounts if not isinstance(mount, ScratchMount)
        ):
            raise EngineCapabilityError(
                f"without namespaces no mount can be read-only, as {spec.name} wants one",
                hint="Let it write there: leave `:ro` out; of --host-files, --host-files=rw.",
            )
        if any(port.host_port for port in spec.ports):
            raise EngineCapabilityError(
                f"the embedded engine publishes no port at another address: {spec.name} is reached "
                "at its own",
                hint="Leave the host's port out; `condor-mini status` shows where it is reached.",
            )

    def _mount(self, mount: BindMount | VolumeMount) -> tuple[str, str, bool]:
        if isinstance(mount, VolumeMount):
            if mount.labels is not None:
                self._volumes.create(mount.volume, mount.labels)
            data = self._volumes.data(self._volumes.get(mount.volume))
            return data, mount.target, mount.read_only
        if not mount.source.exists():
            raise CommandFailed(("mount", str(mount.source)), 1, f"there is no {mount.source}")
        return os.path.realpath(mount.source), mount.target, mount.read_only

    def _check_sources(self, record: Record) -> None:
        """Refuse a mount whose source has become a link: a job made it, in another mount."""
        if "sources_are_real" not in record.facts:  # created by an older condor-mini
            return
        for source, _, _ in record.facts["mounts"]:
            if (real := os.path.realpath(source)) != source:
                raise CondorMiniError(
                    f"{record.name} has {source} mounted, and a symbolic link there leads to "
                    f"{real} by now",
                    hint="A job may have made it. Put back what was there, or delete the pool.",
                )

    def info(self, record: Record) -> ContainerInfo:
        """Return what ``Engine.inspect`` reports of it."""
        targets = {target: source for source, target, _ in record.facts["mounts"]}
        names = {target: self._volumes.name_of(source) for target, source in targets.items()}
        return state.info(record, {target: name for target, name in names.items() if name})

    # -- files ------------------------------------------------------------------------------------

    def unpack(self, record: Record, archive: bytes | BinaryIO, at: str) -> None:
        """See ``Engine.copy_in``."""
        owners = self._owners(as_caller=record.facts["spec"]["as_caller"])
        # tar changes modes by fchmodat2(2). proot does not know this call, so that its path is not
        # translated, and it fails in a mount. Without -p tar creates files with their modes.
        modes = "--same-permissions" if self.sandbox.changes_modes else "--no-same-permissions"
        # What a node gets for its start goes through links of its image (/bin, /var/run). Elsewhere
        # a job may have created the links: there a directory replaces a link.
        links = ("--keep-directory-symlink",) if at == "/" else ()
        options = (modes, *links, *owners, "-C", at)
        self._on_files(record, "tar", "-xf", "-", *options, stdin=archive, umask=0)

    def content(self, record: Record, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        try:
            return self._on_files(record, "cat", "--", path).stdout
        except CommandFailed:
            self._check_there(record, path)
            raise NotFound(f"{path} in container {record.name} is not a file.") from None

    def pack(self, record: Record, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        self._check_there(record, path)
        folder, name = os.path.split(path.rstrip("/"))
        options = ("-cf", "-", "--numeric-owner", "-C", folder or "/", "--", name or ".")
        self._on_files(record, "tar", *options, stdout=archive)

    def _owners(self, *, as_caller: bool) -> list[str]:
        """Return options of tar(1): files are the caller's where the whole container is."""
        several = self.sandbox.many_users and not as_caller
        return ["--numeric-owner"] if several else ["--no-same-owner"]

    def _check_there(self, record: Record, path: str) -> None:
        try:
            self._on_files(record, "stat", "--", path)
        except CommandFailed:
            raise NotFound(f"There is no {path} in container {record.name}.") from None

    def _on_files(
        self,
        record: Record,
        program: str,
        *arguments: str,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        umask: int = -1,
    ) -> command.BytesResult:
        self._check_sources(record)
        argv = self.sandbox.inside(self._view(record, 0, 0), program, *arguments)
        return command.run_bytes(
            argv, timeout_s=COPY_TIMEOUT_S, stdin=stdin, stdout=stdout, umask=umask
        )

    # -- processes --------------------------------------------------------------------------------

    def start_command(
        self, record: Record, *, by_cgroup: Collection[str]
    ) -> tuple[str, list[str], dict[str, str]]:
        """Return the mark of a container's processes, what starts it, and its environment.

        The limits in ``by_cgroup`` are set by its control group.
        """
        self._check_sources(record)
        spec, config = record.facts["spec"], record.facts["config"]
        entrypoint = [spec["entrypoint"]] if spec["entrypoint"] else config["entrypoint"]
        default = [] if spec["entrypoint"] else config["command"]
        argv = [*entrypoint, *(spec["command"] or default)]
        view, environment = self.view_for(record, None, None)
        where = self.workdir(record, None)
        limited = self._with_limits(spec, argv, by_cgroup)
        start = self.sandbox.start(view, _resolver_script(), where, limited)
        return self.sandbox.mark(view), start, environment

    def end(self, record: Record) -> None:
        """Kill whatever runs of a container."""
        first, view = state.live_init(record), self._view(record, 0, 0)
        if not first and (shim := state.shim(record)):
            # It is about to start, or its first process was killed: all are in one process group.
            with suppress(OSError):
                os.killpg(shim, Signals.SIGKILL)
        for _ in range(MAX_ROUNDS):
            if not kill_all(self.sandbox.processes(view, first)):
                return
            first = None  # its number may belong to another process by now

    def view_for(
        self, record: Record, user: str | None, environment: Mapping[str, str] | None
    ) -> tuple[View, dict[str, str]]:
        """Return the container as one of its users sees it, and that user's environment."""
        spec, config = record.facts["spec"], record.facts["config"]
        uid, gid, home = state.account(record, user or spec["user"] or config["user"] or "0")
        own = {**spec["environment"], **(environment or {})}
        return self._view(record, uid, gid), environment_of(config["environment"], own, home)

    def workdir(self, record: Record, workdir: str | None) -> str:
        """Return the directory that a command starts in."""
        own: str = record.facts["spec"]["workdir"] or record.facts["config"]["workdir"] or "/"
        return workdir or own

    def _view(self, record: Record, uid: int, gid: int) -> View:
        spec = record.facts["spec"]
        network = self._networks.path(record.facts["network"]) / HOSTS
        return View(
            id=record.id,
            directory=record.path,
            hostname=spec["hostname"] or record.id[:12],
            mounts=[(str(network), NETWORK, True), *map(tuple, record.facts["mounts"])],
            uid=uid,
            gid=gid,
            as_caller=spec["as_caller"],
            capabilities=spec["cap_add"] if "ALL" in spec["cap_drop"] else None,
        )

    def _with_limits(
        self, spec: Mapping[str, object], argv: list[str], by_cgroup: Collection[str]
    ) -> list[str]:
        """Return a command with the limits that can be set for its processes.

        They are for limits that its control group does not have: a number of cores, and the
        address space of each process.
        """
        cpus, memory_mb = (
            None if limit in by_cgroup else spec[limit] for limit in ("cpus", "memory_mb")
        )
        tool = self.sandbox.tools.inside
        if isinstance(memory_mb, int):
            argv = [*tool("prlimit", f"--as={memory_mb * 2**20}", "--"), *argv]
        if isinstance(cpus, (int, float)):
            ours = sorted(os.sched_getaffinity(0))[: max(1, round(cpus))]
            argv = [*tool("taskset", "-c", ",".join(map(str, ours))), *argv]
        return argv


def _as_json(spec: ContainerSpec) -> dict[str, object]:
    fields = asdict(spec)
    fields.pop("mounts")
    return json.loads(json.dumps(fields))  # type: ignore[no-any-return]


def _resolver_script() -> str:
    """Return a script that gives a container the host's name servers as they are now."""
    try:
        text = _RESOLVER.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ":"
    return f"{{ printf %s {shlex.quote(text)} >/etc/resolv.conf; }} 2>/dev/null || :"
