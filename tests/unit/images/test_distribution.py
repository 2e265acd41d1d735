"""Images that are sent to the engines of other hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeEngine
from condor_mini.engine.several import several_hosts
from condor_mini.images.builder import DIGEST_LABEL
from condor_mini.images.distribution import send_missing

if TYPE_CHECKING:
    from condor_mini.engine import ImageInfo

IMAGE = "condor-execute:25"


class Emulated(FakeEngine):
    """An engine whose images are all for another architecture."""

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        found = super().image(reference)
        return replace(found, architecture="arm64") if found else None


def send(here: FakeEngine, there: FakeEngine) -> None:
    """Send what nodes on another host need."""
    engine = several_hosts(here, {"node2": there})
    send_missing(engine, {"": ["condor-master:25"], "node2": [IMAGE]}, Progress())


def test_only_a_missing_image_is_sent() -> None:
    """Only those that nodes there need; a second time none."""
    here, there = FakeEngine(), FakeEngine()
    here.add_image(IMAGE)
    here.add_image("condor-master:25")
    send(here, there)
    sent, ours = there.image(IMAGE), here.image(IMAGE)
    assert sent is not None
    assert sent == ours
    assert there.image("condor-master:25") is None
    send(here, there)
    assert [call.method for call in there.calls].count("load_images") == 1


@pytest.mark.parametrize(("theirs", "sent"), [("a", 0), ("b", 1), (None, 1)])
def test_same_image_may_have_another_id(theirs: str | None, sent: int) -> None:
    """Another kind of store gives it one. What it was built from tells them apart."""
    here, there = FakeEngine(), FakeEngine()
    there.add_image("another")
    here.add_image(IMAGE, labels={DIGEST_LABEL: "a"})
    there.add_image(IMAGE, labels={} if theirs is None else {DIGEST_LABEL: theirs})
    send(here, there)
    assert [call.method for call in there.calls].count("load_images") == sent


def test_image_that_is_not_here_is_left_to_the_host() -> None:
    """The other engine fetches it."""
    there = FakeEngine()
    send(FakeEngine(), there)
    assert "load_images" not in [call.method for call in there.calls]


def test_other_architecture_is_refused() -> None:
    """Before anything is sent."""
    here, there = Emulated(), FakeEngine()
    here.add_image(IMAGE)
    with pytest.raises(EngineCapabilityError, match="node2 is amd64, and the images here are for"):
        send(here, there)
    assert "save_images" not in [call.method for call in here.calls]
