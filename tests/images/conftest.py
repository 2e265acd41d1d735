"""The real engine with our images on it, and names of images that are gone afterwards."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engines import find_engine
from condor_mini.images import builder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine


@pytest.fixture(scope="session")
def docker() -> Engine:
    """The engine, with all images of the default series up to date."""
    engine = find_engine("docker")
    builder.build(engine, builder.ROLES, catalogue().get(None), Progress())
    return engine


@pytest.fixture
def tag(docker: Engine) -> Iterator[str]:
    """A tag for images of one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    for role in builder.ROLES:
        docker.remove_image(f"condor-{role}:{name}")
