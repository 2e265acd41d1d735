"""Images that are composed of the runtime's files and our own."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from condor_mini import runtime
from condor_mini.base.layout import CONDOR_ID, CONFIG_DIRECTORY, LIBEXEC, USER_ID
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import FakeEngine
from condor_mini.images import composition
from condor_mini.runtime import Runtime
from condor_mini.runtime.build import Made

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from condor_mini.engine import ImageTree

ROLES = ("mini", "master", "submit", "execute")
LABEL = "io.condor-mini.made-of"
SERIES = catalogue().get("25")


class Composer(FakeEngine):
    """An engine in memory that composes images."""

    def __init__(self) -> None:
        super().__init__()
        self.trees: dict[str, ImageTree] = {}
        """What each image was composed of, by its reference."""

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """Remember the tree, and have the image."""
        self.trees[reference] = tree
        self.add_image(reference, labels=labels)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tree of a small runtime."""
    root = tmp_path / "25-amd64/root"
    for path in ("usr/bin", "usr/lib", "usr/local/bin", "var/lib", "etc"):
        (root / path).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/closed").write_text("x")
    (root / "etc/closed").chmod(0o444)
    (root / "etc/mtab").symlink_to("/proc/mounts")
    made = Runtime(
        series="25",
        architecture="amd64",
        digest="abc",
        path=root.parent,
        version="25.14.1",
        size_bytes=12345,
        problem=None,
    )
    monkeypatch.setattr(runtime, "ensure", lambda *_: Made(runtime=made, fresh=False))
    monkeypatch.setattr(composition, "place", lambda series: f"{series.number}-abc")
    return root


@pytest.fixture
def engine(root: Path) -> Composer:
    """An engine that has no image yet."""
    del root
    return Composer()


def compose(engine: Composer, role: str = "execute") -> bool:
    """Compose a role's image, unless it is up to date."""
    reference = f"condor-{role}:25"
    return composition.compose(engine, role, SERIES, Progress(), reference=reference, label=LABEL)


def tree_of(engine: Composer, role: str = "execute") -> ImageTree:
    """Compose a role's image, and return what it is composed of."""
    compose(engine, role)
    return engine.trees[f"condor-{role}:25"]


def entries(tree: ImageTree) -> dict[str, tarfile.TarInfo]:
    """Return the image's own files, by their paths; the last of each name, as an engine has it."""
    with tarfile.open(fileobj=io.BytesIO(tree.archive)) as tar:
        return {entry.name: entry for entry in tar}


def content(tree: ImageTree, path: str) -> str:
    """Return the text of one of the image's own files."""
    with tarfile.open(fileobj=io.BytesIO(tree.archive)) as tar:
        file = tar.extractfile(entries(tree)[path].name)
        assert file is not None
        return file.read().decode()


def test_image_that_is_absent_is_composed(engine: Composer) -> None:
    """Afterwards the engine has the image, with HTCondor's version as its label."""
    assert compose(engine)
    image = engine.image("condor-execute:25")
    assert image is not None
    assert image.labels["org.opencontainers.image.version"] == "25.14.1"


def test_image_that_is_up_to_date_stays(engine: Composer) -> None:
    """A second time nothing is composed."""
    compose(engine)
    engine.trees.clear()
    assert (compose(engine), engine.trees) == (False, {})


def test_image_of_something_else_is_composed_again(engine: Composer) -> None:
    """An image whose label has another digest is replaced."""
    engine.add_image("condor-execute:25", labels={LABEL: "old"})
    assert compose(engine)


@pytest.mark.usefixtures("root")
def test_digests_differ_by_role() -> None:
    """Each role has its own configuration, so none has the digest of another."""
    assert len({composition.digest(role, SERIES) for role in ROLES}) == len(ROLES)


@pytest.mark.usefixtures("root")
def test_digest_follows_the_runtime() -> None:
    """Another runtime makes every image outdated."""
    other = catalogue().get("23")
    assert composition.digest("mini", SERIES) != composition.digest("mini", other)


