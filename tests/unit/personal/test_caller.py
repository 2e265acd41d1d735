"""As whom the pool runs."""

from __future__ import annotations

import io
import tarfile

import pytest

from condor_mini.personal.caller import Caller, certificate_authorities

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


def test_no_bundle_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bundle of the caller's the image's own is used."""
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(variable, raising=False)
    assert certificate_authorities() is None
