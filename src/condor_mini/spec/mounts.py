"""Volumes and ports of a node in a pool file, with their short forms."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from condor_mini.spec.base import Part, ShortForm, reading, shown
from condor_mini.spec.types import one_line

HTCONDOR_DIRECTORIES = (
    *("/etc/condor", "/var/lib/condor", "/var/spool/condor", "/var/log/condor"),
    *("/run/condor-mini", "/usr/local/lib/condor-mini", "/usr/local/libexec/condor-mini"),
)
KERNEL_DIRECTORIES = ("/proc", "/sys", "/dev")
SYSTEM_DIRECTORIES = ("/bin", "/sbin", "/lib", "/usr/bin", "/usr/sbin", "/usr/lib", "/home/jovyan")
"""Directories that a node needs as they are. Directories in them can be mounted."""
MOST_PORT = 65535


def _path_in_container(value: str) -> str:
    path = PurePosixPath("/", one_line(value).lstrip("/"))
    if not value.startswith("/") or ".." in path.parts:
        raise ValueError(f"must be an absolute path in the container, not {shown(value)}")
    for own in map(PurePosixPath, HTCONDOR_DIRECTORIES):
        if own.is_relative_to(path) or path.is_relative_to(own):
            raise ValueError(f"must not contain or be inside HTCondor's own directory {own}")
    for kernel in KERNEL_DIRECTORIES:
        if path.is_relative_to(kernel):
            raise ValueError(f"must not be in {kernel}, whose files are the kernel's")
    for system in map(PurePosixPath, SYSTEM_DIRECTORIES):
        if system.is_relative_to(path):
            raise ValueError(
                f"must not hide the node's own {system}; a directory of its own is possible, for "
                f"example {system}/data or /data"
            )
    return str(path)


def _path_of_host(value: str, base: Path | None) -> str:
    path = os.path.expanduser(one_line(value))  # noqa: PTH111 (Path.expanduser raises if no home)
    if base is not None:
        path = os.path.normpath(base / path)
        if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises if it may not look)
            raise ValueError(f"does not exist on the host: {shown(path)}")
    if not path.startswith("/"):
        raise ValueError(f"must be an absolute path of the host, not {shown(value)}")
    return path


def _shared_source(value: str, info: ValidationInfo) -> str:
    base = reading(info).base
    path = _path_of_host(value, base)
    if base is not None and not Path(path).is_dir():
        raise ValueError(f"must be a directory, and {shown(path)} is not")
    return path


def _volume_source(value: str, info: ValidationInfo) -> str:
    if value.startswith(("/", ".", "~")):
        return _path_of_host(value, reading(info).base)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError(
            "must be a path that begins with / or ./, or the name of a volume: letters, digits, "
            f"dots, hyphens and underscores; not {shown(value)}"
        )
    return value


ContainerPath = Annotated[
    str, AfterValidator(_path_in_container), WithJsonSchema({"type": "string", "pattern": "^/"})
]
SharedSource = Annotated[str, AfterValidator(_shared_source)]
SamePath = Annotated[str, AfterValidator(_shared_source), AfterValidator(_path_in_container)]


class Volume(Part):
    """A directory or file of the host, or a volume of the pool's own, to mount in a node."""

    source: Annotated[str, AfterValidator(_volume_source)]
    """A path of the host, relative to the pool file, if it begins with / . or ~. Otherwise the name
    of a volume: all nodes that name it share it, and it is removed with the pool."""
    target: ContainerPath
    """The path in the node."""
    read_only: bool = False
    """Whether the node can only read it."""


def _volume(value: object) -> object:
    if isinstance(value, dict | Volume):
        return value
    found = re.fullmatch(r"([^:]+):([^:]+)(?::(ro|rw))?", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"must be SOURCE:TARGET or SOURCE:TARGET:ro, not {shown(value)}")
    return {"source": found[1], "target": found[2], "read_only": found[3] == "ro"}


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"must be an IP address, not {shown(value)}") from None


class Port(Part):
    """A TCP port of a node that is published on a port of the host."""

    container_port: Annotated[int, Field(ge=1, le=MOST_PORT)]
    """The port in the container."""
    host_port: Annotated[int, Field(ge=1, le=MOST_PORT)] | None = None
    """The port of the host. Default: any free port."""
    host_ip: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    """The address of the host; 0.0.0.0 for all addresses."""

    def clashes_with(self, other: Port) -> bool:
        """Return whether the host cannot publish both ports."""
        if self.host_port is None or self.host_port != other.host_port:
            return False
        ours, theirs = ipaddress.ip_address(self.host_ip), ipaddress.ip_address(other.host_ip)
        return ours == theirs or (
            ours.version == theirs.version and (ours.is_unspecified or theirs.is_unspecified)
        )


_PORT_FORM = re.compile(
    r"(?:(?:(?P<ip>[0-9.]+|\[[0-9A-Fa-f:.]+\]):)?(?P<host>[0-9]{0,9}):)?"
    r"(?P<container>[0-9]{1,9})(?:/tcp)?"
)


def _port(value: object) -> object:
    if isinstance(value, dict | Port):
        return value
    text = shown(value) if isinstance(value, int) else value
    found = _PORT_FORM.fullmatch(text) if isinstance(text, str) else None
    if not found or (found["host"] == "" and not found["ip"]):
        udp = isinstance(value, str) and value.endswith("/udp")
        hint = "; only TCP ports can be published" if udp else ""
        raise ValueError(f"must be PORT, HOST:PORT or ADDRESS:HOST:PORT, not {shown(value)}{hint}")
    return {
        "container_port": int(found["container"]),
        **({"host_port": int(found["host"])} if found["host"] else {}),
        **({"host_ip": found["ip"].strip("[]")} if found["ip"] else {}),
    }


_VOLUME = ShortForm({"type": "string", "pattern": "^[^:]+:/[^:]*(:r[ow])?$"})
_PORT = ShortForm(
    {"type": "string", "pattern": r"^(([0-9.]+:|\[[0-9A-Fa-f:.]+\]:)?[0-9]*:)?[0-9]+(/tcp)?$"},
    {"type": "integer", "minimum": 1, "maximum": MOST_PORT},
)
Volumes = Annotated[
    tuple[Annotated[Volume, BeforeValidator(_volume), _VOLUME], ...], Field(strict=False)
]
Ports = Annotated[tuple[Annotated[Port, BeforeValidator(_port), _PORT], ...], Field(strict=False)]