@pytest.mark.usefixtures("root")
def test_layout_number_makes_all_images_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is in the digest."""
    before = composition.digest("mini", SERIES)
    monkeypatch.setattr(composition, "LAYOUT", "next")
    assert composition.digest("mini", SERIES) != before


def test_programs_are_shared(engine: Composer, root: Path) -> None:
    """The runtime's own directories are used where they are, and counted as the image's size."""
    tree = tree_of(engine)
    assert tree.shared == {"/usr/bin": root / "usr/bin", "/usr/lib": root / "usr/lib"}
    assert tree.shared_bytes == 12345


def test_what_containers_write_is_not_shared(engine: Composer) -> None:
    """Each image has its own /etc and /var, where every file can be written by its owner."""
    found = entries(tree_of(engine))
    assert {"etc/closed", "etc/mtab", "var/lib"} <= set(found)
    assert found["etc/closed"].mode == 0o644


def test_links_stay_links(engine: Composer) -> None:
    """A symbolic link of the runtime leads where it led."""
    found = entries(tree_of(engine))
    assert (found["etc/mtab"].issym(), found["etc/mtab"].linkname) == (True, "/proc/mounts")


def test_bytes_are_the_same_each_time(engine: Composer) -> None:
    """The same runtime makes the same archive, whenever it is made."""
    assert tree_of(engine).archive == tree_of(Composer()).archive


@pytest.mark.parametrize("role", ROLES)
def test_configuration_is_the_roles(engine: Composer, role: str) -> None:
    """An image has the configuration of its own role and of no other."""
    folder = f"{CONFIG_DIRECTORY.lstrip('/')}/"
    names = [name.removeprefix(folder) for name in entries(tree_of(engine, role))]
    assert [name for name in names if name.startswith("20-role-")] == [f"20-role-{role}"]


def test_common_configuration_is_in_every_image(engine: Composer) -> None:
    """What all roles share is there too."""
    folder = CONFIG_DIRECTORY.lstrip("/")
    assert f"{folder}/10-security" in entries(tree_of(engine))


def test_scripts_can_be_run(engine: Composer) -> None:
    """The entrypoint is a file that everybody may run."""
    entrypoint = entries(tree_of(engine))[f"{LIBEXEC.lstrip('/')}/entrypoint"]
    assert (entrypoint.mode, entrypoint.uid) == (0o755, 0)


@pytest.mark.parametrize("path", ["etc/condor/passwords.d", "etc/condor/tokens.d"])
def test_secrets_are_roots(engine: Composer, path: str) -> None:
    """Only root reads the directories of keys and tokens."""
    found = entries(tree_of(engine))[path]
    assert (found.mode, found.uid) == (0o700, 0)


@pytest.mark.parametrize("path", ["var/spool/condor", "var/log/condor", "run/condor"])
def test_daemons_own_their_directories(engine: Composer, path: str) -> None:
    """Spool, logs and sockets belong to HTCondor's user."""
    assert entries(tree_of(engine))[path].uid == CONDOR_ID


def test_ordinary_users_have_accounts(engine: Composer) -> None:
    """The runtime's accounts are followed by jovyan and submituser."""
    lines = content(tree_of(engine), "etc/passwd").splitlines()
    assert [line.split(":")[0] for line in lines] == ["root", "jovyan", "submituser"]


def test_home_is_its_users_alone(engine: Composer) -> None:
    """Nobody else looks into the home of jovyan."""
    home = entries(tree_of(engine))["home/jovyan"]
    assert (home.mode, home.uid) == (0o700, USER_ID)


@pytest.mark.parametrize(
    ("role", "user", "state"), [("mini", "jovyan", 0o1777), ("submit", None, None)]
)
def test_personal_pool_is_one_users(
    engine: Composer, role: str, user: str | None, state: int | None
) -> None:
    """Only the image of the personal pool starts as jovyan, with a state directory for all."""
    tree = tree_of(engine, role)
    found = entries(tree).get("condor_state")
    assert (tree.user, found.mode if found else None) == (user, state)


@pytest.mark.parametrize("role", ROLES)
def test_environment_names_the_role(engine: Composer, role: str) -> None:
    """By this variable a container says what it is."""
    assert tree_of(engine, role).environment["CONDOR_MINI_ROLE"] == role


def test_first_process_reaps_orphans(engine: Composer) -> None:
    """The entrypoint runs under tini, which is a subreaper where it is not the process 1."""
    tree = tree_of(engine)
    assert tree.entrypoint == ("/usr/bin/tini", "--", f"{LIBEXEC}/entrypoint")
    assert tree.environment["TINI_SUBREAPER"] == "1"
