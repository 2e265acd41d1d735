"""What dask-jobqueue's own tests need and its package lacks: the repository's ``conftest.py``."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """The marker of tests that need a batch system."""
    config.addinivalue_line("markers", "env(name): the batch system")


@pytest.fixture
def loop() -> None:
    """No event loop: a cluster makes its own. That of distributed's tests loses the settings."""
