"""The clients that the tests run: what is installed from PyPI, each in an environment of its own.

The environments are kept in a cache directory, and made again when a line of the table changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from platformdirs import user_cache_path

PYTHON = "/usr/bin/python3"
"""The host's, which jobs have too."""
INSTALL_TIMEOUT_S = 600
CLIENTS: dict[str, tuple[str, ...]] = {
    "dask-jobqueue": ("dask-jobqueue==0.9.0", "distributed==2026.8.0", "pytest==9.2.0"),
    "parsl": ("parsl==2026.10.26",),
    "snakemake": ("snakemake==9.27.1", "snakemake-executor-plugin-htcondor==0.3.0"),
    "htcondor": ("htcondor==25.14.1",),
    "pycondor": ("pycondor==0.6.1", "pytest==9.2.0"),
    "law": ("law==0.1.21",),
    "toil": ("toil[htcondor]==9.6.0",),
}
"""The requirements of each client."""
QUICK = ("htcondor", "pycondor")
"""The clients that are tested without ``--clients`` too: seconds to install, seconds to run.

They have a pool of nodes, on this machine and on the access point.
"""


def cache() -> Path:
    """Return the directory of the environments: everybody can read it if it is root's."""
    if os.geteuid() == 0:
        return Path("/var/cache/condor-mini/clients")
    return user_cache_path("condor-mini", appauthor=False) / "clients"


def installed(client: str) -> Path:
    """Return the virtual environment of a client, which is made if it is absent."""
    wanted = CLIENTS[client]
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:8]
    path = cache() / f"{client}-{digest}"
    done = path / "installed"
    if done.exists():
        return path
    shutil.rmtree(path, ignore_errors=True)
    for argv in (
        [PYTHON, "-m", "venv", str(path)],
        [str(path / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *wanted],
    ):
        result = subprocess.run(
            argv, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
        assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
    done.touch()
    return path
