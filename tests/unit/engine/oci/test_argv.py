"""The words of a command line."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine.oci.argv import bare_label_instruction


def test_label_with_a_quote_is_refused() -> None:
    """An import has no way to write a quote."""
    assert bare_label_instruction("k", "a $b \\") == 'LABEL "k"="a $b \\"'
    with pytest.raises(EngineCapabilityError, match="quote in a label: k"):
        bare_label_instruction("k", 'a"b')
