"""Archives and trees that somebody hostile has made, from a seed, and what must hold of them.

Needs nothing but the standard library and ``condor_mini.base``, so that any Python can run it:
``python link_attacks.py FIRST-SEED COUNT`` prints how many archives it has tried, and ends with a
traceback at the first that does harm.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOP = "top"
SECRET = b"the secret"
NAMES = ("a", "b", "c", "d")
LONG = "long" * 60
KINDS = (
    tarfile.REGTYPE,
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.SYMTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
)
ROUNDS = 4
"""How often something is copied to the same place: what the first brings the second may use."""
MOST_MEMBERS = 14


@dataclass
class Place:
    """A directory of the caller's, deep enough that no attack leaves the test's own directory."""

    root: Path
    own_links: bool
    """Whether the caller has links of his own in it."""
    here: Path = field(init=False)
    outside: Path = field(init=False)

    def __post_init__(self) -> None:
        nest = self.root.joinpath(*"12345678")
        self.here, self.outside = nest / "here", nest / "outside"
        self.here.mkdir(parents=True)
        for folder in (self.outside, *(self.outside / name for name in NAMES)):
            folder.mkdir()
            (folder / "file").write_bytes(SECRET)

    def fill(self, chance: random.Random) -> None:
        """Put in what the caller may have: directories, files, and links."""
        for _ in range(chance.randrange(8)):
            path = self.here / "/".join(chance.choices(NAMES, k=chance.randint(1, 3)))
            if os.path.lexists(path) or not path.parent.is_dir():
                continue
            if path.resolve() != path:
                continue
            match chance.randrange(3):
                case 0:
                    path.mkdir()
                case 1:
                    path.write_bytes(b"the caller's")
                case _ if self.own_links:
                    path.symlink_to(chance.choice([self.outside, self.outside / "a", Path("b")]))

    def picture(self) -> dict[str, object]:
        """All that is outside: a write there, or a change of anything, is seen."""
        found: dict[str, object] = {}
        for folder in (self.root, *self.root.rglob("*")):
            if folder == self.here or self.here in folder.parents:
                continue
            status = folder.lstat()
            content = folder.read_bytes() if folder.is_file() else b""
            times = () if folder == self.here.parent else (status.st_mtime_ns,)
            found[str(folder)] = (status.st_mode, status.st_nlink, *times, content)
        return found

    def links(self) -> set[Path]:
        """All links in the directory."""
        return {path for path in _below(self.here) if path.is_symlink()}


def _below(folder: Path) -> list[Path]:
    return [
        Path(place, name) for place, names, files in os.walk(folder) for name in [*names, *files]
    ]


def hostile(chance: random.Random, outside: Path) -> bytes:
    """An archive as no honest tar(1) writes it."""
    packed = io.BytesIO()
    form = chance.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        tar.addfile(_member(TOP, tarfile.DIRTYPE))
        for _ in range(chance.randint(1, MOST_MEMBERS)):
            member = _member(_name(chance, outside), chance.choice(KINDS))
            member.mode = chance.choice([0o644, 0o7777, 0o000, 0o444])
            member.mtime = chance.choice([0, 1_000_000_000, 2**40])
            content = b""
            if member.issym():
                member.linkname = _text(chance, outside)
            elif member.islnk():
                member.linkname = _name(chance, outside)
            elif member.isreg():
                content = chance.choice([b"", b"the job's", b"x" * 5000])
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _member(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, 0o755
    return member


def _name(chance: random.Random, outside: Path) -> str:
    parts = chance.choices(NAMES, k=chance.choices((1, 2, 3, 4), (6, 5, 2, 1))[0])
    odd = chance.random()
    if odd < 0.05:
        parts.insert(chance.randrange(len(parts) + 1), "..")
    elif odd < 0.08:
        return f"{outside}/{'/'.join(parts)}"
    elif odd < 0.11:
        parts[-1] = chance.choice(["line\nbreak", LONG, "\udcff", ".", "", "x" * 300, "esc\x1b[2J"])
    return "/".join([TOP, *parts])


def _text(chance: random.Random, outside: Path) -> str:
    """What a link says."""
    match chance.randrange(8):
        case 0:
            return "."
        case 1:
            return f"{outside}"
        case 2:
            return "/".join(["a"] * chance.randint(50, 90) + [".."] * 3)
        case 3:
            return "../" * chance.randint(1, 5) + "outside"
        case _:
            words = (*NAMES, *NAMES, "..", "..", ".", "outside")
            return "/".join(chance.choices(words, k=chance.randint(1, 5)))


def naive(archive: bytes, here: Path) -> None:
    """Unpack as one would who knows of no links: what the attacks must be good against."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = here / member.name.removeprefix(TOP).lstrip("/")
            try:
                if member.issym():
                    path.symlink_to(member.linkname)
                elif member.isdir():
                    path.mkdir(parents=True, exist_ok=True)
                elif (content := tar.extractfile(member)) is not None:
                    path.write_bytes(content.read())
            except (OSError, KeyError, RecursionError):
                continue


def attack(seed: int) -> None:
    """Let hostile archives be copied to one place, one after another, and the place be packed."""
    chance = random.Random(seed)  # noqa: S311 (a test's)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), own_links=bool(seed % 2))
        place.fill(chance)
        own, before = place.links(), place.picture()
        for _ in range(ROUNDS):
            unpack(hostile(chance, place.outside), place.here, to=chance.choice(["", "copy"]))
            assert place.picture() == before, "something outside has changed"
            check_inside(place, own)
            assert SECRET not in pack(place.here), "something of outside was packed"


def unpack(archive: bytes, here: Path, *, to: str = "") -> archives.Unpacked:
    """Unpack it as we do."""
    with Tree.open(here) as tree, archives.opened(io.BytesIO(archive)) as tar:
        return archives.unpack(tar, TOP, tree, to)


def pack(here: Path) -> bytes:
    """Pack a directory as we do."""
    packed = io.BytesIO()
    with Tree.open(here) as tree, tarfile.open(fileobj=packed, mode="w") as tar:
        archives.pack(tar, archives.entries(tree, "", TOP), uid=1, gid=1)
    return packed.getvalue()


def check_inside(place: Place, own: set[Path]) -> None:
    """What has come is files and directories without rights, and links that lead nowhere else."""
    for path in _below(place.here):
        kind = path.lstat().st_mode
        assert path.is_symlink() or path.is_file() or path.is_dir(), f"{path} is a device"
        assert path.is_symlink() or not kind & 0o7000, f"{path} gives rights: {kind:o}"
    if not own:
        for link in place.links():
            real = Path(os.path.realpath(link))
            assert real.is_relative_to(place.here), f"{link} leads to {real}"


def by(python: Sequence[str], environment: Mapping[str, str], seeds: int) -> str:
    """Try so many seeds by another Python; its version."""
    source = str(Path(archives.__file__).parents[2])
    done = subprocess.run(
        [*python, "-W", "error", __file__, "0", str(seeds)],
        env={"PYTHONPATH": source, "PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tried, _, version = done.stdout.strip().partition(" archives, Python ")
    assert int(tried) == seeds * ROUNDS
    return version


def main(first: int, count: int) -> None:
    """Try so many seeds."""
    for seed in range(first, first + count):
        try:
            attack(seed)
        except BaseException:
            print(f"seed {seed}", file=sys.stderr)  # noqa: T201 (a program's)
            raise
    print(f"{count * ROUNDS} archives, Python {sys.version.split()[0]}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
