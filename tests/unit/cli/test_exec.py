"""``condor-mini exec`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool


@pytest.mark.parametrize(("user", "is_said"), [("root", True), ("jovyan", False)])
def test_other_user_of_a_node_with_one_user_is_said(
    pool: FakePool,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    is_said: bool,
) -> None:
    """Where all processes belong to one user, `exec --user root` says that it is not root."""
    del pool
    monkeypatch.setattr("condor_mini.nodes.node.Node.has_one_user", True)
    result = run("exec", "-n", "ci", "--user", user, "true")
    said = "has one user: the command runs as jovyan, not as root" in result.err
    assert said is is_said
