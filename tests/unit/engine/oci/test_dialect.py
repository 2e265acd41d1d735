"""What Podman's complaints mean, with a ``podman`` that is a script.

Its words are those of Podman 4.3.1 on Debian 12.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    EngineNotFound,
    NotFound,
)
from condor_mini.engine import OciEngine
from condor_mini.engine.oci.dialect import PODMAN
from condor_mini.engines import find_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    PutBinary = Callable[[str, str], None]

NO_NEWUIDMAP = (
    'Error: command required for rootless mode with multiple IDs: exec: "newuidmap": executable'
    " file not found in $PATH"
)
NO_RLIMIT = (
    'Error: unable to start container "01": runc: runc create failed: unable to start container'
    " process: error during container init: error setting rlimits for ready process: error setting"
    " rlimit type 6: operation not permitted: OCI permission denied"
)
NO_RLIMIT_BY_CRUN = (
    'Error: unable to start container "01": crun: setrlimit `RLIMIT_NPROC`: Operation not'
    " permitted: OCI permission denied"
)
HYBRID = (
    "Error: OCI runtime error: crun: cgroups in hybrid mode not supported, drop all controllers"
    " from cgroupv2"
)
NO_TUN = 'Error: /usr/bin/slirp4netns failed: "open(\\"/dev/net/tun\\"): Permission denied'


@pytest.fixture
def complain(put_binary: PutBinary) -> Callable[[str], OciEngine]:
    """Makes an engine whose client says this, and fails."""

    def complain(said: str) -> OciEngine:
        put_binary("podman", f"echo {shlex.quote(said)} >&2; exit 125")
        return OciEngine(PODMAN)

    return complain


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (NO_NEWUIDMAP, "sudo apt-get install uidmap"),
        (NO_RLIMIT, 'default_ulimits = ["nofile=1024:1024", "nproc=16384:16384"]'),
        (NO_RLIMIT_BY_CRUN, "default_ulimits"),
        (HYBRID, 'runtime = "runc"'),
        (NO_TUN, "sudo chmod 0666 /dev/net/tun"),
        ("Error: write /x: no space left on device", "podman system df"),
    ],
)
def test_trouble_has_a_remedy(complain: Callable[[str], OciEngine], said: str, hint: str) -> None:
    """What this machine does not let Podman do is told with what to do about it."""
    with pytest.raises((CommandFailed, EngineNotFound)) as caught:
        complain(said).start("x")
    assert hint in (caught.value.hint or "")


def test_podman_that_cannot_begin_is_not_found(complain: Callable[[str], OciEngine]) -> None:
    """Without newuidmap there is no Podman for an ordinary user."""
    complain(NO_NEWUIDMAP)
    with pytest.raises(EngineNotFound, match="podman does not answer: Error: command") as caught:
        find_engine("podman")
    assert "sudo apt-get install uidmap" in (caught.value.hint or "")


def test_podman_that_says_nothing_we_know(complain: Callable[[str], OciEngine]) -> None:
    """Of what is not known one is told where to look."""
    complain("Error: database configuration mismatch")
    with pytest.raises(EngineNotFound, match="mismatch") as caught:
        find_engine("podman")
    assert "podman info" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ('Error: no container with name or ID "x" found: no such container', NotFound),
        ("Error: x:1: image not known", NotFound),
        ("Error: unable to find network with name or ID x: network not found", NotFound),
        (
            (
                'Error: creating container storage: the container name "x" is already in use by 01.'
                " You have to remove that container to be able to reuse that name: that name is"
                " already in use"
            ),
            AlreadyInUse,
        ),
        ("Error: network name x already used: network already exists", AlreadyInUse),
        (
            (
                'Error: unable to start container "01": cannot listen on the TCP port: listen tcp4'
                " 127.0.0.1:18080: bind: address already in use"
            ),
            AlreadyInUse,
        ),
        (
            "Error: could not find free subnet from subnet pools",
            EngineCapabilityError,
        ),
    ],
)
def test_words_mean_errors(
    complain: Callable[[str], OciEngine], said: str, error: type[Exception]
) -> None:
    """Podman's words become the errors that Docker's become."""
    with pytest.raises(error):
        complain(said).start("x")


@pytest.mark.parametrize(
    "said",
    [
        'Error: no container with name or ID "x" found: no such container\n',
        "Error: can only create exec sessions on running containers: container state improper\n",
    ],
)
def test_words_of_a_container_that_cannot_run_it(said: str) -> None:
    """These words mean that the command never ran."""
    assert re.fullmatch(PODMAN.not_running, said)
