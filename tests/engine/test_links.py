"""Links in a container that its processes may have made: what is copied in does not follow them."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]

pytestmark = pytest.mark.engines("docker", "podman", "namespaces", "paths")


def archive(**members: str | None) -> bytes:
    """A tar of files, by what is in them; None is a directory, and ``-> x`` a link to x."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, what in members.items():
            member = tarfile.TarInfo(name)
            content = b""
            if what is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif what.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, what.removeprefix("-> ")
            else:
                content = what.encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    "sent", [{"x": None, "x/passwd": "forged"}, {"x": "forged"}], ids=["directory", "file"]
)
@pytest.mark.parametrize("runs", [False, True])
def test_what_is_copied_does_not_go_through_a_link_in_its_place(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    sent: dict[str, str | None],
    *,
    runs: bool,
) -> None:
    """A directory or file takes a link's place, or is refused; what the link leads to stays."""
    to = "-> /etc" if None in sent.values() else "-> /etc/passwd"
    container = create(spec)
    if runs:
        engine.start(container)
    engine.copy_in(container, archive(**{"etc/passwd": "its own", "tmp/x": to}))
    with suppress(CommandFailed):  # where the engine refuses it
        engine.copy_in(container, archive(**sent), at="/tmp")
    assert engine.copy_out(container, "/etc/passwd") == b"its own"


def test_what_is_copied_for_a_start_goes_through_the_images_links(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A file in a directory that the image has by a link is put where that leads."""
    container = create(spec)
    engine.copy_in(container, archive(var="-> etc"))
    engine.copy_in(container, archive(**{"var/file": "new"}))
    assert engine.copy_out(container, "/etc/file") == b"new"
