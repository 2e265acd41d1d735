"""The engine itself: what ``Engine`` promises, over records, sandboxes and logs."""

from __future__ import annotations

import fcntl
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import tarfile
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.engine import command
from condor_mini.engine.embedded import journal
from condor_mini.engine.embedded.addresses import HOSTS, Networks
from condor_mini.engine.embedded.records import Record, Shelf, rewrite
from condor_mini.engine.embedded.sandbox import (
    NETWORK,
    NOTES,
    ROOT,
    Namespaces,
    Paths,
    Running,
    View,
    Way,
    can_be_others,
    environment_of,
    has_subordinate_ids,
)
from condor_mini.engine.embedded.tools import INSIDE, Tools
from condor_mini.engine.protocol import (
    QUICK_TIMEOUT_S,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    Engine,
    EngineInfo,
    ImageInfo,
    ImageTree,
    NetworkInfo,
    VolumeInfo,
    VolumeMount,
)
from condor_mini.errors import (
    CommandFailed,
    EngineCapabilityError,
    EngineNotFound,
    NotFound,
)
from condor_mini.readiness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

NAME = "embedded"
VERSION = "1"
START_TIMEOUT_S = 20.0
KILL_TIMEOUT_S = 10.0
COPY_TIMEOUT_S = 900.0
WAYS: tuple[type[Way], ...] = (Namespaces, Paths)
"""The better one first."""
KILLED = 137
"""A shell's status for SIGKILL; of a container whose keeper has not lived to note another."""


