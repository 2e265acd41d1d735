"""The base image that mmdebstrap makes."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import ImageBuildFailed
from condor_mini.base.progress import Progress
from condor_mini.images import debian

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine


def test_a_base_image_that_takes_too_long(
    endless: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that holds mmdebstrap up makes the build fail, and the message says so."""
    monkeypatch.setattr(debian, "_mmdebstrap", lambda _: str(endless))
    monkeypatch.setattr(debian, "BOOTSTRAP_TIMEOUT_S", 0.2)
    with pytest.raises(ImageBuildFailed, match="did not end in time"):
        debian._bootstrap(fake, "debian:ours", Progress())


def test_excluded_files_are_removed_before_dpkg_installs(tmp_path: Path) -> None:
    """The hook of mmdebstrap removes in the new system what dpkg leaves out, and nothing else."""
    images = files("condor_mini").joinpath("images")
    kept = [
        "usr/bin/ls",
        "usr/share/doc.conf",
        "usr/lib/x86_64-linux-gnu/perl/5.40/CORE/libperl.so",
    ]
    removed = ["usr/share/doc/ls/copyright", "usr/lib/x86_64-linux-gnu/perl/5.40/CORE/perl.h"]
    for name in (*kept, *removed, "etc/dpkg/dpkg.cfg.d/condor-mini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    excludes = images.joinpath("condor-base/dpkg-excludes").read_text("utf-8")
    (tmp_path / "etc/dpkg/dpkg.cfg.d/condor-mini").write_text(excludes)
    hook = images.joinpath("debian-base/remove-excluded").read_text("utf-8")
    subprocess.run(["sh", "-c", hook, "exec", tmp_path], check=True, timeout=60)
    assert [name for name in (*kept, *removed) if (tmp_path / name).exists()] == kept
