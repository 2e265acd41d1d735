"""The tokens of the nodes: when they are issued, and who sees them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import PoolNotReady
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.engine import FakeOutcome
from condor_mini.nodes.node import Role, pool_nodes
from pool_ci import create

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

TOKEN = re.compile(r"eyJ[\w.-]+")


def test_central_manager_runs_before_tokens_are_issued(pools: PoolEngine) -> None:
    """Tokens are asked of a central manager that was started."""
    create(pools)
    issued = pools.index("exec", "issue-tokens")
    (manager,) = (node for node in pool_nodes(pools, "ci") if node.role is Role.CENTRAL_MANAGER)
    assert pools.index("start", manager.info.id) < issued


def test_each_node_has_a_token_of_its_own(pools: PoolEngine) -> None:
    """No two nodes share a token, and each one's is for its role."""
    create(pools)
    tokens = {
        name: pools.files(name)["/etc/condor/tokens.d/node"].content
        for name in ("ci-submit-1", "ci-execute-1", "ci-execute-2")
    }
    roles = [(content or b"").decode().split(".")[1] for content in tokens.values()]
    assert (len(set(tokens.values())), roles) == (3, ["submit", "execute", "execute"])


def test_token_is_readable_by_root_only(pools: PoolEngine) -> None:
    """The token's file has mode 600 and belongs to root."""
    create(pools)
    file = pools.files("ci-execute-1")["/etc/condor/tokens.d/node"]
    assert (file.mode, file.uid) == (0o600, 0)


def test_token_passes_nothing_that_others_see(pools: PoolEngine) -> None:
    """No token stands in a command line, an environment or a label."""
    create(pools)
    specs = [pools.spec(node.name) for node in pool_nodes(pools, "ci")]
    shown = [*(repr(spec) for spec in specs), *(repr(call) for call in pools.calls)]
    assert not [text for text in shown if TOKEN.search(text)]


def test_token_is_in_no_error(pools: PoolEngine) -> None:
    """Where too few tokens come, the error shows none."""
    pools.issue = lambda _: FakeOutcome(stdout="eyJhbGciOi.submit.one\n", stderr="no more\n")
    with pytest.raises(PoolNotReady, match="no tokens could be issued: no more") as caught:
        create(pools)
    assert not TOKEN.search(str(caught.value))


def test_tokens_are_asked_for_with_an_end(pools: PoolEngine) -> None:
    """The question waits for no more than a moment, so that an end that is asked for comes soon."""
    create(pools)
    (argv,) = [call.argv for call in pools.calls if "issue-tokens" in repr(call.argv)]
    assert argv == ("timeout", "1", f"{REQUEST_SCRIPTS}/issue-tokens")


def test_central_manager_that_ends_is_told(pools: PoolEngine) -> None:
    """A central manager that dies before it has issued tokens is named, with its log."""
    pools.die_at_start["ci-master"] = (4, "condor-mini: no port\n")
    with pytest.raises(PoolNotReady, match=r"ci-master has ended with 4.*\ncondor-mini: no port"):
        create(pools)


def test_central_manager_that_ends_under_the_question_is_told(pools: PoolEngine) -> None:
    """The same where it dies while it is asked for tokens."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-master", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=137)

    pools.issue = die
    with pytest.raises(PoolNotReady, match=r"ci-master has ended with 9.*\nkilled"):
        create(pools)


def test_collector_without_a_key_is_told_at_the_deadline(pools: PoolEngine) -> None:
    """A collector that makes no key ends the wait at --timeout, not later."""
    pools.issue = lambda _: FakeOutcome(returncode=124)
    with pytest.raises(PoolNotReady, match=r"Not ready after 0.2 s: .* no key to sign tokens"):
        create(pools, timeout_s=0.2)


def test_slow_central_manager_is_given_longer_each_time(pools: PoolEngine) -> None:
    """A machine on which issuing takes longer than one look has its tokens in the end."""
    usual, looks = pools.issue, list[int]()

    def issue(call: FakeExec) -> FakeOutcome:
        looks.append(int(call.argv[1]))
        return usual(call) if looks[-1] >= 4 else FakeOutcome(returncode=124)

    pools.issue = issue
    create(pools)
    assert looks == [1, 2, 4]
