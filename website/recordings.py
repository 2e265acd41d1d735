"""The recordings of the site, made from their scripts on pools of their own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from website.links import ROOT
from website.recorder import record
from website.script import Script

SCRIPTS = Path(__file__).parent / "recordings"
AT_ONCE = 2


def scripts() -> list[Script]:
    """Return all scripts."""
    return [Script.read(path) for path in sorted(SCRIPTS.glob("*.txt"))]


def make_recordings(into: Path) -> Path:
    """Record all scripts, and return the directory with a recording for each.

    A recording is a script of the browser's: a page that was opened as a file cannot fetch others.

    Raises:
        RecordingFailed: A command ended otherwise than its script says.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for script, cast in threads.map(_recorded, scripts()):
            values = ", ".join(json.dumps(value) for value in (script.name, script.title, cast))
            (into / f"{script.name}.js").write_text(f"recordings.add({values});\n", "utf-8")
    return into


def _recorded(script: Script) -> tuple[Script, str]:
    """Record a script where nobody else's pools are seen, or ours by others."""
    with tempfile.TemporaryDirectory(prefix=f"site-{script.name}-") as temporary:
        home = Path(temporary)
        folder = home / "condor-mini"
        folder.mkdir()
        shutil.copytree(ROOT / "examples", folder / "examples")
        (folder / "run").symlink_to(ROOT / "run")
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_DATA_HOME": str(home / "data"),
            "CONDOR_MINI_ENGINE": "embedded",
        }
        environment.pop("CONDOR_MINI_NAME", None)
        return script, record(script, folder, environment).text
