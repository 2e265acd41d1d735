"""Containers, with a ``podman`` that is a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import BindMount, ContainerSpec, OciEngine
from condor_mini.engine.oci.dialect import PODMAN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    PutBinary = Callable[[str, str], None]


def test_options_are_podmans_own(put_binary: PutBinary, tmp_path: Path) -> None:
    """A container is made with what Podman needs in addition."""
    put_binary("podman", f'echo "$@" >> {tmp_path}/calls; echo 01')
    mount = BindMount(source=tmp_path, target="/m")
    OciEngine(PODMAN).create(ContainerSpec(image="i", name="x", mounts=(mount,)))
    OciEngine(PODMAN).remove("x")
    created, removed = (tmp_path / "calls").read_text().splitlines()
    assert created.startswith(
        "--log-level=error create --pull never --log-driver k8s-file --security-opt label=disable"
    )
    assert removed == "--log-level=error rm --force --volumes --ignore --time 0 x"
