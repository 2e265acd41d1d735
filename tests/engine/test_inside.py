"""The contract of every engine: commands and files in a container."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]


@pytest.fixture
def file() -> Iterator[BinaryIO]:
    """An empty file of the operating system's."""
    with tempfile.TemporaryFile() as file:
        yield file


@pytest.mark.parametrize("status", [0, 1, 3, 126, 255])
def test_exec_answers_with_the_status(engine: Engine, box: str, status: int) -> None:
    """A command's status is its own, whatever it is."""
    assert engine.exec(box, ["sh", "-c", f"exit {status}"]).returncode == status


def test_exec_tells_stdout_from_stderr(engine: Engine, box: str) -> None:
    """What a command writes to stdout and to stderr is kept apart."""
    result = engine.exec(box, ["sh", "-c", "echo out; echo err >&2"])
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_exec_hands_over_stdin(engine: Engine, box: str) -> None:
    """A command reads what it is given."""
    text = "ä line\n" * 10_000
    assert engine.exec(box, ["cat"], stdin=text).stdout == text


def test_exec_without_stdin_reads_nothing(engine: Engine, box: str) -> None:
    """A command that is given nothing does not wait for it."""
    assert engine.exec(box, ["cat"], timeout_s=10).stdout == ""


def test_exec_passes_arguments_as_they_are(engine: Engine, box: str) -> None:
    """No shell comes between us and the command."""
    assert engine.exec(box, ["echo", "$HOME *", "a'b"]).stdout == "$HOME * a'b\n"


def test_exec_as_user_in_folder_with_environment(engine: Engine, box: str) -> None:
    """A command runs as the user, in the folder and with the variables that are asked for."""
    said = [
        engine.exec(box, ["id", "-u"], user="77").stdout,
        engine.exec(box, ["pwd"], workdir="/etc").stdout,
        [
            line
            for line in engine.exec(box, ["env"], environment={"KEY": "a b"}).stdout.splitlines()
            if line.startswith("KEY=")
        ],
    ]
    assert said == ["77\n", "/etc\n", ["KEY=a b"]]


def test_exec_of_an_unknown_command_has_a_status(engine: Engine, box: str) -> None:
    """A command that is not there ends as in a shell."""
    assert engine.exec(box, ["no-such-command"]).returncode in {126, 127}


def test_exec_ends_at_its_deadline(engine: Engine, box: str) -> None:
    """A command that does not end in time is an error without a status, soon after the deadline."""
    began = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        engine.exec(box, ["sleep", "30"], timeout_s=0.5)
    assert (caught.value.returncode, time.monotonic() - began < 3) == (None, True)


def test_exec_in_absent_container_is_not_found(engine: Engine, name: str) -> None:
    """A container that is not there runs no command."""
    with pytest.raises(NotFound):
        engine.exec(name, ["true"])


