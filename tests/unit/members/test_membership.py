"""Tokens, requests for tokens and the signing key of a pool in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.base.layout import LABEL, LIBEXEC
from condor_mini.engine import ContainerSpec, FakeOutcome
from condor_mini.members.membership import Members
from hand_made import node_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


@pytest.mark.parametrize(
    "labels",
    [
        {f"{LABEL}.role": "evil", f"{LABEL}.pool": "ci"},
        {f"{LABEL}.own-image": "x", f"{LABEL}.one-user": "true"},
        node_labels("ci", "execute", 1),
    ],
    ids=["unknown role", "other users", "execution point"],
)
def test_a_container_that_is_named_is_what_it_says_inside(
    pools: PoolEngine, labels: dict[str, str]
) -> None:
    """Of `--container` the labels do not count, but what the image says in its environment."""
    pools.add_image("theirs", labels=labels)
    pools.start(pools.create(ContainerSpec(image="theirs", name="condormaster")))
    pools.on_exec(["printenv"], lambda _: FakeOutcome(stdout="master\n"))
    asked: list[str | None] = []

    def list_tokens(call: object) -> FakeOutcome:
        asked.append(getattr(call, "user", None))
        return FakeOutcome()

    pools.on_exec(["condor_token_list"], list_tokens)
    domain = FakeOutcome(stdout="domain condor-mini.internal\n")
    pools.on_exec([f"{LIBEXEC}/list-tokens"], lambda _: domain)
    assert Members.of_container("condormaster", engine=pools).tokens() == []
    assert asked == ["root"]


def test_a_container_that_is_no_central_manager(pools: PoolEngine) -> None:
    """One whose labels alone say that it is a central manager is refused."""
    pools.add_image("theirs", labels=node_labels("ci", "master"))
    pools.start(pools.create(ContainerSpec(image="theirs", name="condormaster")))
    pools.on_exec(["printenv"], lambda _: FakeOutcome(returncode=1))
    with pytest.raises(UsageError, match="is no central manager"):
        Members.of_container("condormaster", engine=pools)
