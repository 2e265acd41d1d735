"""The Compose file of a pool.

``golden`` holds what ``pool.yaml`` comes to. With UPDATE_GOLDEN=1 in the environment it is written
anew; then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from condor_mini.base.errors import UsageError
from condor_mini.export.compose import FILE, compose_files
from condor_mini.nodes.plan import planned_nodes
from condor_mini.spec import PoolSpec
from condor_mini.spec.pool_file import read_pool_file

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"


def services(files: dict[str, str]) -> dict[str, Any]:
    """What the Compose file says of each service."""
    found: dict[str, Any] = yaml.safe_load(files[FILE])["services"]
    return found


def test_files_are_as_they_were_read() -> None:
    """The Compose file and the configuration of a pool with several groups."""
    files = compose_files(read_pool_file(str(HERE / "pool.yaml")))
    if os.environ.get("UPDATE_GOLDEN"):
        for path, text in files.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_text(text)
    golden = {
        path.relative_to(GOLDEN).as_posix(): path.read_text()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert files == golden


def test_each_mount_is_there() -> None:
    """Files that are mounted are written, and named volumes are declared."""
    files = compose_files(read_pool_file(str(HERE / "pool.yaml")))
    document = yaml.safe_load(files[FILE])
    volumes = [v for service in document["services"].values() for v in service["volumes"]]
    assert [volume for volume in volumes if ":" not in volume] == [], "down leaves them behind"
    sources = {volume.split(":")[0] for volume in volumes}
    assert {source for source in sources if not source.startswith("./")} == set(document["volumes"])
    assert {f"./{path}" for path in files if path != FILE} <= sources


def test_nodes_are_confined_as_those_of_create() -> None:
    """The same images and capabilities."""
    spec = PoolSpec.from_options(name="ci")
    of_compose = services(compose_files(spec))
    for node in planned_nodes(spec):
        service = of_compose[node.name.removesuffix("-1") if "execute" in node.name else node.name]
        container = node.container
        assert service["image"] == container.image
        assert tuple(service["cap_drop"]) == container.cap_drop
        assert tuple(service["cap_add"]) == container.cap_add
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_central_manager_and_the_preparation_have_the_key() -> None:
    """Execution points could otherwise sign tokens for anybody."""
    found = services(compose_files(PoolSpec.from_options(name="ci")))
    with_key = {
        name
        for name, service in found.items()
        if any(volume.startswith("master-key:") for volume in service["volumes"])
    }
    assert with_key == {"ci-master", "prepare"}


def test_what_belongs_to_this_machine_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its certificate authorities, and labels by which condor-mini knows its pools."""
    (tmp_path / "ca.pem").write_text("it")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    text = compose_files(PoolSpec.from_options(name="ci"))[FILE]
    assert "ca-certificates" not in text
    assert "io.condor-mini" not in text


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"execution_points": [{"image": "mine"}]}, "an image of its own"),
        ({"reachable": True}, "Write them into `ports`"),
        ({"expose": "cm"}, "join pools of `condor-mini create`"),
        ({"user": "4321"}, "jovyan has UID 1000"),
    ],
)
def test_what_only_condor_mini_can_do_is_refused(pool: dict[str, object], message: str) -> None:
    """The message says what to do instead."""
    with pytest.raises(UsageError, match=message):
        compose_files(PoolSpec.model_validate(pool))
