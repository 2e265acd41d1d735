"""``condor-mini cp``: what it follows, and what it does not."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, NotFound, ReadOnlyError, UsageError
from condor_mini.engine import ContainerSpec, FakeEngine, FakeOutcome
from condor_mini.nodes import files
from condor_mini.nodes.node import Identity, Node, Role, pool_nodes
from pool_ci import create

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

    Send = Callable[..., None]

NAME = "mini-submit-1"
DIRECTORY, FILE, LINK = "41ed", "81a4", "a1ff"
"""Modes, as stat(1) says them."""


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with an access point."""
    engine = FakeEngine()
    engine.add_image("it")
    labels = {"io.condor-mini.pool": "mini", "io.condor-mini.role": "submit"}
    engine.create(ContainerSpec(image="it", name=NAME, labels=labels))
    engine.start(NAME)
    return engine


@pytest.fixture
def node(engine: FakeEngine) -> Node:
    """The access point."""
    info = engine.inspect(NAME)
    assert info is not None
    identity = Identity(pool="mini", role=Role.ACCESS_POINT, number=1, group="default")
    return Node(engine=engine, info=info, identity=identity)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, beside which is one with a file that is nobody's business."""
    (tmp_path / "here").mkdir()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id").write_text("secret")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def is_untouched(here: Path) -> bool:
    """Whether what is beside it is as it was."""
    return [path.read_text() for path in (here.parent / ".ssh").iterdir()] == ["secret"]


# -- out of a node --------------------------------------------------------------------------------


@pytest.fixture
def send(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Lets the node send this archive: each name with a file's content, or a TarInfo."""

    def send(**members: str | tarfile.TarInfo) -> None:
        def pack(container: str, path: str, archive: BinaryIO) -> None:
            del container, path
            with tarfile.open(fileobj=archive, mode="w") as tar:
                for name, what in members.items():
                    member = what if isinstance(what, tarfile.TarInfo) else tarfile.TarInfo()
                    member.name = name
                    content = what.encode() if isinstance(what, str) else b""
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))

        monkeypatch.setattr(engine, "copy_out_archive", pack)

    return send


def link(to: str) -> tarfile.TarInfo:
    """A symbolic link."""
    return special(tarfile.SYMTYPE, to)


def special(kind: bytes, to: str = "") -> tarfile.TarInfo:
    """Something that is no file."""
    made = tarfile.TarInfo()
    made.type, made.linkname, made.mode = kind, to, 0o755
    return made


FOLDER = special(tarfile.DIRTYPE)


def test_second_copy_does_not_go_through_the_firsts_links(
    node: Node, send: Send, here: Path
) -> None:
    """Copied twice, a directory does not reach what a link in it leads to."""
    send(**{"results": FOLDER, "results/link": link("../../.ssh"), "results/out": "1"})
    with pytest.raises(CondorMiniError, match="link: a symbolic link to"):
        files.copy_out(node, "results", here)
    send(**{"results": FOLDER, "results/link": FOLDER, "results/link/id": "forged"})
    files.copy_out(node, "results", here)
    assert is_untouched(here)
    assert (here / "results" / "link" / "id").read_text() == "forged"


def test_link_that_is_there_is_not_followed(node: Node, send: Send, here: Path) -> None:
    """A link in an earlier copy is not written through, whoever made it, and is reported."""
    (here / "results").mkdir()
    (here / "results" / "link").symlink_to("../../.ssh")
    send(**{"results": FOLDER, "results/link/id": "forged", "results/out": "1"})
    with pytest.raises(CondorMiniError, match="nothing is written through a link"):
        files.copy_out(node, "results", here)
    assert is_untouched(here)
    assert (here / "results" / "out").read_text() == "1"


def test_links_that_stay_inside_come_along(node: Node, send: Send, here: Path) -> None:
    """A link to what is copied too is a link here."""
    send(**{"results": FOLDER, "results/new": link("out"), "results/out": "1"})
    files.copy_out(node, "results", here)
    assert (here / "results" / "new").readlink().name == "out"


@pytest.mark.parametrize("to", ["../.ssh", "../.ssh/id", "../.ssh/new", "inside"])
@pytest.mark.parametrize("sent", ["file", "directory"])
def test_target_that_is_a_link_is_refused(
    node: Node, send: Send, here: Path, to: str, sent: str
) -> None:
    """A link in the target's place is neither followed nor replaced: a job may have made it."""
    (here / "target").symlink_to(to)
    (here / "inside").mkdir()
    send(**({"out": "1"} if sent == "file" else {"out": FOLDER, "out/id": "1"}))
    with pytest.raises(UsageError, match=f"here/target is a symbolic link to {to}"):
        files.copy_out(node, "out", here / "target")
    assert is_untouched(here)
    assert [path.name for path in sorted(here.iterdir())] == ["inside", "target"]


