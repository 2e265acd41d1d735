"""An engine that is driven by its command line: ``docker``, or one that is compatible.

We use the command line and not the API of the socket: it brings contexts, TLS, SSH endpoints,
credential helpers and both builders. It costs 20 to 30 ms a call, and every call can be pasted into
a shell.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError
from condor_mini.engine.oci.client import JSON
from condor_mini.engine.oci.containers import OciContainers
from condor_mini.engine.oci.images import OciImages
from condor_mini.engine.oci.stores import OciNetworks
from condor_mini.engine.protocol import ImageBuilder, NamespaceKeeper

if TYPE_CHECKING:
    from condor_mini.engine.oci.shortcomings import Json
    from condor_mini.engine.values import EngineInfo

INFO_TIMEOUT_S = 20.0
"""Deadline of ``info``: an engine that is slower is of no use."""
NAMING = ("DOCKER", "CONTAINER")
"""What the environment variables begin with that name an engine to Docker's or Podman's client."""


class OciEngine(OciContainers, OciNetworks, OciImages, ImageBuilder, NamespaceKeeper):
    """The engine behind one row of the table of dialects."""

    _said: tuple[list[tuple[str, str]], EngineInfo] | None = None
    """What the engine said of itself, and the variables that named it."""

    def info(self) -> EngineInfo:
        """See ``Engine.info``.

        The engine that the environment names is asked once, because a command needs the answer
        several times, and it takes 45 ms. That the engine has gone since is what other calls say.
        """
        named = sorted(item for item in os.environ.items() if item[0].startswith(NAMING))
        if self._said is None or self._said[0] != named:
            self._said = named, self._ask()
        return self._said[1]

    def _ask(self) -> EngineInfo:
        """Return what the engine says of itself now."""
        try:
            answer = self._client.run("info", *JSON, check=False, timeout_s=INFO_TIMEOUT_S)
        except CommandFailed:
            raise self._client.unreachable(f"no answer within {INFO_TIMEOUT_S:g} s") from None
        facts: Json = json.loads(answer.stdout) if answer.stdout.strip() else {}
        # Clients before version 23 end with 0, and say only here that no daemon answered.
        trouble = "\n".join(facts.get("ServerErrors") or ())
        if answer.returncode != 0 or trouble or not facts:
            raise self._client.unreachable(trouble or answer.stderr)
        if blockers := list(self._dialect.blockers(facts)):
            raise EngineCapabilityError(
                f"{self.name} cannot be used here: {'; '.join(each.evidence for each in blockers)}",
                hint="\n".join(each.hint for each in blockers),
            )
        endpoint = self.endpoint((facts.get("ClientInfo") or {}).get("Context"))
        return self._dialect.engine_info(facts, endpoint)

    def endpoint(self, context: str | None = None, *, named: str | None = None) -> str:
        """Return where the client looks for the engine, whether or not one answers there.

        Args:
            context: The client's current context, if it is known: this saves a call.
            named: The endpoint that the user names. None for that in the environment.
        """
        if named := os.environ.get(self._dialect.host_variable) if named is None else named:
            return named
        if context == self._dialect.default_context:
            return self._dialect.default_endpoint
        host = "{{.Endpoints.docker.Host}}"
        asked = [context] if context else []
        return self._client.run("context", "inspect", "--format", host, *asked).stdout.strip()
