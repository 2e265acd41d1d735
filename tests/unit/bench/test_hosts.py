"""What the bench reads of a job's event log."""

from __future__ import annotations

import pytest

from bench.hosts import transfer_s

LOG = """\
000 (002.000.000) 2026-11-29 12:42:32.621 Job submitted from host: <10.99.0.1:37187>
...
040 (002.000.000) 2026-11-29 12:42:59.190 Started transferring input files
\tTransferring to host: <10.99.0.2:23743>
...
040 (002.000.000) 2026-11-29 12:43:01.559 Finished transferring input files
...
040 (002.000.000) 2026-11-29 12:43:01.647 Finished transferring output files
...
"""


def test_time_of_a_transfer() -> None:
    """It is from the start to the end of the input's transfer, in milliseconds."""
    assert transfer_s(LOG) == pytest.approx(2.369)


def test_transfer_that_did_not_end() -> None:
    """It has no time."""
    with pytest.raises(KeyError, match="Finished"):
        transfer_s(LOG.partition("040 (002.000.000) 2026-11-29 12:43")[0])
