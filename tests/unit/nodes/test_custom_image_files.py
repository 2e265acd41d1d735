"""The files that are put into a container of an image of the user's own."""

from __future__ import annotations

import io
import tarfile
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HEALTH, LIBEXEC, PREFIX
from condor_mini.engine import ContainerSpec
from condor_mini.nodes.certificates import DEFAULT_BUNDLE
from condor_mini.nodes.custom_image_files import contents

if TYPE_CHECKING:
    from pathlib import Path

    from pool_engine import PoolEngine

IMAGE = "my/thing:1"
SHIPPED = files("condor_mini").joinpath("images/own-image")


def put(engine: PoolEngine, **content: bytes) -> str:
    """Return a container of the image with these files in /etc."""
    engine.add_image(IMAGE)
    container = engine.create(ContainerSpec(image=IMAGE, name="c"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    engine.copy_in(container, out.getvalue())
    return container


def test_shipped_files_name_the_prefix() -> None:
    """The files that are put in say the one path at which the runtime is."""
    config = SHIPPED.joinpath("condor_config").read_text()
    assert f"RELEASE_DIR = {PREFIX}/usr\n" in config
    for name in ("sh", "path/condor_master"):
        script = SHIPPED.joinpath("libexec", name).read_text()
        assert script.startswith(f"#!{PREFIX}/usr/bin/dash\n")


def test_contents_have_all_that_our_images_have(pools: PoolEngine) -> None:
    """The scripts, each by the runtime's shell, and the configuration, in its order."""
    found = contents(pools, put(pools), role="execute")
    ours = files("condor_mini").joinpath("images/condor-base/libexec")
    scripts = LIBEXEC.lstrip("/")
    with as_file(ours) as folder:
        names = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
    assert {f"{scripts}/{name}" for name in names} <= set(found)
    assert found[HEALTH.lstrip("/")].startswith(f"#!{LIBEXEC}/sh\n".encode())
    assert not [path for path, data in found.items() if data.startswith(b"#!/bin/sh")]
    config = sorted(path for path in found if path.startswith("etc/condor/config.d/"))
    assert [path.rpartition("/")[2] for path in config] == [
        *(
            "10-security",
            "15-names",
            "15-universes",
            "16-dagman",
            "17-job-home",
            "20-role-execute",
            "29-profiles",
            "30-profile-dev",
            "35-own-image",
            "50-node",
        ),
    ]


@pytest.mark.parametrize("there", [True, False])
def test_nsswitch_only_where_there_is_none(pools: PoolEngine, *, there: bool) -> None:
    """An image's own way of finding names is left as it is."""
    held = {"nsswitch.conf": b"hosts: dns\n"} if there else {}
    assert ("etc/nsswitch.conf" in contents(pools, put(pools, **held), role="execute")) != there


@pytest.mark.parametrize("there", [True, False])
def test_services_only_where_there_is_none(pools: PoolEngine, *, there: bool) -> None:
    """An image's own names of services are left as they are."""
    held = {"services": b"http 80/tcp\n"} if there else {}
    assert ("etc/services" in contents(pools, put(pools, **held), role="execute")) != there


@pytest.mark.parametrize("there", [True, False])
def test_authorities_only_where_there_are_none(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, there: bool
) -> None:
    """An image's own certificate authorities are left as they are."""
    (tmp_path / "ours.crt").write_text("ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ours.crt"))
    held = {"ssl/certs/ca-certificates.crt": b"theirs"} if there else {}
    assert (
        DEFAULT_BUNDLE.lstrip("/") in contents(pools, put(pools, **held), role="execute")
    ) != there


def test_accounts_in_any_encoding(pools: PoolEngine) -> None:
    """Bytes of an account file that are no UTF-8 come through."""
    line = b"m\xfcller:x:5:5:M\xfcller:/:/bin/sh\n"
    assert line in contents(pools, put(pools, passwd=line), role="execute")["etc/passwd"]
