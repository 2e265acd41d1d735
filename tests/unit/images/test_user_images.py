"""Images in which ``jovyan`` has the numbers of who creates a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import USER_IDS
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.images import builder, user_images

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine

SERIES = catalogue().get("25")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (USER_IDS, "condor-submit:25"),
        ((4321, 4321), "condor-submit:25-4321"),
        ((4321, 100), "condor-submit:25-4321-100"),
    ],
)
def test_names(user: tuple[int, int], expected: str) -> None:
    """The tag has the series and the numbers, if they are not the images' own."""
    assert user_images.reference("submit", SERIES, user) == expected


def test_built_once(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image is built again only if the one below it is another."""
    monkeypatch.setattr(builder, "build", lambda *_, **__: [])

    def built() -> list[str]:
        fake.builds.clear()
        user_images.ensure(fake, ["submit"], SERIES, Progress(), user=(4321, 100))
        return [tag for spec in fake.builds for tag in spec.tags]

    fake.add_image("condor-submit:25")
    assert built() == ["condor-submit:25-4321-100"]
    assert built() == []
    fake.add_image("condor-submit:25")
    assert built() == ["condor-submit:25-4321-100"]
