"""The examples of the how-to page: on this machine, on the access point, in a personal pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import CLIENTS, QUICK, installed
from tests.docs.pages import DOCS, examples, of_kind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import User

PAGE = DOCS / "how-to/use-with-workflow-tools.md"
SHOWN = [
    pytest.param(client, marks=() if client in QUICK else (pytest.mark.clients,))
    for client in CLIENTS
    if of_kind(f"client: {client}", PAGE)
]


@pytest.mark.parametrize(
    "where", ["here", "there", pytest.param("personal", marks=pytest.mark.clients)]
)
@pytest.mark.parametrize("client", SHOWN)
def test_example(user: User, folder: Path, client: str, where: str) -> None:
    """Each command of the client's section shows what the page shows."""
    put_files(client, folder)
    run = {"here": user.here, "there": user.there, "personal": user.personal}[where]
    for example in of_kind(f"client: {client}", PAGE):
        for command in example.commands:
            output = run("bash", "-c", command.script, cwd=folder, venv=installed(client))
            lines = output.splitlines()
            assert [line for line in command.shown if line not in lines] == [], output


@pytest.mark.clients
def test_snakemake_that_transfers_all_files(user: User, folder: Path) -> None:
    """Without a shared file system, a wrapper activates the environment in each job."""
    put_files("snakemake", folder)
    venv = installed("snakemake")
    lines = ("#!/bin/sh", f". {venv}/bin/activate", "export HOME=$PWD", 'exec snakemake "$@"')
    (folder / "wrapper").write_text("\n".join(lines) + "\n")
    (folder / "wrapper").chmod(0o755)
    needs = ("request_memory=200MB", "request_disk=100MB", "job_wrapper=wrapper")
    options = ("--executor", "htcondor", "--jobs", "4", "--shared-fs-usage", "none")
    user.here("snakemake", *options, "--default-resources", *needs, cwd=folder, venv=venv)
    assert (folder / "total.txt").read_text() == "0\n1\n4\n"


def put_files(client: str, folder: Path) -> None:
    """Write the files of a client's section to a directory."""
    kind = f"client: {client} "
    for example in examples(PAGE):
        if example.kind.startswith(kind):
            (folder / example.kind.removeprefix(kind)).write_text(example.text)
