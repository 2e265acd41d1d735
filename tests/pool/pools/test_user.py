"""Whom jobs run as: files of a mounted directory are the user's who created the pool."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.pool.people import image

from condor_mini.nodes.files import copy_in
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

pytestmark = pytest.mark.pool_engines("docker", reason="jobs run as who creates the pool")

UID, GID = 1001, 100
"""Numbers that two accounts of the images have: submituser, and the group users."""
FILE = """\
version: 1
name: NAME
user: "1001:100"
mounts: [MOUNT]
execution_points:
  - name: ours
  - name: other
    image: IMAGE
    attributes: {IsOther: true}
"""
JOB = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c 'id -u; id -g; cat private; umask 077; echo made > made'"
requirements = IsOther =?= {other}
output = output
error = error
log = log
queue
"""


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that only its owner enters."""
    directory = tmp_path_factory.mktemp("mounted")
    (directory / "private").write_text("mine\n")
    for path in (directory, directory / "private"):
        path.chmod(0o700)
        os.chown(path, UID, GID)
    return directory


@pytest.fixture(scope="module")
def numbered(
    pool_engine: Engine, mounted: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pool]:
    """A pool of that user's; one execution point has an image in which jovyan has UID 1000."""
    values = {
        "NAME": f"t{uuid.uuid4().hex[:8]}",
        "MOUNT": str(mounted),
        "IMAGE": image("execute"),
    }
    text = FILE
    for key, value in values.items():
        text = text.replace(key, value)
    file = tmp_path_factory.mktemp("numbered") / "pool.yaml"
    file.write_text(text)
    with Pool.create(spec=file, engine=pool_engine) as made:
        yield made


@pytest.mark.parametrize("other", ["undefined", "true"], ids=["our-image", "other-image"])
def test_jobs_have_the_users_files(numbered: Pool, mounted: Path, other: str) -> None:
    """A job reads what only the user may read, and what it makes is the user's."""
    for name in ("made", "output", "error", "log"):
        (mounted / name).unlink(missing_ok=True)
    job = JOB.format(other=other)
    place = str(mounted)
    said = numbered.exec(["condor_submit", "-terse", "-"], workdir=place, stdin=job)
    assert said.returncode == 0, said.stderr
    waited = numbered.exec(["condor_wait", "-wait", "30", "log"], workdir=place)
    assert waited.returncode == 0, waited.stdout
    assert (mounted / "error").read_text() == ""
    assert (mounted / "output").read_text() == f"{UID}\n{GID}\nmine\n"
    made = (mounted / "made").stat()
    assert (made.st_uid, made.st_gid) == (UID, GID)


@pytest.mark.parametrize("node", ["submit-1", "execute-1", "execute-2"])
def test_accounts_of_the_nodes(numbered: Pool, node: str) -> None:
    """Whoever had the numbers in the image has others; homes are their users' own."""
    ids = "id -u jovyan submituser; stat -c %u /home/jovyan /home/submituser; getent passwd 1001"
    said = numbered.exec(["sh", "-c", ids], node=node).stdout.splitlines()
    assert said[:4] == ["1001", "1000", "1001", "1000"]
    assert said[4].startswith("jovyan:")


def test_a_copy_is_the_users(numbered: Pool, tmp_path: Path) -> None:
    """A file that is copied into a node is the user's there."""
    (tmp_path / "file").write_text("x")
    copy_in(numbered.node("submit-1"), tmp_path / "file", "/home/jovyan/file")
    assert numbered.exec(["stat", "-c", "%u:%g", "file"]).stdout == f"{UID}:{GID}\n"


def test_numbers_outlive_the_nodes(numbered: Pool, mounted: Path) -> None:
    """A node that is made again has them, too."""
    node = next(node for node in numbered.nodes if node.name.endswith("submit-1"))
    node.engine.remove(node.info.id)
    numbered.start()
    assert numbered.exec(["id", "-u"]).stdout == f"{UID}\n"
    assert numbered.exec(["cat", str(mounted / "private")]).stdout == "mine\n"
