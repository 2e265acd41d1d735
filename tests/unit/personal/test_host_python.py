"""The Python of this machine that runs JupyterLab."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.personal import host_python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("missing", "install"), [("jupyterlab", "jupyterlab"), ("htcondor2", "htcondor")]
)
def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, missing: str, install: str) -> None:
    """The message says what to type, for this Python."""
    monkeypatch.setattr(host_python, "find_spec", lambda name: None if name == missing else name)
    with pytest.raises(NotFound) as refused:
        host_python.check()
    assert f"{sys.executable} -m pip install {install}. Or" in str(refused.value)


def test_python_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment outside of the home is shown, with the Python that it is of, each once."""
    base, venv, home = tmp_path / "base", tmp_path / "venv", tmp_path / "home"
    for folder in (base / "bin", venv / "bin", home / "venv" / "bin"):
        folder.mkdir(parents=True)
    (base / "bin" / "python3").touch()
    (venv / "bin" / "python").symlink_to(base / "bin" / "python3")
    monkeypatch.setattr("pathlib.Path.home", lambda: home)
    monkeypatch.setattr(sys, "prefix", str(venv))
    monkeypatch.setattr(sys, "base_prefix", str(base))
    monkeypatch.setattr(sys, "executable", str(venv / "bin" / "python"))
    mounts = host_python.mounts(read_only=True)
    assert [(mount.target, mount.read_only) for mount in mounts] == [
        (str(base), True),
        (str(venv), True),
    ]
    monkeypatch.setattr(sys, "prefix", str(home / "venv"))
    assert [mount.target for mount in host_python.mounts(read_only=False)] == [str(base)]
    assert host_python.program() == str(venv / "bin" / "python")


def test_pythons_of_the_system_are_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """/usr is shown in any case."""
    for name, value in (
        ("prefix", "/usr"),
        ("base_prefix", "/usr"),
        ("executable", "/usr/bin/python3"),
    ):
        monkeypatch.setattr(sys, name, value)
    assert host_python.mounts(read_only=True) == ()
