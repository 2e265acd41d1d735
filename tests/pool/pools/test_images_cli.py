"""``condor-mini images`` and ``version``, of a real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.pool.people import image

from condor_mini.base.series import catalogue
from condor_mini.images import builder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool


@pytest.mark.every_engine
@pytest.mark.usefixtures("pool")
def test_what_a_pool_needs_is_up_to_date(cli: Cli) -> None:
    """What creation has just built or found."""
    rows = {
        row["reference"]: row for row in json.loads(cli.succeeds("images", "list", "-o", "json"))
    }
    for role in ("master", "submit", "execute"):
        row = rows[image(role)]
        assert row["up_to_date"], row
        assert row["size_bytes"] > 10**7
        assert row["version"].startswith(f"{catalogue().get(None).number}.")


@pytest.mark.pool_engines("docker", reason="embedded makes its images, and saves none")
@pytest.mark.usefixtures("pool")
def test_saved_images_load(cli: Cli, pool_engine: Engine, tmp_path: Path) -> None:
    """What was saved is taken in again under the same names, and is still up to date."""
    saved = cli.succeeds(
        "images", "save", "--htcondor", "25", "all.tar", cwd=tmp_path, timeout_s=280
    )
    loaded = cli.succeeds("images", "load", "all.tar", cwd=tmp_path, timeout_s=280)
    assert set(loaded.split()) == set(saved.split())
    assert {"condor-master:25", "condor-submit:25", "condor-execute:25"} <= set(saved.split())
    listed = {image.reference: image for image in builder.listing(pool_engine)}
    assert listed["condor-submit:25"].up_to_date


@pytest.mark.pool_engines("docker", reason="embedded loads none")
def test_no_image_file(cli: Cli, tmp_path: Path) -> None:
    """A file that holds no images is refused in one message."""
    (tmp_path / "x.tar").write_text("no tar")
    result = cli("images", "load", "x.tar", cwd=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@pytest.mark.every_engine
@pytest.mark.pool_engines("embedded", reason="the others save and load")
@pytest.mark.parametrize("verb", ["save", "load"])
def test_images_that_are_made_are_not_saved(cli: Cli, tmp_path: Path, verb: str) -> None:
    """An engine that makes its images in a moment says so, with 6, and another engine's option."""
    (tmp_path / "x.tar").touch()
    result = cli("images", verb, "x.tar", cwd=tmp_path)
    assert (result.returncode, "--engine docker" in result.stderr) == (6, True), result.stderr


@pytest.mark.every_engine
def test_version(cli: Cli, pool: Pool) -> None:
    """The engine's, the images', and with -n each node's."""
    found = json.loads(cli.succeeds("version", "-n", pool.name, "-o", "json"))
    assert found["engine"]["name"] == pool.engine.name
    assert {series["series"] for series in found["htcondor"]} == set(catalogue().series)
    assert len(found["pool"]["nodes"]) == len(pool.nodes)
    number = catalogue().get(None).number
    assert all(version.startswith(f"{number}.") for version in found["pool"]["nodes"].values())
