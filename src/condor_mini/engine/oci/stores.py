"""Networks and volumes, by the command line of Docker or Podman."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, EngineCapabilityError
from condor_mini.engine.oci.adapter import OciAdapter
from condor_mini.engine.oci.answers import network_info, volume_info
from condor_mini.engine.oci.argv import label_arguments, label_filters, read_as_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine.values import NetworkInfo, VolumeInfo


class OciNetworks(OciAdapter):
    """The networks of the engine."""

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        chosen = [] if subnet is None else ["--subnet", subnet]
        created = self._client.run("network", "create", *label_arguments(labels), *chosen, name)
        # Docker checks the name before it takes it: of four processes at once all four succeed. At
        # most one of them then sees no other network of that name; the others undo theirs.
        if len(self._networks_called(name)) > 1:
            self._client.end("network", "rm", created.stdout.strip())
            raise AlreadyInUse(f"Another process is creating the network {name} right now.")

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``."""
        ids = self._listed("network", "ls", "--no-trunc", *label_filters(labels))
        found = map(network_info, self._client.inspect("network", ids))
        return [info for info in found if labels.items() <= info.labels.items()]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        for network in self._networks_called(name):
            self._client.end("network", "rm", network)

    def _networks_called(self, name: str) -> list[str]:
        """Return the networks of that name or id: some engines allow several of one name."""
        layout = ("--no-trunc", "--format", "{{.ID}} {{.Name}}")
        listed = self._client.run("network", "ls", *layout).stdout
        rows = (line.split(maxsplit=1) for line in listed.splitlines())
        place = 1 if self._dialect.unique_networks else 0
        return [row[place] for row in rows if name in row]


class OciVolumes(OciAdapter):
    """The volumes of the engine."""

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        if self._dialect.bare_volume_labels:
            for key, value in labels.items():
                if read_as_csv(value):
                    raise EngineCapabilityError(
                        f"{self.name} makes no volume with a comma or a quote in a label: {key}"
                    )
        with suppress(AlreadyInUse):  # Docker does not raise this
            self._client.run("volume", "create", *label_arguments(labels), name)

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``."""
        names = self._listed("volume", "ls", *label_filters(labels))
        found = map(volume_info, self._client.inspect("volume", names))
        return [info for info in found if labels.items() <= info.labels.items()]

    def remove_volume(self, *names: str) -> None:
        """See ``Engine.remove_volume``."""
        if names:
            self._client.end("volume", "rm", *names)
