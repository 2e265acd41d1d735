"""The files of a client: what is in them, who reads them, and when a token is made again."""

from __future__ import annotations

import re
import stat
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import StateError, UsageError
from condor_mini.client import files, tools
from condor_mini.client.files import client_files, own_directory
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes


def mode(path: Path) -> int:
    """The permissions of a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)


def test_configuration_is_for_this_pool_alone(pool: Pool) -> None:
    """It names the pool's addresses, and keeps out every other configuration."""
    text = client_files(pool).config.read_text("utf-8")
    assert f"COLLECTOR_HOST = {pool.node('master').address}:9618\n" in text
    assert "SCHEDD_HOST = ci-submit-1.nodes.internal\n" in text
    assert "USER_CONFIG_FILE =\n" in text
    assert "$" not in text


def test_jobs_of_clients_are_as_those_of_the_access_point() -> None:
    """A submission writes HTCondor's defaults into the job, so they are the pool's own."""
    package = resources.files("condor_mini")
    profile = package.joinpath("images/condor-base/config.d/29-profiles").read_text("utf-8")
    ours = package.joinpath("client/condor_config").read_text("utf-8")
    (of_pool,) = re.findall(r"(?m)^JOB_DEFAULT_\w+ = .*", profile)
    assert re.findall(r"(?m)^JOB_DEFAULT_\w+ = .*", ours) == [of_pool]


def test_only_the_user_reads_them(pool: Pool, tmp_path: Path) -> None:
    """The token, its directory and the configuration have no permissions for others."""
    found = client_files(pool, directory=tmp_path / "client")
    assert [mode(path) for path in (found.tokens, found.tokens / "ci", found.config)] == [
        *(0o700, 0o600, 0o600)
    ]


def test_token_can_query_and_submit_and_expires(pool: Pool, tmp_path: Path) -> None:
    """It is listed with the directory that has it."""
    client_files(pool, directory=tmp_path, lifetime_s=600)
    (token,) = (each for each in pool.members.tokens() if each.kind == "issued")
    assert token.authorizations == ("READ", "WRITE")
    assert token.description.endswith(f":{tmp_path}")
    assert token.expires_at is not None
    assert token.issued_at is not None
    assert (token.expires_at - token.issued_at).total_seconds() == 600


def test_a_good_token_is_kept(pool: Pool) -> None:
    """The second call makes no other token."""
    first = client_files(pool).tokens / "ci"
    secret = first.read_text("utf-8")
    client_files(pool)
    assert first.read_text("utf-8") == secret


def test_a_revoked_token_is_replaced(pool: Pool) -> None:
    """So is one of a pool of the same name that was deleted, and one that is half over."""
    token = client_files(pool).tokens / "ci"
    secret = token.read_text("utf-8")
    (made,) = (each for each in pool.members.tokens() if each.kind == "issued")
    pool.members.revoke([made.id])
    client_files(pool)
    assert token.read_text("utf-8") != secret


def test_a_token_whose_half_is_over_is_replaced(pool: Pool, nodes: TokenNodes) -> None:
    """A client that is started with it has at least half of the lifetime left."""
    nodes.now -= 400
    token = client_files(pool, lifetime_s=600).tokens / "ci"
    secret = token.read_text("utf-8")
    client_files(pool, lifetime_s=600)
    assert token.read_text("utf-8") != secret


def test_a_file_of_somebody_else_is_kept(pool: Pool, tmp_path: Path) -> None:
    """A configuration that is not ours is not overwritten, and no token is made."""
    (tmp_path / "condor_config").write_text("CONDOR_HOST = real.example\n")
    with pytest.raises(UsageError, match="is not a file of condor-mini"):
        client_files(pool, directory=tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == ["condor_config"]
    assert not [each for each in pool.members.tokens() if each.kind == "issued"]


@pytest.mark.parametrize("name", ["a$(B)", "a\nb"])
def test_a_path_that_htcondor_would_not_read(pool: Pool, tmp_path: Path, name: str) -> None:
    """Its characters mean something else in a configuration."""
    with pytest.raises(UsageError, match="HTCondor cannot read"):
        client_files(pool, directory=tmp_path / name)


def test_a_directory_that_cannot_be_written(pool: Pool, tmp_path: Path) -> None:
    """The message says why, and names the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written") as caught:
        client_files(pool, directory=tmp_path / "file")
    assert "condor-mini client DIR" in str(caught.value)


def test_deletion_removes_the_users_files(pool: Pool, tmp_path: Path) -> None:
    """Those in a directory that was named are the user's."""
    kept = client_files(pool, directory=tmp_path / "mine")
    ours = client_files(pool)
    pool.delete()
    assert kept.config.exists()
    assert not ours.directory.exists()
    assert not own_directory(pool, "any").parent.exists()


@pytest.mark.parametrize("name", ["..", "../../other", "a/b", ""])
def test_a_name_that_is_a_path_removes_nothing(
    pools: PoolEngine, tmp_path: Path, name: str
) -> None:
    """The Python API takes any name, and only a pool's own directory is removed."""
    kept = tmp_path / "state/condor-mini/other/file"
    kept.parent.mkdir(parents=True)
    kept.write_text("")
    files.forget(Pool(pools, name))
    assert kept.exists()


def test_environment_without_programs(pool: Pool) -> None:
    """It is one variable; PATH stays."""
    found = client_files(pool)
    assert found.environment() == {"CONDOR_CONFIG": str(found.config)}


def test_environment_with_programs(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTCondor's programs come first on PATH, once; the configuration says where they are."""
    programs = tmp_path / "root/programs"
    monkeypatch.setattr(tools, "programs", lambda *_: programs)
    monkeypatch.setenv("PATH", f"/usr/bin:{programs}:/bin")
    found = client_files(pool, with_tools=True)
    assert found.environment()["PATH"] == f"{programs}:/usr/bin:/bin"
    included = f"{found.config}.tools"
    assert f"include ifexist : {included}\n" in found.config.read_text("utf-8")
    lines = Path(included).read_text("utf-8")
    assert f"RELEASE_DIR = {tmp_path}/root/usr\n" in lines
    assert "BIN = $(RELEASE_DIR)/bin\n" in lines


def test_programs_stay_for_those_who_asked(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call without them changes nothing for a shell that uses them."""
    monkeypatch.setattr(tools, "programs", lambda *_: tmp_path / "root/programs")
    included = Path(f"{client_files(pool, with_tools=True).config}.tools")
    before = included.read_text("utf-8")
    client_files(pool)
    assert included.read_text("utf-8") == before
