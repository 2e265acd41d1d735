"""The host's own files as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.nodes.host_files import mount_points

if TYPE_CHECKING:
    from pathlib import Path


def test_places_where_apptainer_mounts(tmp_path: Path) -> None:
    """The directories of the host's Apptainer are in the image, and nothing else of its /var."""
    (tmp_path / "lib/apptainer/mnt/session").mkdir(parents=True)
    (tmp_path / "lib/apptainer/cache").mkdir()
    (tmp_path / "singularity").mkdir()
    assert set(mount_points(tmp_path)) == {
        *("var/lib", "var/lib/apptainer", "var/lib/apptainer/mnt"),
        "var/lib/apptainer/mnt/session",
    }


def test_host_without_apptainer(tmp_path: Path) -> None:
    """Without Apptainer there are none."""
    assert mount_points(tmp_path) == {}
