"""The command ``condor-mini run --jupyter`` as a process of its own."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from first_line import first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/lab\?token=(\S+)")
START_TIMEOUT_S = 240
"""The first start on an engine builds the image."""
END_TIMEOUT_S = 40
ANSWER_TIMEOUT_S = 10


class RunningNotebook:
    """The command in a directory, and what it has printed."""

    def __init__(
        self,
        engine: str,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.argv = [sys.executable, "-m", "condor_mini", "run", "--engine", engine]
        self.folder = folder
        self.environment = environment
        self.process = subprocess.Popen(
            [*self.argv, "--jupyter", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )
        self.line = first_line(self.process, timeout_s=START_TIMEOUT_S)
        found = LINK.search(self.line)
        assert found, self.process.communicate()
        self.link, self.port, self.token = found[0], int(found[1]), found[2]

    def status(self, method: str, path: str, token: str | None) -> int:
        """Return the status with which JupyterLab answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        headers = {"Authorization": f"token {token}"} if token else {}
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def in_pool(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the pool, as a second session."""
        return subprocess.run(
            [*self.argv, "--quiet", "--", "sh", "-euc", script],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=START_TIMEOUT_S,
            check=False,
        )

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """End it with a signal; return its status and what else it printed."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str, str]:
        """Wait until it has ended by itself; return its status and what else it printed."""
        out, err = self.process.communicate(timeout=END_TIMEOUT_S)
        return self.process.returncode, out, err
