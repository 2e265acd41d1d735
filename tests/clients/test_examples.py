"""The examples of docs/how-to/use-with-workflow-tools.md, here and on the access point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import CLIENTS, installed
from tests.docs.pages import DOCS, examples, of_kind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import User

pytestmark = pytest.mark.clients
PAGE = DOCS / "how-to/use-with-workflow-tools.md"
SHOWN = [client for client in CLIENTS if of_kind(f"client: {client}", PAGE)]


@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("client", SHOWN)
def test_example(user: User, folder: Path, client: str, where: str) -> None:
    """Each command of the client's section shows what the page shows."""
    files = f"client: {client} "
    for example in examples(PAGE):
        if example.kind.startswith(files):
            (folder / example.kind.removeprefix(files)).write_text(example.text)
    run = user.here if where == "here" else user.there
    for example in of_kind(f"client: {client}", PAGE):
        for command in example.commands:
            output = run("bash", "-c", command.script, cwd=folder, venv=installed(client))
            lines = output.splitlines()
            assert [line for line in command.shown if line not in lines] == [], output
