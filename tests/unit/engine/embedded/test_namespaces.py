"""What a sandbox of the kernel's namespaces is made with."""

from __future__ import annotations

from condor_mini.engine.embedded.namespaces import _table


def test_mounts_with_odd_paths_are_told_apart() -> None:
    """Spaces and the like in a path do not end it."""
    assert _table([("/a b#\t", "/c\\d", "bind")]) == "/a\\040b\\043\\011 /c\\134d none bind 0 0\n"
