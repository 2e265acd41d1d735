"""What a pool comes to in the files of other programs: services, configuration and YAML.

Each access point is a service, because it has state of its own; each group of execution points is
one, with as many containers as the group has nodes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from condor_mini.base.errors import UsageError
from condor_mini.base.layout import LABEL, USER_IDS
from condor_mini.base.words import counted
from condor_mini.nodes.certificates import VARIABLES
from condor_mini.nodes.condor_config import limited_config
from condor_mini.nodes.fit import LIMITED_CONFIG
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

Service = dict[str, Any]

CONFIG = "config"
"""The directory with HTCondor's configuration, beside a file of services."""
SECRETS = "/root/secrets"
"""Where the images look for a key and a token."""
AUTHORIZATIONS = {
    Role.ACCESS_POINT: ("ADVERTISE_SCHEDD", "ADVERTISE_MASTER"),
    Role.EXECUTION_POINT: ("ADVERTISE_STARTD", "ADVERTISE_MASTER"),
}
"""What a node's token allows, by the node's role."""


def check(
    what: str,
    spec: PoolSpec,
    nodes: Sequence[PlannedNode],
    problems: Iterable[str] = (),
    *,
    instead: str = "Write them into `ports` of each group",
) -> None:
    """Raise ``UsageError`` if the pool has something that only condor-mini can do.

    Args:
        what: The file: ``a Compose file``.
        spec: Spec of the pool.
        nodes: Its nodes.
        problems: Problems with files of this kind alone.
        instead: What to do instead of having ports chosen.
    """
    found = list(dict.fromkeys([*_problems(spec, nodes, instead), *problems]))
    if found:
        separator = "\n- " if len(found) > 1 else " "
        words = "".join(f"{separator}{problem}" for problem in found)
        raise UsageError(f"{what} cannot have all that this pool has:{words}")


def _problems(spec: PoolSpec, nodes: Sequence[PlannedNode], instead: str) -> Iterator[str]:
    for group in dict.fromkeys(node.group for node in nodes if node.has_own_image):
        yield (
            f"the group {group} has an image of its own, beside which condor-mini puts HTCondor: "
            "build an image on condor-execute, and name it in the file"
        )
    if spec.reachable:
        yield f"reachable: condor-mini chooses the ports. {instead}"
    if spec.expose:
        yield "expose: nodes of other hosts join pools of `condor-mini create`. Leave it out"
    if spec.user_ids != USER_IDS:
        yield "user: jovyan has UID 1000 in the images of `condor-mini build`. Leave `user` out"


def services_of(nodes: Sequence[PlannedNode]) -> Iterator[tuple[PlannedNode, int]]:
    """Yield the first node of each service, and the number of its containers."""
    yield from grouped(nodes, name_of)


def grouped(
    nodes: Iterable[PlannedNode], name: Callable[[PlannedNode], str]
) -> Iterator[tuple[PlannedNode, int]]:
    """Yield the first of the nodes that have the same name, and their number."""
    groups: dict[str, list[PlannedNode]] = {}
    for node in nodes:
        groups.setdefault(name(node), []).append(node)
    for of_name in groups.values():
        yield of_name[0], len(of_name)


def name_of(node: PlannedNode) -> str:
    """Return the name of a node's service: the node's, or that of a group of execution points."""
    if node.role is not Role.EXECUTION_POINT:
        return node.name
    suffix = "" if node.group == "default" else f"-{node.group}"
    return f"{node.pool}-{node.role}{suffix}"


def configuration(node: PlannedNode) -> Iterator[tuple[str, str, str]]:
    """Yield a node's configuration: path beside the file, path in the container, text.

    What several nodes have is yielded with the same path for each.
    """
    limited = {LIMITED_CONFIG: limited_config()} if node.container.pids else {}
    for path, text in {**limited, **node.files}.items():
        if text:
            file = path.rpartition("/")[2]
            of_pool = file.endswith("-pool") and node.role is not Role.CENTRAL_MANAGER
            yield f"{CONFIG}/{node.pool if of_pool else name_of(node)}.{file}", f"/{path}", text


def environment(node: PlannedNode) -> dict[str, str]:
    """Return the environment variables of a node's service."""
    return {k: v for k, v in node.container.environment.items() if k not in VARIABLES}


def labels(node: PlannedNode) -> dict[str, str]:
    """Return the labels of a node's service: those of the pool file."""
    return {k: v for k, v in node.container.labels.items() if not k.startswith(f"{LABEL}.")}


def token_command(role: Role) -> str:
    """Return the command that prints a token for the nodes of a role, where the key is."""
    words = " ".join(f"-authz {each}" for each in AUTHORIZATIONS[role])
    return f"condor_token_create -identity condor@$(condor_config_val UID_DOMAIN) {words}"


def given(service: Service) -> Service:
    """Return a service without the keys that have no value."""
    return {key: value for key, value in service.items() if value not in (None, [], {})}


def words(spec: PoolSpec) -> str:
    """Return what a pool has: ``a central manager, 1 access point, 2 execution points``."""
    access_points = counted(spec.access_point_count, "access point")
    execution_points = counted(spec.execution_point_count, "execution point")
    return f"a central manager, {access_points}, {execution_points}"


class Mode(int):
    """A file's mode, which YAML shows in octal."""


_NUMBER = re.compile(r"[-+]?[.\d]+[eE][-+]?\d+|0[oO]\d+")
"""Text that is a number in Go's YAML, and not in Python's, which writes it without quotes."""


class _PlainDumper(yaml.SafeDumper):
    """Writes text of several lines as a block, and repeats what is the same."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (yaml calls it)
        return True


class _Dumper(_PlainDumper):
    """Writes text in which Compose and Swarm see no variables."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _NUMBER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _escaped(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Compose would take $NAME for a variable of its caller.
    return _text(dumper, text.replace("$", "$$"))


def _mode(dumper: yaml.SafeDumper, mode: Mode) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:int", f"0{mode:o}")


_PlainDumper.add_representer(str, _text)
_PlainDumper.add_representer(Mode, _mode)
_Dumper.add_representer(str, _escaped)


def as_yaml(document: Mapping[str, object]) -> str:
    """Return a file of services as YAML, in which no text has variables."""
    return _dumped(document, _Dumper)


def as_plain_yaml(document: Mapping[str, object]) -> str:
    """Return a document as YAML, with text as it is."""
    return _dumped(document, _PlainDumper)


def _dumped(document: Mapping[str, object], dumper: type[_PlainDumper]) -> str:
    return yaml.dump(document, Dumper=dumper, sort_keys=False, width=1000)
