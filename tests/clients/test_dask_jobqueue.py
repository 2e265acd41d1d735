"""dask-jobqueue: a cluster of workers that are jobs, by condor_submit and condor_rm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import installed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import User

pytestmark = pytest.mark.clients


def test_probe(user: User, folder: Path) -> None:
    print(
        user.here(
            "sh", "-c", "id; env; condor_status; condor_config_val FILESYSTEM_DOMAIN; ls -ld ."
        )
    )
    print(user.there("sh", "-c", "id; env; condor_config_val FILESYSTEM_DOMAIN; pwd", cwd=folder))
    (folder / "s").write_text(
        "executable=/bin/sh\narguments=\"-c 'id; env; pwd; ls -l'\"\noutput=out\nerror=err\nlog=log\nqueue\n"
    )
    print(
        user.here(
            "sh",
            "-c",
            "condor_submit s; condor_wait -wait 20 log; cat log out err; ls -l",
            cwd=folder,
        )
    )
    (folder / "s").write_text(
        "executable=/bin/sh\narguments=\"-c 'id; env; pwd; ls -l'\"\nshould_transfer_files=NO\noutput=out2\nerror=err\nlog=log2\nqueue\n"
    )
    print(
        user.here(
            "sh",
            "-c",
            "condor_submit s; condor_wait -wait 20 log2; cat log2 out2 err; ls -l; condor_q -better",
            cwd=folder,
        )
    )
    assert 0
