"""The engines of several hosts as one engine, for pools whose nodes are on several hosts.

The id of a container or network says which host it is on. A name is looked for on the first host,
then on the others, so the names of containers must differ. Images are those of the first host; what
is on another one is had from ``at``.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from condor_mini.base.errors import HostNotReached, NotFound
from condor_mini.base.parallel import each
from condor_mini.engine.capabilities import require_builder
from condor_mini.engine.merged_lines import MergedLines
from condor_mini.engine.protocol import QUICK_TIMEOUT_S, Engine, ImageBuilder, ImageComposer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine.values import (
        BuildSpec,
        CommandResult,
        ContainerInfo,
        ContainerSpec,
        EngineInfo,
        ImageInfo,
        ImageTree,
        NetworkInfo,
        VolumeInfo,
    )

T = TypeVar("T")

FIRST = ""
"""The first host, as ``ContainerSpec.host`` names it."""
_MARK = "|"
"""Between a host and an id. No name of a container and no host has this character."""


class SeveralHosts(Engine):
    """The engines of several hosts. ``several_hosts`` makes one.

    Before the first question, each engine is asked whether it answers.
    """

    def __init__(
        self,
        first: Engine,
        others: Mapping[str, Engine],
        *,
        lenient: bool = False,
    ) -> None:
        self.name = first.name
        self._all = {FIRST: first, **others}
        self._lenient = lenient

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all hosts; that of the first is empty."""
        return tuple(self._all)

    def at(self, host: str) -> Engine:
        """Return the engine of a host."""
        return self._all[host]

    def lenient(self) -> Self:
        """Return the same engines, where hosts that do not answer now count as empty."""
        others = {host: engine for host, engine in self._all.items() if host}
        return type(self)(self._all[FIRST], others, lenient=True)

    @cached_property
    def unreached(self) -> dict[str, HostNotReached]:
        """The hosts that do not answer, each with the reason; they are asked once."""
        others = [place for place in self._all.items() if place[0]]
        return dict(filter(None, each(_reason, others)))

    def _live(self) -> dict[str, Engine]:
        """Return the engines to ask."""
        for failure in self.unreached.values():
            if not self._lenient:
                raise HostNotReached(failure.message, hint=failure.hint)
        return {host: engine for host, engine in self._all.items() if host not in self.unreached}

    def _everywhere(self, ask: Callable[[Engine], T]) -> dict[str, T]:
        live = self._live()
        return dict(zip(live, each(ask, live.values()), strict=True))

    def _place(self, container: str) -> tuple[Engine, str]:
        """Return the engine of a container, and what the engine calls the container."""
        host, is_id, own = container.rpartition(_MARK)
        if is_id:
            return self._all[host], own
        for engine in self._live().values():
            if engine.inspect(container) is not None:
                return engine, container
        raise NotFound(f"There is no container {container}.")

    def _by_engine(self, containers: Sequence[str]) -> list[tuple[Engine, list[str]]]:
        """Return each engine that has some of these containers, with those."""
        found: dict[str, list[str]] = {}
        for container in containers:
            host, is_id, own = container.rpartition(_MARK)
            hosts = [host] if is_id else [h for h, e in self._live().items() if e.inspect(own)][:1]
            for one in hosts:
                found.setdefault(one, []).append(own)
        return [(self._all[host], names) for host, names in found.items()]

    # -- the engine itself ------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``: what the first engine says."""
        return self._all[FIRST].info()

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``: on the host that the spec names."""
        self._live()
        created = self._all[spec.host].create(replace(spec, host=FIRST))
        return f"{spec.host}{_MARK}{created}"

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """See ``Engine.copy_in``."""
        engine, own = self._place(container)
        engine.copy_in(own, archive, at=at)

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        engine, own = self._place(container)
        return engine.copy_out(own, path)

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        engine, own = self._place(container)
        engine.copy_out_archive(own, path, archive)

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        engine, own = self._place(container)
        engine.start(own)

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
        engine, own = self._place(container)
        return engine.exec(
            own,
            argv,
            user=user,
            workdir=workdir,
            environment=environment,
            stdin=stdin,
            timeout_s=timeout_s,
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
        engine, own = self._place(container)
        return engine.attach(own, argv, user=user, workdir=workdir, environment=environment)

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """See ``Engine.logs``."""
        engine, own = self._place(container)
        return engine.logs(own, tail=tail, since=since, timestamps=timestamps)

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.follow``."""
        engine, own = self._place(container)
        return engine.follow(own, tail=tail, since=since, timestamps=timestamps)

    @contextmanager
    def changes(self) -> Iterator[Iterator[str]]:
        """See ``Engine.changes``: those of all hosts."""
        with ExitStack() as stack:
            changes = MergedLines()
            stack.callback(changes.end)
            for engine in self._live().values():
                changes.add(stack.enter_context(engine.changes()))
            yield changes

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``: those of all hosts."""
        found = self._everywhere(lambda engine: engine.containers(labels))
        return [_marked(host, info) for host, infos in found.items() for info in infos]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        host, is_id, own = container.rpartition(_MARK)
        for where in [host] if is_id else self._live():
            if (info := self._all[where].inspect(own)) is not None:
                return _marked(where, info)
        return None

    def stop(self, *containers: str, timeout_s: float) -> None:
        """See ``Engine.stop``: on all hosts at once."""
        each(
            lambda place: place[0].stop(*place[1], timeout_s=timeout_s), self._by_engine(containers)
        )

    def remove(self, *containers: str) -> None:
        """See ``Engine.remove``: on all hosts at once."""
        each(lambda place: place[0].remove(*place[1]), self._by_engine(containers))

    # -- networks and volumes ---------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``: on the first host. The others' are created at theirs."""
        self._live()
        self._all[FIRST].create_network(name, labels=labels, subnet=subnet)

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``: those of all hosts, that of the first host last."""
        found = self._everywhere(lambda engine: engine.networks(labels))
        return [
            replace(info, id=f"{host}{_MARK}{info.id}")
            for host, infos in reversed(found.items())
            for info in infos
        ]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``: a name is removed on all hosts."""
        host, is_id, own = name.rpartition(_MARK)
        if is_id:
            self._all[host].remove_network(own)
        else:
            self._everywhere(lambda engine: engine.remove_network(own))

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``: on the first host."""
        self._all[FIRST].create_volume(name, labels=labels)

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``: those of all hosts."""
        found = self._everywhere(lambda engine: engine.volumes(labels))
        return [info for infos in found.values() for info in infos]

    def remove_volume(self, *names: str) -> None:
        """See ``Engine.remove_volume``: on all hosts."""
        if names:
            self._everywhere(lambda engine: engine.remove_volume(*names))

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``: of the first host."""
        return self._all[FIRST].image(reference)

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``: on the first host."""
        self._all[FIRST].import_image(tarball, reference, labels=labels)

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``: of the first host."""
        self._all[FIRST].remove_image(reference)


class _Building(SeveralHosts, ImageBuilder):
    """The first engine builds images."""

    @property
    def _builder(self) -> ImageBuilder:
        return require_builder(self._all[FIRST], "build images")

    def images(self, references: Sequence[str]) -> dict[str, ImageInfo]:
        """See ``ImageBuilder.images``."""
        return self._builder.images(references)

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """See ``ImageBuilder.pull``."""
        self._builder.pull(reference, timeout_s=timeout_s)

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``ImageBuilder.build``."""
        self._builder.build(spec, on_line=on_line)

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """See ``ImageBuilder.save_images``."""
        self._builder.save_images(references, tarball)

    def load_images(self, tarball: Path) -> list[str]:
        """See ``ImageBuilder.load_images``."""
        return self._builder.load_images(tarball)


