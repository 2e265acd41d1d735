"""Images, by the command line of Docker or Podman."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, ImageBuildFailed, NotFound
from condor_mini.engine import command
from condor_mini.engine.oci.adapter import OciAdapter
from condor_mini.engine.oci.answers import image_info
from condor_mini.engine.oci.argv import build_arguments, each
from condor_mini.engine.protocol import BUILD_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from condor_mini.engine.values import BuildSpec, ImageInfo


class OciImages(OciAdapter):
    """The images of the engine."""

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        try:
            answer = self._client.run("image", "inspect", reference)
        except NotFound:
            return None
        return image_info(*json.loads(answer.stdout))

    def images(self, references: Sequence[str]) -> dict[str, ImageInfo]:
        """See ``ImageBuilder.images``: one call, and one more for each that it does not show."""
        answer = self._client.run("image", "inspect", *references, check=False)
        prefix = self._dialect.local_prefix
        shown = {
            name.removeprefix(prefix): image_info(facts)
            for facts in json.loads(answer.stdout or "[]")
            for name in facts.get("RepoTags") or ()
        }
        found = {name: shown.get(name) or self.image(name) for name in references}
        return {name: image for name, image in found.items() if image}

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """See ``Engine.pull``."""
        self._client.run("pull", reference, timeout_s=timeout_s)

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        changes = [self._dialect.label_instruction(*label) for label in labels.items()]
        # An absolute path: a bare name could be taken for a URL.
        argv = ("import", *each("--change", changes), str(tarball.resolve()), reference)
        self._client.run(*argv, timeout_s=BUILD_TIMEOUT_S)

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``Engine.build``."""
        argv = self._client.argv(*build_arguments(spec, self._dialect.build_options))
        # Not the option --progress, which the classic builder does not know.
        environment = {"BUILDKIT_PROGRESS": "plain"}
        build = partial(
            command.stream, argv, on_line, timeout_s=BUILD_TIMEOUT_S, environment=environment
        )
        try:
            self._client.undisturbed(build)
        except FileNotFoundError:
            raise self._client.no_client() from None
        except CommandFailed as failure:
            if failure.returncode != 0 and re.search(self._dialect.unreachable, failure.stderr):
                raise self._client.unreachable(failure.stderr) from None
            outcome = (
                f"did not end within {BUILD_TIMEOUT_S:g} s"
                if failure.returncode is None
                else f"ended with {failure.returncode}"
            )
            raise ImageBuildFailed(
                f"Building {', '.join(spec.tags)} from {spec.context} {outcome}; its last lines:\n"
                f"{failure.stderr or '(no output)'}",
                hint=self._client.hint_of(failure.stderr)
                or f"Build it by hand: {shlex.join(argv)}",
                output=failure.stderr,
            ) from failure

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        self._client.end("rmi", reference)

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """See ``Engine.save_images``."""
        tarball.unlink(missing_ok=True)  # Podman does not overwrite a file
        options = (*self._dialect.save_options, "--output", str(tarball))
        self._client.run("save", *options, *references, timeout_s=BUILD_TIMEOUT_S)

    def load_images(self, tarball: Path) -> list[str]:
        """See ``Engine.load_images``."""
        output = self._client.run("load", "--input", str(tarball), timeout_s=BUILD_TIMEOUT_S).stdout
        return re.findall(self._dialect.loaded, output)
