"""Parts of tar archives."""

from __future__ import annotations

import io
import tarfile

from condor_mini.engine.oci.archives import copy_below, copy_under


def archive(*members: tuple[str, bytes | None]) -> io.BytesIO:
    """A tar of these files; None is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.mode, member.uid = 0o751, 12
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content or b""))
    buffer.seek(0)
    return buffer


WHOLE = (("data", None), ("data/in/file", b"content"), ("database", b"x"), ("etc/data/file", b"y"))


def test_part_is_what_is_below() -> None:
    """Of a folder there is the folder itself and all below it, and nothing beside it."""
    part = io.BytesIO()
    assert copy_below(archive(*WHOLE), "/data", part)
    with tarfile.open(fileobj=part) as tar:
        found = {m.name: (m.mode, m.uid, m.isdir()) for m in tar}
        file = tar.extractfile("in/file")
        assert file is not None
        assert file.read() == b"content"
    assert found == {".": (0o751, 12, True), "in/file": (0o751, 12, False)}


def test_nothing_below_is_nothing() -> None:
    """Of a folder that the archive does not know there is nothing."""
    assert not copy_below(archive(*WHOLE), "/dat", io.BytesIO())


def test_whole_is_the_part_at_its_folder() -> None:
    """An archive for a folder becomes one for the root, with the same owners and modes."""
    whole = io.BytesIO()
    copy_under(archive(("in/file", b"content"), ("in", None)), "/a/b", whole)
    with tarfile.open(fileobj=whole) as tar:
        found = {m.name: (m.mode, m.uid, m.isdir()) for m in tar}
        file = tar.extractfile("a/b/in/file")
        assert file is not None
        assert file.read() == b"content"
    assert found == {"a/b/in/file": (0o751, 12, False), "a/b/in": (0o751, 12, True)}