def test_exec_in_created_container_is_not_found(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that does not run yet runs no command."""
    with pytest.raises(NotFound):
        engine.exec(create(spec), ["true"])


def test_exec_in_ended_container_is_not_found(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that has ended runs no command."""
    engine.stop(run(spec), timeout_s=0)
    with pytest.raises(NotFound):
        engine.exec(spec.name, ["true"])


def test_commands_own_words_are_no_verdict(engine: Engine, box: str) -> None:
    """A command that fails and speaks of an absent container is not taken for the engine."""
    script = "echo working; echo Error: No such container: x >&2; exit 1"
    assert engine.exec(box, ["sh", "-c", script]).returncode == 1


@pytest.mark.needs("many_users")
def test_copy_in_keeps_owner_and_mode(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """A file has the owner and the mode that its tar says."""
    create(spec)
    engine.copy_in(spec.name, tar_of("etc/secret", b"x", uid=123, gid=45, mode=0o640))
    engine.start(spec.name)
    said = engine.exec(spec.name, ["stat", "-c", "%u:%g:%a", "/etc/secret"])
    assert said.stdout == "123:45:640\n"


@pytest.mark.needs_no("many_users")
def test_copy_in_keeps_mode(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """Where all users of a container are the caller, the file is theirs, with the tar's mode."""
    create(spec)
    engine.copy_in(spec.name, tar_of("etc/secret", b"x", uid=123, gid=45, mode=0o640))
    engine.start(spec.name)
    said = engine.exec(spec.name, ["stat", "-c", "%u:%g:%a", "/etc/secret"], user="7")
    assert said.stdout == "7:0:640\n"


def test_copy_in_to_running_container(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """A file is put into a container that runs."""
    engine.copy_in(run(spec), tar_of("etc/file", b"new\n"))
    assert engine.exec(spec.name, ["cat", "/etc/file"]).stdout == "new\n"


def test_copy_in_to_absent_is_not_found(
    engine: Engine, name: str, tar_of: Callable[..., bytes]
) -> None:
    """A container that is not there takes no file."""
    with pytest.raises(NotFound):
        engine.copy_in(name, tar_of("etc/file", b""))


def test_copy_in_of_nothing(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, file: BinaryIO
) -> None:
    """An archive without files is one, and a container that is not there does not take it."""
    nothing = io.BytesIO()
    tarfile.open(fileobj=nothing, mode="w").close()
    file.write(nothing.getvalue())
    file.seek(0)
    engine.copy_in(create(spec), nothing.getvalue())
    engine.copy_in(spec.name, file)
    with pytest.raises(NotFound):
        engine.copy_in(f"{spec.name}-absent", nothing.getvalue())


def test_copy_in_leaves_no_copy(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    tar_of: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was copied may be secret: none of it stays in a temporary file, after errors too."""
    create(spec)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    engine.copy_in(spec.name, tar_of("etc/secret", b"x"))
    with pytest.raises(CommandFailed):
        engine.copy_in(spec.name, b"no archive\n" * 100)
    assert list(tmp_path.iterdir()) == []


def test_copy_in_of_no_archive_fails(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """What is no tar is not unpacked."""
    with pytest.raises(CommandFailed):
        engine.copy_in(create(spec), b"no archive\n" * 100)


def test_copy_in_of_a_large_file(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """An archive that is handed over as a file arrives byte by byte."""
    content = os.urandom(50_000_000)
    file.write(tar_of("etc/large", content))
    file.seek(0)
    engine.copy_in(create(spec), file)
    assert engine.copy_out(spec.name, "/etc/large") == content


def test_copy_in_reads_a_file_from_where_it_stands(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """What was read of a file, or is only in its buffer, makes no difference."""
    file.write(b"something before" + tar_of("etc/file", b"content"))
    file.seek(0)
    file.read()
    file.seek(len(b"something before"))
    engine.copy_in(create(spec), file)
    assert engine.copy_out(spec.name, "/etc/file") == b"content"


def test_copy_out_gives_the_content(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """A file comes out as it went in, byte by byte, of a container that has not run."""
    content = bytes(range(256)) * 100
    create(spec)
    engine.copy_in(spec.name, tar_of("etc/a file", content))
    assert engine.copy_out(spec.name, "/etc/a file") == content


@pytest.mark.parametrize("path", ["/etc/absent", "/absent/absent", "/etc"])
def test_copy_out_of_no_file_is_not_found(engine: Engine, box: str, path: str) -> None:
    """What is not there, or is a folder, has no content."""
    with pytest.raises(NotFound):
        engine.copy_out(box, path)


def test_copy_out_of_absent_container_is_not_found(engine: Engine, name: str) -> None:
    """A container that is not there has no files."""
    with pytest.raises(NotFound):
        engine.copy_out(name, "/etc/passwd")


def unpacked(file: BinaryIO) -> dict[str, tuple[bytes | None, int]]:
    """What a tar holds: content (of a directory None) and mode by name."""
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        return {
            member.name: (
                None if (content := tar.extractfile(member)) is None else content.read(),
                member.mode & 0o7777,
            )
            for member in tar
        }


@pytest.mark.needs("many_users")
def test_copy_out_archive_of_a_file(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """A file comes out with its last name and mode, of a container that has not run."""
    engine.copy_in(create(spec), tar_of("etc/a file", b"content", uid=12, gid=34, mode=0o640))
    engine.copy_out_archive(spec.name, "/etc/a file", file)
    assert unpacked(file) == {"a file": (b"content", 0o640)}


def test_copy_out_archive_of_a_folder(
    engine: Engine,
    run: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """A folder comes out with all that is in it, by names that begin with its own."""
    run(spec)
    for name in ("tmp/out/one", "tmp/out/in/two", "tmp/outside"):
        engine.copy_in(spec.name, tar_of(name, name.encode()))
    engine.copy_out_archive(spec.name, "/tmp/out", file)
    files = {name: facts[0] for name, facts in unpacked(file).items() if facts[0] is not None}
    assert files == {"out/one": b"tmp/out/one", "out/in/two": b"tmp/out/in/two"}


def test_copy_out_archive_is_copied_in(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """What comes out of one container goes into another, large as it may be."""
    content = os.urandom(50_000_000)
    engine.copy_in(create(spec), tar_of("large", content))
    engine.copy_out_archive(spec.name, "/large", file)
    file.seek(0)
    engine.remove(spec.name)
    engine.copy_in(create(spec), file)
    assert engine.copy_out(spec.name, "/large") == content


def test_copy_out_archive_follows_what_is_in_the_file(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    file: BinaryIO,
    tar_of: Callable[..., bytes],
) -> None:
    """The archive is written where the file stands; what was written before it stays."""
    engine.copy_in(create(spec), tar_of("etc/file", b"content"))
    file.write(b"something before")
    engine.copy_out_archive(spec.name, "/etc/file", file)
    file.seek(0)
    before = file.read(len(b"something before"))
    rest = io.BytesIO(file.read())
    assert (before, list(unpacked(rest))) == (b"something before", ["file"])


@pytest.mark.parametrize("path", ["/etc/absent", "/absent/absent"])
def test_copy_out_archive_of_absent_is_not_found(
    engine: Engine, box: str, file: BinaryIO, path: str
) -> None:
    """Of what is not there nothing is written."""
    with pytest.raises(NotFound):
        engine.copy_out_archive(box, path, file)
    assert file.read() == b""


def test_copy_out_archive_of_absent_container_is_not_found(
    engine: Engine, name: str, file: BinaryIO
) -> None:
    """A container that is not there has no files."""
    with pytest.raises(NotFound):
        engine.copy_out_archive(name, "/etc", file)