class EmbeddedEngine(Engine):
    """Containers of one user, below one directory."""

    name = NAME

    def __init__(
        self, tools: Callable[[], Path], *, directory: Path | None = None, way: str | None = None
    ) -> None:
        """Nothing is made or asked yet.

        Args:
            tools: Gives the runtime's tree, whose programs make the sandboxes.
            directory: Where everything is kept; the user's own by default.
            way: ``namespaces`` or ``paths``; the first of them that works by default.
        """
        self._find_tools = tools
        self._wanted_way = way or os.environ.get("CONDOR_MINI_SANDBOX") or None
        self.directory = (directory or default_directory()).resolve()
        self._containers = Containers(self.directory / "containers", self)
        self._images = Shelf(self.directory / "images", "image")
        self._volumes = Containers(self.directory / "volumes", self, kind="volume")
        self._networks = Networks(self.directory / "networks")

    @cached_property
    def tools(self) -> Tools:
        """The programs; made first if they are absent."""
        return Tools(self._find_tools())

    @cached_property
    def way(self) -> Way:
        """The best way that works here.

        Raises:
            EngineNotFound: None does; says why of each.
        """
        problems: list[str] = []
        many = can_be_others()
        subordinate = not many and os.geteuid() != 0 and has_subordinate_ids(self.tools)
        for kind in WAYS:
            if self._wanted_way not in (None, kind.name):
                continue
            # Where only paths are translated, all are us, whatever they seem to be.
            several = (many or subordinate) and kind is Namespaces
            way = kind(self.tools, many_users=several)
            problem = way.problem()
            if problem is None:
                self.passed_over = tuple(problems)
                return way
            problems.append(f"{kind.name}: {problem}")
        said = "\n".join(problems) or f"There is no way {self._wanted_way!r}."
        raise EngineNotFound(
            f"No sandbox can be made on this machine.\n{said}",
            hint="Use a container engine: condor-mini doctor --install-engine",
        )

    passed_over: tuple[str, ...] = ()
    """Better ways that do not work here, and why."""

    # -- the engine itself ------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return EngineInfo(
            name=self.name,
            version=VERSION,
            endpoint=f"{self.way.name}://{self.directory}",
            rootless=False,
            same_host=True,
            cpus=len(os.sched_getaffinity(0)),
            memory_mb=pages // 2**20,
            architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(
                platform.machine(), platform.machine()
            ),
            builds=False,
            many_users=self.way.many_users,
            read_only_mounts=self.way.read_only_mounts,
            on_loopback=True,
            maps_caller=True,
        )

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        record = self._images.find(reference)
        if record is None:
            return None
        size = (record.path / "root.tar").stat().st_size + record.facts.get("shared_bytes", 0)
        return ImageInfo(id=record.id, size_bytes=size, labels=record.labels)

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.compose``."""
        self._add_image(reference, labels, tree, lambda to: to.write_bytes(tree.archive))

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        if not tarball.is_file() or not tarfile.is_tarfile(tarball):
            raise CommandFailed(("import", str(tarball)), 1, "it is no tar archive")
        self._add_image(reference, labels, ImageTree(), lambda to: shutil.copyfile(tarball, to))

    def _add_image(
        self,
        reference: str,
        labels: Mapping[str, str],
        tree: ImageTree,
        write: Callable[[Path], object],
    ) -> None:
        config = {key: value for key, value in asdict(tree).items() if key != "archive"}
        config["shared"] = {target: str(source) for target, source in tree.shared.items()}
        shared = sum(_size(source) for source in tree.shared.values())
        facts = {"labels": dict(labels), "config": config, "shared_bytes": shared}

        def fill(place: Path) -> None:
            write(place / "root.tar")

        with self._images.locked():
            if (there := self._images.find(reference)) is not None:
                self._images.discard(self._images.take_away(there))
            self._images.add(reference, facts, fill)

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        users = [
            record.name for record in self._containers.all() if record.facts["image"] == reference
        ]
        if users:
            raise CommandFailed(("rmi", reference), 1, f"containers use it: {', '.join(users)}")
        if (record := self._images.find(reference)) is not None:
            self._images.discard(self._images.take_away(record))

    def pull(self, reference: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """No registry is asked."""
        raise self._cannot(f"fetch the image {reference}")

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:  # noqa: ARG002
        """No Dockerfile is read."""
        raise self._cannot(f"build {', '.join(spec.tags)}")

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """Images are made in a moment, of the runtime."""
        raise self._cannot(f"save {', '.join(references)} to {tarball}")

    def load_images(self, tarball: Path) -> list[str]:
        """Images are made in a moment, of the runtime."""
        raise self._cannot(f"load {tarball}")

    def _cannot(self, what: str) -> EngineCapabilityError:
        return EngineCapabilityError(
            f"the embedded engine cannot {what}: it makes its images of the runtime",
            hint="Use a container engine for that: --engine docker",
        )

    # -- networks and volumes ---------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        self._networks.create(name, labels, subnet)

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``."""
        return [
            NetworkInfo(id=record.id, name=record.name, labels=record.labels)
            for record in self._networks.all(labels)
        ]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        with self._networks.locked():
            record = self._networks.find(name)
            if record is None:
                return
            if record.facts["addresses"]:
                users = ", ".join(names[0] for names in record.facts["addresses"].values())
                raise CommandFailed(("network", "rm", name), 1, f"it has containers: {users}")
            self._networks.discard(self._networks.take_away(record))

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        with self._volumes.locked():
            if self._volumes.find(name) is None:
                facts = {"labels": dict(labels)}
                self._volumes.add(name, facts, lambda place: (place / "data").mkdir())

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``."""
        return [VolumeInfo(name=r.name, labels=r.labels) for r in self._volumes.all(labels)]

    def remove_volume(self, name: str) -> None:
        """See ``Engine.remove_volume``."""
        record = self._volumes.find(name)
        if record is None:
            return
        source = str(record.path / "data")
        for container in self._containers.all():
            if source in (mount[0] for mount in container.facts["mounts"]):
                raise CommandFailed(("volume", "rm", name), 1, f"{container.name} has it")
        self._volumes.discard(self._volumes.take_away(record))

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        image = self._images.get(spec.image)
        mounts = [
            (str(source), target, True)
            for target, source in image.facts["config"]["shared"].items()
        ]
        mounts += [self._mount(mount) for mount in spec.mounts]
        if not self.way.read_only_mounts and any(mount.read_only for mount in spec.mounts):
            raise EngineCapabilityError(
                f"without namespaces no mount can be read-only, as {spec.name} wants one",
                hint="Leave `:ro` out: the container can then write to it.",
            )
        if any(port.host_port for port in spec.ports):
            raise EngineCapabilityError(
                f"the embedded engine publishes no port at another address: {spec.name} is reached "
                "at its own",
                hint="Leave the host's port out; `condor-mini status` shows where it is reached.",
            )
        network = self._networks.get(spec.network) if spec.network else self._networks.default()
        facts = {
            "labels": {**image.labels, **spec.labels},
            "image": spec.image,
            "config": image.facts["config"],
            "spec": _plain(spec),
            "mounts": mounts,
            "network": network.name,
            "way": self.way.name,
        }
        if self._containers.find(spec.name) is not None:
            self._containers.add(spec.name, facts)  # says that the name is taken
        address = self._networks.join(
            network.name, (spec.hostname or spec.name, spec.name), spec.ip
        )
        facts["address"] = address

        def fill(place: Path) -> None:
            root = place / ROOT
            root.mkdir()
            (place / NOTES).mkdir()
            argv = ["-xpf", str(image.path / "root.tar"), "--numeric-owner", "-C", str(root)]
            owners = self._owners(as_caller=spec.as_caller)
            command.run(self.way.as_owner("tar", *owners, *argv), timeout_s=COPY_TIMEOUT_S)
            needed = [root / name.lstrip("/") for name in (INSIDE, NETWORK, "/.old")]
            command.run(
                self.way.as_owner("mkdir", "-p", *map(str, needed), f"{root}/etc"),
                timeout_s=QUICK_TIMEOUT_S,
            )
            links = ("-sf", f"{NETWORK}/hosts", f"{root}/etc/hosts")
            command.run(self.way.as_owner("ln", *links), timeout_s=QUICK_TIMEOUT_S)

        try:
            return self._containers.add(spec.name, facts, fill).id
        except BaseException:
            self._networks.leave(network.name, address)
            raise

    def _owners(self, *, as_caller: bool) -> list[str]:
        """Options of tar(1): where all of a container is the caller's, its files are too."""
        return [] if self.way.many_users and not as_caller else ["--no-same-owner"]

    def copy_in(self, container: str, archive: bytes | BinaryIO) -> None:
        """See ``Engine.copy_in``."""
        record = self._containers.get(container)
        owners = self._owners(as_caller=record.facts["spec"]["as_caller"])
        options = ("-xpf", "-", "--numeric-owner", "--keep-directory-symlink", *owners, "-C", "/")
        self._on_files(record, "tar", *options, stdin=archive)

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        record = self._containers.get(container)
        self._check_there(record, path, container)
        try:
            return self._on_files(record, "cat", "--", path).stdout
        except CommandFailed:
            raise NotFound(f"{path} in container {container} is not a file.") from None

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        record = self._containers.get(container)
        self._check_there(record, path, container)
        folder, name = os.path.split(path.rstrip("/"))
        options = ("-cf", "-", "--numeric-owner", "-C", folder or "/", "--", name or ".")
        self._on_files(record, "tar", *options, stdout=archive)

    def _check_there(self, record: Record, path: str, container: str) -> None:
        try:
            self._on_files(record, "stat", "--", path)
        except CommandFailed:
            raise NotFound(f"There is no {path} in container {container}.") from None

    def _on_files(
        self,
        record: Record,
        program: str,
        *arguments: str,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
    ) -> command.BytesResult:
        argv = self.way.inside(self._view(record, 0, 0), program, *arguments)
        return command.run_bytes(argv, timeout_s=COPY_TIMEOUT_S, stdin=stdin, stdout=stdout)

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        record = self._containers.get(container)
        with _alone(record):  # of several who start it, one does
            if _running(record) is None:
                self._start(record)

    def _start(self, record: Record) -> None:
        for name in ("exit", ".exit", "keeper", f"{NOTES}/pid"):
            (record.path / name).unlink(missing_ok=True)
        rewrite(record.path / "started", datetime.now(UTC).isoformat())
        self._write_resolver(record)
        spec = record.facts["spec"]
        config = record.facts["config"]
        entrypoint = [spec["entrypoint"]] if spec["entrypoint"] else config["entrypoint"]
        default = [] if spec["entrypoint"] else config["command"]
        argv = [*entrypoint, *(spec["command"] or default)]
        view, environment = self._seen_by(record, None, None)
        start = self.way.start(view, self._workdir(record, None), self._limited(spec, argv))
        with (
            as_file(files(__package__).joinpath("keeper.sh")) as keeper,
            (record.path / "complaints").open("w") as complaints,
        ):
            # In a session of its own, and no child of ours: it lives on, and nobody waits for it.
            kept = self.tools.argv("bash", str(keeper), *start)
            subprocess.run(
                self.tools.argv("setsid", "--fork", *kept),
                cwd=record.path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                check=True,
                timeout=QUICK_TIMEOUT_S,
                preexec_fn=_hear_signals,
            )

            def pending() -> str | None:
                if _noted(record) or (record.path / "exit").exists():
                    return None
                return f"{record.name} has not started"

            wait_until(pending, timeout_s=START_TIMEOUT_S, interval_s=0.005)
        if _noted(record) is None:
            said = journal.read(record.path, tail=10, since=None, timestamps=False)
            raise CommandFailed(("start", record.name), 1, said)

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """See ``Engine.exec``."""
        enter, variables = self._entering(container, argv, user, workdir, environment)
        given = None if stdin is None else stdin.encode()
        done = command.run_bytes(
            enter,
            timeout_s=timeout_s,
            stdin=given,
            check=False,
            environment=variables,
            before=_hear_signals,
        ).text()
        # Killed with all that is in the container, or alone: as a shell has it, and other engines.
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        self._raise_if_it_ended(container, status)
        return CommandResult(
            argv=tuple(argv), returncode=status, stdout=done.stdout, stderr=done.stderr
        )

    def attach(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """See ``Engine.attach``."""
        enter, variables = self._entering(container, argv, user, workdir, environment)
        status = command.attach(enter, environment=variables)
        self._raise_if_it_ended(container, status)
        return status

    def _entering(
        self,
        container: str,
        argv: Sequence[str],
        user: str | None,
        workdir: str | None,
        environment: Mapping[str, str] | None,
    ) -> tuple[list[str], dict[str, str]]:
        record = self._containers.get(container)
        running = _running(record)
        if running is None:
            raise NotFound(f"Container {container} is not running.")
        view, variables = self._seen_by(record, user, environment)
        return self.way.enter(view, running, self._workdir(record, workdir), argv), variables

    def _raise_if_it_ended(self, container: str, status: int) -> None:
        """Tell a command that could not be run from one that failed."""
        if status != 0:
            record = self._containers.find(container)
            if record is None or _running(record) is None:
                raise NotFound(f"Container {container} is not running.")

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """See ``Engine.logs``."""
        place = self._containers.get(container).path
        return journal.read(place, tail=tail, since=since, timestamps=timestamps)

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.follow``."""
        record = self._containers.get(container)
        lines = journal.Followed(
            record.path,
            lambda: (record.path / "exit").exists() or _running(record) is None,
            tail=tail,
            since=since,
            timestamps=timestamps,
        )

        @contextmanager
        def following() -> Iterator[Iterator[str]]:
            try:
                yield lines
            finally:
                lines.stop()

        return following()

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        return [_info(record) for record in self._containers.all(labels)]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        record = self._containers.find(container)
        return None if record is None else _info(record)

    def stop(self, *containers: str, timeout_s: float) -> None:
        """See ``Engine.stop``."""
        found = [record for name in containers if (record := self._containers.find(name))]
        for record in found:
            if running := _running(record):
                self._signal(running, running.pid, signal.SIGTERM)

        def ends() -> str | None:
            left = [record.name for record in found if _running(record)]
            return f"{', '.join(left)} runs" if left else None

        from condor_mini.errors import PoolNotReady

        with suppress(PoolNotReady):
            wait_until(ends, timeout_s=timeout_s, interval_s=0.01)
        self._kill(found)

    def remove(self, *containers: str) -> None:
        """See ``Engine.remove``."""
        found = [record for name in containers if (record := self._containers.find(name))]
        self._kill(found)
        for record in found:
            self._networks.leave(record.facts["network"], record.facts["address"])
            self._containers.discard(self._containers.take_away(record))

    def _kill(self, records: Sequence[Record]) -> None:
        """Kill what runs of them, and wait until nothing of them does."""
        for record in records:
            if running := _running(record):
                self.way.kill(running, self._signal)

        def left() -> str | None:
            names = [record.name for record in records if _running(record)]
            return f"{', '.join(names)} cannot be killed" if names else None

        wait_until(left, timeout_s=KILL_TIMEOUT_S, interval_s=0.01)

    def _signal(self, running: Running, pid: int, number: signal.Signals) -> None:  # noqa: ARG002
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:  # it is one of our subordinate users
            script = f"kill -{number.name.removeprefix('SIG')} {pid}"
            with suppress(CommandFailed):
                command.run(self.way.as_owner("dash", "-c", script), timeout_s=QUICK_TIMEOUT_S)

    # -- details ----------------------------------------------------------------------------------

    def _mount(self, mount: object) -> tuple[str, str, bool]:
        from condor_mini.engine.protocol import BindMount

        if isinstance(mount, VolumeMount):
            data = self._volumes.get(mount.volume).path / "data"
            return str(data), mount.target, mount.read_only
        assert isinstance(mount, BindMount)  # noqa: S101 (there are two kinds)
        if not mount.source.exists():
            raise CommandFailed(("mount", str(mount.source)), 1, f"there is no {mount.source}")
        return str(mount.source.absolute()), mount.target, mount.read_only

    def _view(self, record: Record, uid: int, gid: int) -> View:
        spec = record.facts["spec"]
        network = self._networks.path(record.facts["network"]) / HOSTS
        dropped = "ALL" in spec["cap_drop"]
        return View(
            directory=record.path,
            hostname=spec["hostname"] or record.id[:12],
            mounts=[(str(network), NETWORK, True), *map(tuple, record.facts["mounts"])],
            uid=uid,
            gid=gid,
            as_caller=spec["as_caller"],
            capabilities=spec["cap_add"] if dropped else None,
        )

    def _seen_by(
        self, record: Record, user: str | None, environment: Mapping[str, str] | None
    ) -> tuple[View, dict[str, str]]:
        """The container for one user, and what that user's environment is."""
        spec, config = record.facts["spec"], record.facts["config"]
        uid, gid, home = _account(record, user or spec["user"] or config["user"] or "0")
        own = {**spec["environment"], **(environment or {})}
        return self._view(record, uid, gid), environment_of(config["environment"], own, home)

    def _workdir(self, record: Record, workdir: str | None) -> str:
        own: str = record.facts["spec"]["workdir"] or record.facts["config"]["workdir"] or "/"
        return workdir or own

    def _limited(self, spec: Mapping[str, object], argv: list[str]) -> list[str]:
        """The same command, with the limits that can be set for its processes."""
        cpus, memory_mb = spec["cpus"], spec["memory_mb"]
        if isinstance(memory_mb, int):
            argv = [*self.tools.inside("prlimit", f"--as={memory_mb * 2**20}", "--"), *argv]
        if isinstance(cpus, (int, float)):
            ours = sorted(os.sched_getaffinity(0))[: max(1, round(cpus))]
            argv = [*self.tools.inside("taskset", "-c", ",".join(map(str, ours))), *argv]
        return argv

    def _write_resolver(self, record: Record) -> None:
        """The host's name servers, which may have changed since the last start."""
        with suppress(OSError, CommandFailed):
            text = Path("/etc/resolv.conf").read_bytes()
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                member = tarfile.TarInfo("etc/resolv.conf")
                member.size, member.mode = len(text), 0o644
                tar.addfile(member, io.BytesIO(text))
            self.copy_in(record.name, archive.getvalue())


class Containers(Shelf):
    """A shelf whose things hold files of other users than us."""

    def __init__(self, directory: Path, engine: EmbeddedEngine, kind: str = "container") -> None:
        super().__init__(directory, kind)
        self._engine = engine

    def discard(self, directory: Path) -> None:
        """See ``Shelf.discard``."""
        if directory.exists():
            with suppress(CommandFailed):
                argv = self._engine.way.as_owner("rm", "-rf", "--", str(directory))
                command.run(argv, timeout_s=COPY_TIMEOUT_S)
            super().discard(directory)


def default_directory() -> Path:
    """Where the user's containers are."""
    from platformdirs import user_state_path

    return user_state_path("condor-mini", appauthor=False) / "engine"


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*") if not path.is_dir())


def _plain(spec: ContainerSpec) -> dict[str, object]:
    said = asdict(spec)
    said.pop("mounts")
    return json.loads(json.dumps(said))  # type: ignore[no-any-return]


@contextmanager
def _alone(record: Record) -> Iterator[None]:
    """While nobody else starts the container."""
    try:
        lock = os.open(record.path / ".starting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise NotFound(f"There is no container {record.name}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _noted(record: Record) -> Running | None:
    """The first process, as it was noted when it began; dead by now, perhaps."""
    noted = _words(record.path / NOTES / "pid", 4)
    return Running(pid=int(noted[0]), parent=int(noted[1])) if noted else None


def _running(record: Record) -> Running | None:
    """The first process, if it lives, or its end has not been noted yet."""
    running = _noted(record)
    if running is None or (record.path / "exit").exists():
        return None
    _pid, _parent, start, boot = _words(record.path / NOTES / "pid", 4)
    if _words(Path("/proc/sys/kernel/random/boot_id"), 1) != [boot]:
        return None
    keeper = _words(record.path / "keeper", 2)
    if _lives(running.pid, start) or (keeper and _lives(int(keeper[0]), keeper[1])):
        return None if (record.path / "exit").exists() else running
    return None


def _words(path: Path, count: int) -> list[str]:
    """What a file of one line says; nothing where it is absent, or not yet written."""
    with suppress(OSError):
        text = path.read_text("utf-8")
        if text.endswith("\n") and len(text.split()) == count:
            return text.split()
    return []


def _lives(pid: int, start: str) -> bool:
    """Whether a process runs that began then; a number alone is given again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == start and fields[0] not in "ZX"


def _info(record: Record) -> ContainerInfo:
    running = _running(record)
    code: int | None = None
    if running is not None:
        state = ContainerState.RUNNING
    elif (record.path / "started").exists():
        state = ContainerState.EXITED
        try:
            code = int((record.path / "exit").read_text("utf-8"))
        except (OSError, ValueError):
            code = KILLED
    else:
        state = ContainerState.CREATED
    started_at = None
    with suppress(OSError, ValueError):
        started_at = datetime.fromisoformat((record.path / "started").read_text("utf-8"))
    address, ports = record.facts["address"], record.facts["spec"]["ports"]
    return ContainerInfo(
        id=record.id,
        name=record.name,
        image=record.facts["image"],
        state=state,
        exit_code=code,
        health=None,
        labels=record.labels,
        addresses={record.facts["network"]: address} if running else {},
        mounts={target: source for source, target, _ in record.facts["mounts"]},
        started_at=started_at,
        ports={port["container_port"]: f"{address}:{port['container_port']}" for port in ports}
        if running
        else {},
    )


def _account(record: Record, user: str) -> tuple[int, int, str]:
    """UID, GID and home of a user of the container: a name, a number, or both numbers."""
    name, _, group = user.partition(":")
    accounts = []
    with suppress(OSError):
        descriptor = os.open(record.path / ROOT / "etc/passwd", os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            accounts = [line.rstrip("\n").split(":") for line in file if line.count(":") == 6]
    for account in accounts:
        if name in (account[0], account[2]):
            gid = group or account[3]
            return int(account[2]), int(gid), account[5]
    if not name.isdigit():
        raise CommandFailed(("user", user), 1, f"there is no user {name} in {record.name}")
    return int(name), int(group or 0), "/root" if name == "0" else "/"


def _hear_signals() -> None:
    """Undo what we do for ourselves: a child would inherit it for good."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
