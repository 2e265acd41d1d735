"""The tests that clients bring with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import installed

if TYPE_CHECKING:
    from tests.clients.conftest import User

pytestmark = pytest.mark.clients
PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
NOT_AWAITED = "not test_basic and not test_extra_args_broken_cancel"
"""In dask-jobqueue 0.9.0 they do not await ``Job._call``, which has become a coroutine."""


def test_pycondor(user: User, folder: Path) -> None:
    """All tests of pycondor pass."""
    user.here(*PYTEST, "--pyargs", "pycondor", cwd=folder, venv=installed("pycondor"))


def test_dask_jobqueue(user: User, folder: Path) -> None:
    """The tests of its HTCondorCluster pass, but for two that are faulty."""
    shutil.copy(Path(__file__).parent / "dask_jobqueue_plugin.py", folder)
    own = ("-k", NOT_AWAITED, "-p", "dask_jobqueue_plugin")
    tests = ("--pyargs", "dask_jobqueue.tests.test_htcondor")
    user.here(*PYTEST, *own, *tests, cwd=folder, venv=installed("dask-jobqueue"))
