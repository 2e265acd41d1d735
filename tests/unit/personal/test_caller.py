"""As whom the pool runs."""

from __future__ import annotations

import io
import tarfile

import pytest

from condor_mini.engine import ContainerSpec
from condor_mini.engine.oci.argv import create_arguments
from condor_mini.personal.caller import Caller

PASSWD = b"root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\njovyan:x:1000:1000::/h:/bin/bash\n"
GROUP = b"root:x:0:\nwww:x:33:\njovyan:x:1000:\n"


@pytest.mark.parametrize(
    ("uid", "gid", "user"),
    [(0, 0, "1000:1000"), (4321, 99, "4321:99"), (4321, 0, "4321:4321"), (1000, 1000, "1000:1000")],
    ids=["root", "user", "group-of-root", "first-user"],
)
def test_user_is_never_root(uid: int, gid: int, user: str) -> None:
    """A pool runs as the caller, never as root nor in root's group."""
    assert Caller(uid=uid, gid=gid).user == user


def test_jovyan_gets_the_callers_numbers() -> None:
    """The account files name the caller's UID and GID jovyan."""
    files = Caller(uid=4321, gid=99).account_files(PASSWD, GROUP)
    assert b"jovyan:x:4321:99::/h:/bin/bash\n" in files["etc/passwd"]


def test_namesakes_of_the_number_are_gone() -> None:
    """A caller whose UID the image has given to somebody else is jovyan all the same."""
    files = Caller(uid=33, gid=33).account_files(PASSWD, GROUP)
    assert (b"www" in files["etc/passwd"], b"www" in files["etc/group"]) == (False, False)


def test_home_is_the_callers() -> None:
    """The archive makes the home directory the caller's own."""
    archive = Caller(uid=4321, gid=99).archive({})
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        home = tar.getmember("home/jovyan")
    assert (home.uid, home.gid, home.mode) == (4321, 99, 0o700)


# -- on an engine of the caller's own (docs/decisions/0005) ----------------------------------------


ROOTLESS = Caller(uid=4321, gid=4321, rootless=True)


def test_container_runs_as_its_root() -> None:
    """On a rootless engine the container's root is who the caller is."""
    assert ROOTLESS.user == "0:0"


def test_commands_are_jovyan_all_the_same() -> None:
    """Each command gets jovyan's number in a user namespace of its own."""
    assert ROOTLESS.user_namespace_prefix == (
        *("/usr/bin/unshare", "--user", "--map-user=1000", "--map-group=1000", "--"),
    )


def test_no_user_namespace_elsewhere() -> None:
    """On any other engine commands run as they are, without a capability."""
    caller = Caller(uid=4321, gid=4321)
    assert (caller.user_namespace_prefix, caller.capabilities) == ((), ())


def test_account_files_stay() -> None:
    """In that namespace jovyan has the number that the image gave it."""
    assert ROOTLESS.is_known_to_image


def test_directories_are_mounted_as_they_are() -> None:
    """Even root's own rootless engine needs no ID-mapped mounts."""
    assert not Caller(uid=0, gid=0, rootless=True).is_root


def test_home_is_the_container_roots() -> None:
    """The home directory belongs to the container's root: the caller."""
    with tarfile.open(fileobj=io.BytesIO(ROOTLESS.archive({}))) as tar:
        home = tar.getmember("home/jovyan")
    assert (home.uid, home.gid, home.mode) == (0, 0, 0o700)


def test_entrypoint_is_replaced() -> None:
    """A container's own first command goes before the image's entrypoint."""
    spec = ContainerSpec(image="i", name="n", entrypoint="/usr/bin/unshare", command=("--user",))
    words = create_arguments(spec)
    assert words[words.index("--entrypoint") :] == [
        "--entrypoint",
        "/usr/bin/unshare",
        "i",
        "--user",
    ]
