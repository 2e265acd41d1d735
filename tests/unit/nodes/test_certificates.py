"""The certificate authorities of the caller's machine, in the nodes of a pool."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from condor_mini.nodes import certificates
from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.certificates import (
    CERTIFICATES,
    DEFAULT_BUNDLE,
    VARIABLES,
    certificate_authorities,
    default_bundle,
)
from condor_mini.nodes.plan import planned_nodes
from pool_ci import spec_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_no_bundle_where_none_is_named() -> None:
    """Without a bundle of the caller's the image's own is used."""
    nodes = planned_nodes(spec_of())
    assert certificate_authorities() is None
    assert not {key for node in nodes for key in node.container.environment} & set(VARIABLES)


def test_each_node_has_the_bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each node gets the bundle that the caller's environment names, and the variables."""
    (tmp_path / "own.crt").write_text("authorities")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "own.crt"))
    for node in planned_nodes(spec_of()):
        assert node.container.environment["SSL_CERT_FILE"] == CERTIFICATES
        with tarfile.open(fileobj=io.BytesIO(node_archive(node))) as tar:
            name = CERTIFICATES.removeprefix(node.archive_at).lstrip("/")
            file = tar.extractfile(name)
            assert file is not None
            assert file.read() == b"authorities"


def test_pool_file_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable in the pool file is that of the nodes."""
    (tmp_path / "own.crt").write_text("authorities")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "own.crt"))
    nodes = planned_nodes(spec_of(environment={"SSL_CERT_FILE": "/other"}))
    assert {node.container.environment["SSL_CERT_FILE"] for node in nodes} == {"/other"}


def test_bundle_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An image without authorities gets those of this machine, where libcurl looks for them."""
    (tmp_path / "machine.crt").write_text("the machine's")
    places = (str(tmp_path / "absent.crt"), str(tmp_path / "machine.crt"))
    monkeypatch.setattr(certificates, "_BUNDLES", places)
    assert default_bundle() == {DEFAULT_BUNDLE.lstrip("/"): b"the machine's"}


def test_named_bundle_goes_before_the_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The bundle that the caller's environment names is taken in place of the machine's."""
    for name in ("machine", "named"):
        (tmp_path / f"{name}.crt").write_text(name)
    monkeypatch.setattr(certificates, "_BUNDLES", (str(tmp_path / "machine.crt"),))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "named.crt"))
    assert list(default_bundle().values()) == [b"named"]


def test_machine_without_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no bundle, there is no file."""
    monkeypatch.setattr(certificates, "_BUNDLES", ())
    assert default_bundle() == {}
