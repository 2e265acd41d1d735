"""What is done about an engine's complaints on images, with a ``podman`` that is a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import BuildSpec, OciEngine
from condor_mini.engine.oci import client
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


LOST_LAYER = "creating image: layer not known"
ITEM_GONE = f'locating item named "manifest" for image with ID "{"a" * 64}": file does not exist'
OTHER_GONE = f'reading image "{"a" * 64}": locating image with ID "{"a" * 64}": image not known'


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE_S", 0)


@pytest.mark.parametrize("message", [LOST_LAYER, OTHER_GONE, ITEM_GONE])
@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, tar: engine.import_image(tar, "an:image", labels={}),
        lambda engine, tar: engine.build(
            BuildSpec(context=tar.parent, tags=("an:image",)), on_line=lambda _: None
        ),
        lambda engine, tar: engine.remove_image("an:image"),  # noqa: ARG005
    ],
    ids=["import", "build", "remove"],
)
def test_what_another_images_removal_disturbed_is_repeated(
    tmp_path: Path,
    put_binary: Callable[[str, str], None],
    ask: Callable[[OciEngine, Path], None],
    message: str,
) -> None:
    """Podman fails at one image if another one goes, or a layer of both, at the same moment."""
    count = tmp_path / "count"
    put_binary("podman", script(count, "x|xx", f"Error: {message}".replace('"', '\\"')))
    ask(OciEngine(PODMAN), tmp_path / "root.tar")
    assert count.read_text() == "xxx\n"


def test_what_an_interfaces_removal_disturbed_is_repeated(
    tmp_path: Path, put_binary: Callable[[str, str], None]
) -> None:
    """Podman reads all interfaces of the host to find addresses for a network."""
    count = tmp_path / "count"
    put_binary("podman", script(count, "x|xx", "Error: route ip+net: no such network interface"))
    OciEngine(PODMAN).create_network("net", labels={})
    assert count.read_text() == "xxxx\n"  # and once to see whether it is the only one


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_a_copy_whose_end_was_not_read_is_repeated(
    tmp_path: Path, put_binary: Callable[[str, str], None], kind: str
) -> None:
    """Podman's process that unpacks ends before the zeros after the archive are written to it."""
    words = "copying to container: passing bulk input to subprocess: write |1: broken pipe"
    copy = f"/bin/cat >>{tmp_path}/got\n{script(tmp_path / 'count', 'x', words)}"
    put_binary("podman", f'case "$*" in *" cp "*) ;; *) echo "[]"; exit ;; esac\n{copy}')
    tar = TarWriter()
    tar.file("it", b"content")
    archive = tar.finish()
    (tmp_path / "tar").write_bytes(archive)
    with (tmp_path / "tar").open("rb") as file:
        OciEngine(PODMAN).copy_in("x", archive if kind == "bytes" else file)
    assert (tmp_path / "got").read_bytes() == archive * 2


def test_an_image_is_there_although_another_one_goes(
    tmp_path: Path, put_binary: Callable[[str, str], None]
) -> None:
    """Podman reads all images to answer about one."""
    count = tmp_path / "count"
    complaint = script(count, "x", f"Error: {OTHER_GONE}".replace('"', '\\"'))
    put_binary("podman", complaint + """\necho '[{"Id": "i", "Size": 1, "Config": {}}]'""")
    assert OciEngine(PODMAN).image("an:image") is not None
    put_binary("podman", "echo 'Error: inspecting object: an:image: image not known' >&2; exit 125")
    assert OciEngine(PODMAN).image("an:image") is None


@pytest.mark.parametrize(
    ("message", "calls"), [("layer not known", "xxxxx\n"), ("no space left on device", "x\n")]
)
def test_other_failures_of_an_import_are_raised(
    tmp_path: Path, put_binary: Callable[[str, str], None], message: str, calls: str
) -> None:
    """A layer that is lost each time is a failure, as is any other complaint at once."""
    count = tmp_path / "count"
    put_binary("podman", script(count, "*", f"Error: {message}"))
    with pytest.raises(CommandFailed, match=message):
        OciEngine(PODMAN).import_image(tmp_path / "root.tar", "an:image", labels={})
    assert count.read_text() == calls


def test_images_that_are_there_are_one_question(
    tmp_path: Path, put_binary: Callable[[str, str], None]
) -> None:
    """Podman says where local images are from. What the answer lacks is asked for by itself."""
    images = [
        {"Id": name, "Size": 1, "Config": {}, "RepoTags": [f"localhost/{name}:1"]} for name in "ab"
    ]
    (tmp_path / "answer").write_text(json.dumps(images) + "\n")
    calls = tmp_path / "calls"
    absent = 'case $* in *absent*) echo "Error: absent:1: image not known" >&2; exit 125; esac'
    both = f'[ $# = 4 ] || {{ read -r answer <{tmp_path}/answer; echo "$answer"; }}'
    put_binary("podman", f"echo $* >>{calls}; {both}; {absent}")

    found = OciEngine(PODMAN).images(["a:1", "b:1"])
    assert {name: image.id for name, image in found.items()} == {
        "a:1": "sha256:a",
        "b:1": "sha256:b",
    }
    assert calls.read_text() == "--log-level=error image inspect a:1 b:1\n"

    found = OciEngine(PODMAN).images(["a:1", "absent:1"])
    assert list(found) == ["a:1"]
    asked = [line.partition("inspect ")[2] for line in calls.read_text().splitlines()]
    assert asked == ["a:1 b:1", "a:1 absent:1", "absent:1"]
