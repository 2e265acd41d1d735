"""The base image that mmdebstrap makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import ImageBuildFailed
from condor_mini.base.progress import Progress
from condor_mini.images import debian

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine


def test_a_base_image_that_takes_too_long(
    endless: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that holds mmdebstrap up makes the build fail, and the message says so."""
    monkeypatch.setattr(debian, "_mmdebstrap", lambda _: str(endless))
    monkeypatch.setattr(debian, "BOOTSTRAP_TIMEOUT_S", 0.2)
    with pytest.raises(ImageBuildFailed, match="did not end in time"):
        debian._bootstrap(fake, "debian:ours", Progress())