@pytest.mark.parametrize("target", ["link/id", "link/new", "link", "sub/../link/id"])
def test_target_behind_a_link_is_refused(node: Node, send: Send, here: Path, target: str) -> None:
    """Beneath the current directory no part of the target's path may be a link."""
    (here / "sub").mkdir()
    (here / "link").symlink_to("../.ssh")
    send(out="1")
    with pytest.raises(UsageError, match=r"here/link is a symbolic link to \.\./\.ssh"):
        files.copy_out(node, "out", Path(target))
    assert is_untouched(here)


def test_copy_whose_own_name_is_a_link_here(node: Node, send: Send, here: Path) -> None:
    """Copied into a directory, it does not go through a link of its own name there."""
    (here / "results").symlink_to("../.ssh")
    send(**{"results": FOLDER, "results/id": "forged"})
    with pytest.raises(UsageError, match="here/results is a symbolic link"):
        files.copy_out(node, "results", here)
    assert is_untouched(here)


def test_source_that_is_a_link_is_told(node: Node, send: Send, here: Path) -> None:
    """A link in the node is not copied by itself; what it leads to is named."""
    send(latest=link("v1/out"))
    with pytest.raises(UsageError, match="is a symbolic link") as refused:
        files.copy_out(node, "latest", here)
    assert "condor-mini cp -n mini mini-submit-1:/home/jovyan/v1/out" in str(refused.value)
    assert list(here.iterdir()) == []


def test_file_gets_the_name_that_is_given(node: Node, send: Send, here: Path) -> None:
    """A file takes another one's place, and leaves nothing beside it."""
    (here / "new").write_text("old")
    send(out="1")
    files.copy_out(node, "out", here / "new")
    assert [(path.name, path.read_text()) for path in here.iterdir()] == [("new", "1")]


@pytest.mark.parametrize(("sent", "there"), [("file", "directory"), ("directory", "file")])
def test_file_and_directory_do_not_take_each_others_place(
    node: Node, send: Send, here: Path, sent: str, there: str
) -> None:
    """A directory is not replaced by a file, nor the reverse; nothing is changed."""
    send(**({"out": "1"} if sent == "file" else {"out": FOLDER, "out/x": "1"}))
    target = here / "out"
    if there == "file":
        target.write_text("old")
    else:
        target.mkdir()
    with pytest.raises(UsageError, match=f"out is a {there}, and a {sent} would replace it"):
        files.copy_out(node, "out", here if there == "directory" else target)
    assert list(here.rglob("*")) == [target]


def test_what_is_refused_does_not_keep_the_rest(node: Node, send: Send, here: Path) -> None:
    """What cannot be copied is an error with exit code 1, and the rest is copied."""
    send(**{"out": FOLDER, "out/pipe": special(tarfile.FIFOTYPE), "out/file": "1"})
    with pytest.raises(CondorMiniError, match="pipe: neither a file nor a directory") as refused:
        files.copy_out(node, "out", here)
    assert (refused.value.exit_code, (here / "out" / "file").read_text()) == (1, "1")


def test_whole_node_is_not_copied(node: Node, here: Path) -> None:
    """The root of a node has no name that a copy could get."""
    with pytest.raises(UsageError, match="not copied as a whole"):
        files.copy_out(node, "/", here)


# -- into a node ----------------------------------------------------------------------------------


@pytest.fixture
def holds(engine: FakeEngine) -> Callable[..., None]:
    """Lets the node have these paths: what each is, its owner, and, of a link, what it leads to."""

    def holds(**paths: tuple[str, int, str]) -> None:
        def look(call: FakeExec) -> FakeOutcome:
            said: tuple[list[str], list[str]] = ([], [])
            for path in call.argv[4:]:
                if path not in paths:
                    break
                kind, owner, leads_to = paths[path]
                said[0].append(f"{owner} {owner} {kind}\n")
                said[1].append(f"{owner} {owner} {leads_to}\n")
            return FakeOutcome(stdout="".join(said[0]) + "\n" + "".join(said[1]))

        engine.on_exec(["sh"], look)
        engine.on_exec(["readlink"], lambda _: FakeOutcome(stdout="/etc\n"))

    return holds


ROOT = (DIRECTORY, 0, DIRECTORY)
HOME = {"/": ROOT, "/home": ROOT, "/home/jovyan": (DIRECTORY, 1000, DIRECTORY)}


def test_copy_belongs_to_the_directorys_owner(
    node: Node, engine: FakeEngine, holds: Callable[..., None], here: Path
) -> None:
    """What is copied belongs to whom the directory belongs."""
    holds(**HOME)
    (here / "file").write_text("1")
    files.copy_in(node, here / "file", "")
    assert engine.files(NAME)["/home/jovyan/file"].uid == 1000


