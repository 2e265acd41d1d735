"""Volumes of an engine that has other words for them."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine import OciEngine
from condor_mini.engine.oci.dialect import PODMAN


@pytest.mark.parametrize("value", ["a,b", 'a"b', "a\nb"])
def test_volume_label_that_would_be_cut_is_refused(value: str) -> None:
    """What Podman would take for several labels is not handed to it."""
    with pytest.raises(EngineCapabilityError, match="label: k"):
        OciEngine(PODMAN).create_volume("v", labels={"k": value})
