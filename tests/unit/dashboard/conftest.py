"""The dashboard of a pool in memory, and a browser that has the link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from condor_mini.dashboard.app import make_app
from condor_mini.dashboard.look import PoolSource
from dashboard_browser import CSRF, HOST, TOKEN, MakeClient
from looks import Looks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

    from fake_pool import FakePool


@pytest.fixture
def looks() -> Looks:
    """What there is to see; a test changes it."""
    return Looks()


@pytest.fixture
def app(looks: Looks) -> Starlette:
    """The dashboard of a pool that is only looked at."""

    def pool() -> FakePool:
        raise AssertionError("nothing is done to it")

    return make_app(looks, pool, name="ci", token=TOKEN, csrf=CSRF)


@pytest.fixture
def real_app(pool: FakePool) -> Starlette:
    """The dashboard of the pool ``ci`` on the fake engine."""
    return make_app(PoolSource(pool.engine, "ci"), lambda: pool, name="ci", token=TOKEN, csrf=CSRF)


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Make clients: with the link's cookie, unless a test wants none."""
    clients = []

    def make(app: Starlette, *, enter: bool = True, host: str = HOST) -> TestClient:
        client = TestClient(app, base_url=f"http://{host}")
        client.__enter__()
        clients.append(client)
        if enter:
            assert client.get(f"/?token={TOKEN}").status_code == 200
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(app: Starlette, make_client: MakeClient) -> TestClient:
    """A browser that has opened the link."""
    return make_client(app)