def test_copy_to_where_everybody_writes_belongs_to_the_ordinary_user(
    node: Node, engine: FakeEngine, holds: Callable[..., None], here: Path
) -> None:
    """In a shared directory of root's, jovyan can write to what was copied."""
    holds(**{"/": ROOT, "/shared": ("43ff", 0, "43ff")})
    (here / "file").write_text("1")
    files.copy_in(node, here / "file", "/shared/")
    assert engine.files(NAME)["/shared/file"].uid == 1000


def test_links_in_a_directory_are_copied_as_links(
    node: Node, holds: Callable[..., None], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a link leads to stays here."""
    holds(**HOME)
    (here / "data").mkdir()
    (here / "data" / "link").symlink_to("../../.ssh")
    sent: dict[str, tarfile.TarInfo] = {}

    def receive(container: str, archive: BinaryIO, *, at: str) -> None:
        del container, at
        with tarfile.open(fileobj=archive) as tar:
            sent.update({member.name: member for member in tar})

    monkeypatch.setattr(node.engine, "copy_in", receive)
    files.copy_in(node, here / "data", "")
    assert (sent["data/link"].issym(), list(sent)) == (True, ["data", "data/link"])


@pytest.mark.parametrize("source", ["link", "link/id", "other"])
def test_source_that_is_a_link_is_refused(
    node: Node, holds: Callable[..., None], here: Path, source: str
) -> None:
    """A link that a job may have left does not bring another file into a node."""
    holds(**HOME)
    (here / "link").symlink_to("../.ssh")
    (here / "other").symlink_to("../.ssh/id")
    with pytest.raises(UsageError, match="is a symbolic link"):
        files.copy_in(node, Path(source), "")


def test_link_in_the_node_that_is_roots_is_followed(
    node: Node, engine: FakeEngine, holds: Callable[..., None], here: Path
) -> None:
    """The links of the system lead where they always do."""
    holds(**{"/": ROOT, "/var": ROOT, "/var/run": (LINK, 0, DIRECTORY)})
    (here / "file").write_text("1")
    files.copy_in(node, here / "file", "/var/run")
    assert "/var/run/file" in engine.files(NAME)


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [("mine", DIRECTORY), ("mine/", DIRECTORY), ("mine/x", DIRECTORY), ("mine", FILE), ("", FILE)],
)
def test_link_in_the_node_that_a_job_made_is_refused(
    node: Node,
    engine: FakeEngine,
    holds: Callable[..., None],
    here: Path,
    target: str,
    leads_to: str,
) -> None:
    """Root writes nothing where a job's link leads; the error says where that is."""
    holds(**HOME, **{"/home/jovyan/mine": (LINK, 1000, leads_to)})
    (here / "mine").mkdir()
    with pytest.raises(UsageError, match="/home/jovyan/mine is a symbolic link to /etc"):
        files.copy_in(node, here / "mine", target)
    assert not any(path.startswith("/home") for path in engine.files(NAME))


def test_pipe_stays_here_and_is_told(node: Node, holds: Callable[..., None], here: Path) -> None:
    """What cannot be copied is returned."""
    holds(**HOME)
    (here / "data").mkdir()
    os.mkfifo(here / "data" / "pipe")
    assert files.copy_in(node, here / "data", "") == ["data/pipe"]


@pytest.mark.parametrize("target", ["no/such", "no/such/"])
def test_directory_that_is_absent_in_the_node(
    node: Node, holds: Callable[..., None], here: Path, target: str
) -> None:
    """A directory that the node does not have is an error."""
    holds(**HOME)
    (here / "file").touch()
    with pytest.raises(NotFound, match="has no directory"):
        files.copy_in(node, here / "file", target)


def test_whole_machine_is_not_copied(node: Node, holds: Callable[..., None]) -> None:
    """The root has no name that a copy could get."""
    holds(**HOME)
    with pytest.raises(UsageError, match="not copied as a whole"):
        files.copy_in(node, Path("/"), "")


def test_source_that_is_absent(node: Node, here: Path) -> None:
    """A file that is not here is told."""
    with pytest.raises(NotFound, match="absent/file does not exist"):
        files.copy_in(node, here / "absent" / "file", "")


def test_cp_to_a_place_that_is_read_only(pools: PoolEngine, tmp_path: Path) -> None:
    """A file that a node cannot take is refused in our words, with what to do."""
    create(pools)
    # Of /, /usr, /usr/bin and the file in it that is new, the first three are directories.
    directories = "0 0 41ed\n" * 3
    pools.on_exec(["sh"], lambda _: FakeOutcome(stdout=f"{directories}\n{directories}"))
    (tmp_path / "x").touch()
    node = pool_nodes(pools, "ci")[-1]
    with pytest.raises(ReadOnlyError, match="ci-execute-2 is read-only at /usr/bin") as refused:
        files.copy_in(node, tmp_path / "x", "/usr/bin/x")
    assert "read_only: false" in (refused.value.hint or "")
    files.copy_in(node, tmp_path / "x", "/tmp/it/x")
    assert "/tmp/it/x" in pools.files(node.name)