class _Composing(SeveralHosts, ImageComposer):
    """The first engine makes images of files."""

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """See ``ImageComposer.compose``."""
        if isinstance(first := self._all[FIRST], ImageComposer):
            first.compose(reference, tree, labels=labels)


def several_hosts(first: Engine, others: Mapping[str, Engine]) -> SeveralHosts:
    """Return the engines of several hosts as one.

    Args:
        first: Engine whose images are the images of all.
        others: Engine of each other host, by the host's name.
    """
    kind = _Building if isinstance(first, ImageBuilder) else SeveralHosts
    return (_Composing if isinstance(first, ImageComposer) else kind)(first, others)


def host_of(container: str) -> str:
    """Return the host that an id says a container is on; empty for the first or only one."""
    return container.rpartition(_MARK)[0]


def own_id(container: str) -> str:
    """Return what the engine of its host calls a container of that id."""
    return container.rpartition(_MARK)[2]


def on_each_host(engine: Engine) -> list[tuple[str, Engine]]:
    """Return each host of an engine and the engine there; an engine of one host is the first."""
    if isinstance(engine, SeveralHosts):
        return [(host, engine.at(host)) for host in engine.hosts]
    return [(FIRST, engine)]


def engine_at(engine: Engine, host: str) -> Engine:
    """Return the engine of a host; an engine of one host is that of all its containers."""
    return engine.at(host) if isinstance(engine, SeveralHosts) else engine


def lenient(engine: Engine) -> Engine:
    """Return an engine for which hosts that are not reached count as empty."""
    return engine.lenient() if isinstance(engine, SeveralHosts) else engine


def unreached(engine: Engine) -> dict[str, HostNotReached]:
    """Return the hosts that do not answer, each with the reason."""
    return engine.unreached if isinstance(engine, SeveralHosts) else {}


def _reason(place: tuple[str, Engine]) -> tuple[str, HostNotReached] | None:
    host, engine = place
    if isinstance(engine, ImageComposer):  # nobody is there to be asked
        return None
    try:
        engine.info()
    except HostNotReached as failure:
        return host, failure
    return None


def _marked(host: str, info: ContainerInfo) -> ContainerInfo:
    return replace(info, id=f"{host}{_MARK}{info.id}")
