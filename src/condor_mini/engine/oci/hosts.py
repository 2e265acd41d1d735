"""Docker on another host: a context of the client by its name, or the URL of the engine there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine.oci.dialect import DOCKER
from condor_mini.engine.oci.engine import OciEngine

if TYPE_CHECKING:
    from condor_mini.engine.values import EngineInfo

OLDEST = 20
"""The oldest major version of Docker that pools were tested with."""


class DockerElsewhere(OciEngine):
    """Docker on another host. It mounts nothing of this machine, wherever its socket is."""

    def __init__(self, host: str) -> None:
        """Nothing is asked yet.

        Args:
            host: Name of a context, ``ssh://[USER@]HOST[:PORT]``, or ``tcp://HOST:PORT``, which is
                always with TLS: the certificates are where DOCKER_CERT_PATH says, else in the
                client's own directory (https://docs.docker.com/engine/security/protect-access/).
        """
        self.host = host
        super().__init__(replace(DOCKER, host=host, options=options_of(host)))

    def info(self) -> EngineInfo:
        """See ``Engine.info``. It is asked each time, because a host can go away meanwhile.

        Raises:
            EngineCapabilityError: The engine is too old.
        """
        found = self._ask()
        major = found.version.partition(".")[0]
        if major.isdigit() and int(major) < OLDEST:
            raise EngineCapabilityError(
                f"Docker on the host {self.host} is version {found.version}, and {OLDEST}.10 is "
                "the oldest that will do",
                hint=f"Get a newer Docker for the host {self.host}.",
            )
        return replace(found, same_host=False, has_routes=False)

    def endpoint(self, context: str | None = None, *, named: str | None = None) -> str:
        """See ``OciEngine.endpoint``."""
        url = self.host if "://" in self.host else ""
        return super().endpoint(context or self.host, named=named or url)


def options_of(host: str) -> tuple[str, ...]:
    """Return the options with which the client reaches a host's engine."""
    if "://" not in host:
        return ("--context", host)
    tls = ("--tlsverify",) if host.startswith("tcp://") else ()
    return (*tls, "--host", host)
