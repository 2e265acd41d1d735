"""What is done about an engine's complaints on images, with a ``podman`` that is a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import OciEngine
from condor_mini.engine.oci.dialect import PODMAN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def script(count: Path, failures: str, message: str) -> str:
    """A client that counts its calls, and complains of the first ones."""
    called = "read -r called <{0} 2>/dev/null; called=${{called}}x; echo $called >{0}"
    return (
        f'{called.format(count)}\ncase $called in {failures}) echo "{message}" >&2; exit 125; esac'
    )


def test_an_import_whose_layer_was_removed_is_repeated(
    tmp_path: Path, put_binary: Callable[[str, str], None]
) -> None:
    """Podman loses a layer if an image that has it too is removed at the same moment."""
    count = tmp_path / "count"
    put_binary("podman", script(count, "x", "Error: creating image: layer not known"))
    OciEngine(PODMAN).import_image(tmp_path / "root.tar", "an:image", labels={})
    assert count.read_text() == "xx\n"


@pytest.mark.parametrize(
    ("message", "calls"), [("layer not known", "xx\n"), ("no space left on device", "x\n")]
)
def test_other_failures_of_an_import_are_raised(
    tmp_path: Path, put_binary: Callable[[str, str], None], message: str, calls: str
) -> None:
    """A layer that is lost twice is a failure, as is any other complaint at once."""
    count = tmp_path / "count"
    put_binary("podman", script(count, "*", f"Error: {message}"))
    with pytest.raises(CommandFailed, match=message):
        OciEngine(PODMAN).import_image(tmp_path / "root.tar", "an:image", labels={})
    assert count.read_text() == calls
