"""The runtime as a wheel: written, installed, and unpacked without a mirror."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.runtime.conftest import Mirror

    from condor_mini.runtime import Store

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def wheel(locked: object, condor_mini: Run, tmp_path: Path) -> Path:
    """A wheel of the tiny runtime, which is itself removed."""
    del locked
    status, out, err = condor_mini("wheel", str(tmp_path / "wheels"))
    assert status == 0, err
    condor_mini("remove", "25")
    return Path(out.strip())


@pytest.fixture
def installed(wheel: Path, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's package, where Python finds it; the mirror has nothing."""
    mirror.files.clear()
    target = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    monkeypatch.setattr(sys, "path", [*sys.path, str(target)])
    return target / "condor_mini_runtime"


def test_wheels_name(wheel: Path) -> None:
    """Its version is HTCondor's; its tags say the architecture, and any C library."""
    assert wheel.name == (
        "condor_mini_runtime-25.14.1-py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64.whl"
    )
    assert list(wheel.parent.iterdir()) == [wheel]


def test_record_is_right(wheel: Path) -> None:
    """RECORD tells each file's digest and size, and its own name without them."""
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith("/RECORD"))
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
        for name, digest, size in rows[:-1]:
            data = archive.read(name)
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={sha256}", str(len(data)))
        assert rows[-1] == [record, "", ""]
        assert [row[0] for row in rows] == archive.namelist()


def test_wheel_is_the_same_each_time(wheel: Path, condor_mini: Run) -> None:
    """The same packages make the same bytes."""
    before = wheel.read_bytes()
    condor_mini("wheel", str(wheel.parent))
    assert wheel.read_bytes() == before


def test_build_takes_the_installed_wheel(
    installed: Path, condor_mini: Run, mirror: Mirror, store: Store
) -> None:
    """An installed runtime is unpacked, and nobody is asked for packages."""
    mirror.asked.clear()
    status, out, err = condor_mini("build")
    assert status == 0, err
    assert mirror.asked == []
    assert (Path(out.strip()) / "usr/bin/condor_version").stat().st_mode & 0o777 == 0o555
    said = json.loads((installed / "runtime.json").read_text())
    assert [(r.digest, r.problem, r.packages) for r in store.all()] == [
        (said["digest"], None, ("condor 1", "libc6 1"))
    ]


def test_wheel_of_another_series(installed: Path, condor_mini: Run, mirror: Mirror) -> None:
    """A runtime of HTCondor 25 is none for 23: that comes from the mirror."""
    del installed
    mirror.asked.clear()
    assert condor_mini("build", "--htcondor", "23")[0] == 1
    assert mirror.asked != []


def test_damaged_wheel(installed: Path, condor_mini: Run, store: Store) -> None:
    """An archive with another digest is refused, and nothing is left."""
    (archive,) = installed.glob("*.tar.xz")
    archive.write_bytes(archive.read_bytes()[:-4])
    status, _, err = condor_mini("build")
    assert (status, store.all()) == (1, [])
    assert "pip install --force-reinstall condor-mini-runtime" in err


def test_wheel_without_its_description(installed: Path, condor_mini: Run) -> None:
    """A package that lost its description is said to be damaged."""
    (installed / "runtime.json").write_text("{}")
    status, _, err = condor_mini("build")
    assert (status, "is damaged" in err) == (1, True)
