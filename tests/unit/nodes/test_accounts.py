"""The accounts that an image of the user's own gets."""

from __future__ import annotations

import pytest

from condor_mini.nodes.accounts import with_accounts

DEBIAN = "root:x:0:0:root:/root:/bin/bash\n_apt:x:100:65534::/nonexistent:/usr/sbin/nologin\n"


def ids(passwd: str) -> dict[str, tuple[str, str]]:
    """Return UID and GID of each user."""
    lines = [line.split(":") for line in passwd.splitlines()]
    return {line[0]: (line[2], line[3]) for line in lines}


def test_image_without_accounts() -> None:
    """An image without account files gets root, condor, jovyan and submituser."""
    passwd, group = with_accounts("", "")
    assert ids(passwd) == {
        "root": ("0", "0"),
        "condor": ("999", "999"),
        "jovyan": ("1000", "1000"),
        "submituser": ("1001", "1001"),
    }
    assert group == "root:x:0:\ncondor:x:999:\njovyan:x:1000:\nsubmituser:x:1001:\n"


def test_accounts_of_the_image_stay() -> None:
    """The image's own accounts are left as they are."""
    passwd, group = with_accounts(DEBIAN, "root:x:0:\nstaff:x:50:me,you\n")
    assert set(DEBIAN.splitlines()) <= set(passwd.splitlines())
    assert "staff:x:50:me,you\n" in group


def test_number_of_jovyan_is_taken() -> None:
    """UID 1000 is called jovyan from now on, and the image's user of that number stays."""
    node = "node:x:1000:1000::/home/node:/bin/bash"
    passwd, group = with_accounts(f"{DEBIAN}{node}\n", "node:x:1000:\n")
    lines = passwd.splitlines()
    jovyan = next(line for line in lines if line.startswith("jovyan:"))
    assert jovyan.startswith("jovyan:x:1000:1000:")
    assert lines.index(jovyan) < lines.index(node)
    assert group.index("jovyan:x:1000:") < group.index("node:x:1000:")


def test_jovyan_of_the_image_gets_our_number() -> None:
    """The image's own jovyan keeps group, home and shell, and gets UID 1000."""
    passwd, group = with_accounts("jovyan:x:4711:100:J:/home/j:/bin/zsh\n", "users:x:100:\n")
    assert "jovyan:x:1000:100:J:/home/j:/bin/zsh\n" in passwd
    assert "jovyan" not in group


def test_condor_of_the_image_keeps_its_number() -> None:
    """Files of an HTCondor that the image has stay that user's."""
    passwd, _ = with_accounts("condor:x:64:64::/var/lib/condor:/sbin/nologin\n", "condor:x:64:\n")
    assert ids(passwd)["condor"] == ("64", "64")


def test_condor_takes_a_number_that_is_free() -> None:
    """The user condor gets a number that no user and no group of the image has."""
    passwd, _ = with_accounts("a:x:999:1::/:/x\n", "b:x:998:\n")
    assert ids(passwd)["condor"] == ("997", "997")


@pytest.mark.parametrize("odd", ["+::::::", "broken", "a:b", "x:x:many:1::/:"])
def test_odd_lines_stay(odd: str) -> None:
    """A line that is no account is kept, and disturbs nobody."""
    passwd, group = with_accounts(f"{odd}\n", f"{odd}\n")
    assert f"{odd}\n" in passwd
    assert f"{odd}\n" in group
