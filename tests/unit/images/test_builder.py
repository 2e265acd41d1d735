"""Images that the engine builds, and those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.images import builder

if TYPE_CHECKING:
    import pytest

    from condor_mini.engine import FakeEngine


def test_built_is_up_to_date(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list and `build` agree."""
    fake.add_image(catalogue().base)
    monkeypatch.setattr(fake, "copy_out", lambda *_: b"25.14.1\n")
    builder.build(fake, ["mini"], catalogue().get("25"), Progress())
    listed = {image.role: image for image in builder.listing(fake) if image.series == "25"}
    assert (listed["base"].up_to_date, listed["mini"].up_to_date) == (True, True)
    assert not listed["submit"].up_to_date
    assert listed["base"].version == "25.14.1"
