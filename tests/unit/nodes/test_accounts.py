"""The accounts that an image of the user's own gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.layout import USER_IDS
from condor_mini.engine import EngineInfo, FakeEngine
from condor_mini.nodes import accounts
from condor_mini.nodes.accounts import settled, user_of, with_accounts
from condor_mini.spec import PoolSpec

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


def test_jovyan_has_other_numbers() -> None:
    """Files are the user's who creates the pool; submituser gives way."""
    passwd, group = with_accounts(DEBIAN, "root:x:0:\nusers:x:100:\n", (1001, 100))
    assert ids(passwd)["jovyan"] == ("1001", "100")
    assert ids(passwd)["submituser"] == ("1000", "1000")
    assert "users:x:100:\n" in group
    passwd, _ = with_accounts("jovyan:x:1000:1000::/home/jovyan:/bin/sh\n", "", (1001, 100))
    assert ids(passwd)["jovyan"] == ("1001", "100")


@pytest.mark.parametrize("user", [(1000, 1001), (1001, 1001), (4321, 1000)])
def test_no_two_users_have_a_number(user: tuple[int, int]) -> None:
    """Who gives way gets a number that jovyan has left."""
    passwd, _ = with_accounts("", "", user)
    numbers = [uid for uid, _ in ids(passwd).values()]
    assert len(set(numbers)) == len(numbers)
    assert ids(passwd)["jovyan"] == tuple(map(str, user))


# -- whose numbers ---------------------------------------------------------------------------------

HERE = FakeEngine().info()


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (HERE, (4321, 100)),
        (replace(HERE, rootless=True, has_routes=False), USER_IDS),
        (replace(HERE, same_host=False), USER_IDS),
        (replace(HERE, on_loopback=True, maps_caller=True), USER_IDS),
    ],
    ids=["here", "rootless", "elsewhere", "embedded"],
)
def test_jobs_run_with_the_callers_numbers(
    info: EngineInfo, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do where a container sees the owners of the machine's files, and only there."""
    monkeypatch.setattr(accounts, "caller_ids", lambda: (4321, 100))
    assert settled(PoolSpec(), info).user_ids == expected


@pytest.mark.parametrize(
    ("uid", "gid", "expected"),
    [(4321, 0, "4321:4321"), (0, 0, "1000:1000"), (999, 999, "1000:1000"), (1000, 5, "1000:5")],
)
def test_callers_who_are_no_ordinary_users(
    uid: int, gid: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root and the accounts of services have numbers that accounts of the images have, too."""
    monkeypatch.undo()
    monkeypatch.setattr("os.getuid", lambda: uid)
    monkeypatch.setattr("os.getgid", lambda: gid)
    assert settled(PoolSpec(), HERE).user == expected


def test_numbers_of_the_pool_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay, whoever creates the pool."""
    monkeypatch.setattr(accounts, "caller_ids", lambda: (4321, 100))
    assert settled(PoolSpec(user="5000"), HERE).user_ids == (5000, 5000)
    with pytest.raises(EngineCapabilityError, match="user: 5000"):
        settled(PoolSpec(user="5000"), replace(HERE, on_loopback=True))


def test_labels_of_a_node() -> None:
    """A node of an earlier version has no such label."""
    assert user_of({accounts.USER_LABEL: "4321:100"}) == (4321, 100)
    assert user_of({}) == USER_IDS
    assert user_of({accounts.USER_LABEL: "me:us"}) == USER_IDS
