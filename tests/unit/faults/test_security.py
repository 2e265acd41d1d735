"""Faults of tokens and keys: whom they strike, and what is refused before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool
    from struck_nodes import StruckNodes


@pytest.mark.parametrize("fault", ["revoke-token", "expire-token"])
def test_central_manager_has_no_token(pool: FakePool, struck: StruckNodes, fault: str) -> None:
    """The error names the fault that strikes its key."""
    assert not struck.asked
    with pytest.raises(UsageError, match="fault lose-key -n ci master"):
        pool.faults.strike(fault, "master")
    assert not pool.faults.in_force()


def test_only_the_central_manager_has_the_key(pool: FakePool, struck: StruckNodes) -> None:
    """Another node is refused."""
    assert not struck.asked
    with pytest.raises(UsageError, match="ci-execute-1 has no key"):
        pool.faults.strike("lose-key", "execute-1")


def test_node_without_a_token(pool: FakePool, struck: StruckNodes) -> None:
    """A node that a password lets in has nothing to revoke."""
    assert not struck.asked
    pool.engine.on_exec(["condor_token_list"], lambda _: FakeOutcome())
    records = FakeOutcome(stdout="domain a.b\n")
    pool.engine.on_exec([f"{REQUEST_SCRIPTS}/list-tokens"], lambda _: records)
    with pytest.raises(NotFound, match="ci-execute-1 has no token of its own"):
        pool.faults.revoke_token("execute-1")
