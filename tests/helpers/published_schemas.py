"""The published schemas of CI services' files, which the package check-jsonschema brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def misfits(path: Path, schema: str) -> str:
    """Return what does not fit a schema in a YAML file; nothing if all fits.

    Args:
        path: The file.
        schema: One of check-jsonschema's own schemas: ``vendor.gitlab-ci``.
    """
    result = subprocess.run(
        [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", schema, path],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr if result.returncode else ""
