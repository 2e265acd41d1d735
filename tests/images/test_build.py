"""Building the images, on the real engine, from Debian's real packages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import ImageBuildFailed, NotFound
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import BuildSpec
from condor_mini.images import builder, sbom
from condor_mini.images.debian import debian_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import ImageBuilder

ROOT = Path(__file__).parents[2]
LARGEST_BYTES = 280_000_000
"""The bound on an image's size that the project has set itself."""
LARGEST_LAYERS_BYTES = 20_000
"""What a role's image may add to the base."""


def in_image(image: str, *argv: str, user: str = "root") -> str:
    """What a command says in a throw-away container of that image."""
    command = ["docker", "run", "--rm", "--user", user, "--entrypoint", argv[0], image, *argv[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout


@pytest.mark.parametrize("role", builder.ROLES)
def test_no_image_is_larger_than_the_bound(docker: ImageBuilder, role: str) -> None:
    """The whole of each image is at most 280 MB."""
    image = docker.image(f"condor-{role}")
    assert image is not None
    assert image.size_bytes <= LARGEST_BYTES


@pytest.mark.parametrize("role", builder.ROLES[1:])
def test_a_role_adds_a_few_kilobytes(docker: ImageBuilder, role: str) -> None:
    """A role's own layers are a few kilobytes on the base."""
    base, image = docker.image("condor-base"), docker.image(f"condor-{role}")
    assert base is not None
    assert image is not None
    assert image.size_bytes - base.size_bytes < LARGEST_LAYERS_BYTES


def test_labels_are_ocis_and_true(docker: ImageBuilder) -> None:
    """The image's version label is the version of HTCondor that is in it."""
    image = docker.image("condor-mini")
    assert image is not None
    version = image.labels["org.opencontainers.image.version"]
    said = in_image("condor-mini", "dpkg-query", "--show", "--showformat", "${Version}", "condor")
    assert version == said
    assert image.labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_what_is_up_to_date_is_not_built_again(docker: ImageBuilder) -> None:
    """A second build with nothing changed builds nothing."""
    built = builder.build(docker, builder.ROLES, catalogue().get(None), Progress())
    assert [image.fresh for image in built] == [False] * len(builder.ROLES)


def test_a_tag_takes_the_place_of_the_series(docker: ImageBuilder, tag: str) -> None:
    """--tag names the images; a base that is missing under that tag is built too."""
    (built,) = builder.build(docker, ["mini"], catalogue().get(None), Progress(), tag=tag)
    assert built.reference == f"condor-mini:{tag}"
    assert docker.image(f"condor-base:{tag}") is not None
    assert built.fresh


@pytest.mark.parametrize("role", builder.ROLES)
def test_plain_docker_build_of_each_folder(docker: ImageBuilder, tag: str, role: str) -> None:
    """`docker build --tag NAME <image folder>/` works for each folder as it stands."""
    argv = ["docker", "build", "--tag", f"condor-{role}:{tag}"]
    if role == "base":  # no registry here: the same Debian under another name
        base = debian_base(docker, Progress())
        argv += ["--build-arg", f"BASE={base}"]
    with as_file(files("condor_mini").joinpath(f"images/condor-{role}")) as folder:
        subprocess.run(
            [*argv, str(folder)], check=True, capture_output=True, text=True, timeout=280
        )
    assert docker.image(f"condor-{role}:{tag}") is not None


@pytest.mark.slow
@pytest.mark.parametrize("role", builder.ROLES)
def test_the_script_beside_each_dockerfile_builds_that_image(
    docker: ImageBuilder, role: str
) -> None:
    """Each image's own `build` script builds just that image."""
    script = ROOT / f"src/condor_mini/images/condor-{role}/build"
    result = subprocess.run(
        [str(script), "--quiet"], check=True, capture_output=True, text=True, timeout=280
    )
    built = f"condor-{role}:{catalogue().get(None).number}"
    assert docker.image(built) is not None
    assert [line.split()[0] for line in result.stdout.splitlines()] == [built]


@pytest.mark.slow
def test_packages_can_be_installed_on_top(docker: ImageBuilder, tag: str, tmp_path: Path) -> None:
    """`apt-get install` works in an image built on ours, for a library that we took newer too."""
    (tmp_path / "Dockerfile").write_text(
        "FROM condor-execute\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends libpcre2-dev\n"
    )
    spec = BuildSpec(context=tmp_path, tags=(f"condor-execute:{tag}",))
    docker.build(spec, on_line=lambda line: None)  # noqa: ARG005
    assert docker.image(f"condor-execute:{tag}") is not None


def test_modes_of_a_checkout_do_not_matter(docker: ImageBuilder, tag: str, tmp_path: Path) -> None:
    """An image from a checkout with umask 077 is readable for everybody all the same."""
    with as_file(files("condor_mini").joinpath("images/condor-submit")) as folder:
        context = Path(shutil.copytree(folder, tmp_path / "condor-submit"))
    for path in context.iterdir():
        path.chmod(path.stat().st_mode & 0o700)
    spec = BuildSpec(context=context, tags=(f"condor-submit:{tag}",))
    docker.build(spec, on_line=lambda line: None)  # noqa: ARG005
    said = in_image(f"condor-submit:{tag}", "condor_config_val", "DAEMON_LIST", user="jovyan")
    assert "SCHEDD" in said


def test_no_caches_documentation_or_locales(docker: ImageBuilder) -> None:
    """Neither package caches nor documentation nor translations are in the images."""
    del docker
    script = (
        "find /var/lib/apt/lists /var/cache/apt -type f ! -name lock;"
        "find /usr/share/man /usr/share/locale -type f;"
        "find /usr/share/doc -type f ! -name copyright"
    )
    assert in_image("condor-mini", "sh", "-c", script).strip() == ""


def test_bindings_for_series_23(docker: ImageBuilder) -> None:
    """Series 23 has both bindings, htcondor and htcondor2."""
    builder.build(docker, ["base"], catalogue().get("23"), Progress())
    said = in_image(
        *("condor-base:23", "python3", "-c"),
        "import htcondor, htcondor2; print(htcondor.version(), htcondor2.version())",
        user="jovyan",
    )
    assert said.count("$CondorVersion: 23.9.6") == 2


def build_of(docker: ImageBuilder, folder: Path, *, tag: str, base: str, pinned: str) -> list[str]:
    """Build the base image where another version of HTCondor was tested; what the build says."""
    with as_file(files("condor_mini").joinpath("images/condor-base")) as source:
        context = Path(shutil.copytree(source, folder / "condor-base"))
    number = pinned.split(".")[0]
    row = f"series {number} {pinned} unstable {'0' * 64} {'0' * 64}"
    (context / "series").write_text(f"debian trixie\nuv 0\n{row}\n")
    lines: list[str] = []
    spec = BuildSpec(
        context=context,
        tags=(f"condor-base:{tag}",),
        build_args={"HTCONDOR": number, "BASE": base},
    )
    with suppress(ImageBuildFailed):
        docker.build(spec, on_line=lines.append)
    return lines


@dataclass(frozen=True, kw_only=True)
class OnBookworm:
    """A base image on an older Debian, of a version that its suite has no more."""

    image: str
    lines: list[str]


@pytest.fixture(scope="module")
def on_bookworm(
    docker: ImageBuilder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OnBookworm]:
    """Both at once: it is a whole build."""
    folder = tmp_path_factory.mktemp("bookworm")
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(folder / "root.tar")],
        check=True,
        capture_output=True,
        timeout=240,
    )
    tag = f"test-{uuid.uuid4().hex[:8]}"
    names = other, image = f"condor-execute:{tag}", f"condor-base:{tag}"
    try:
        docker.import_image(folder / "root.tar", other, labels={})
        lines = build_of(docker, folder, tag=tag, base=other, pinned="25.0.1-1")
        yield OnBookworm(image=image, lines=lines)
    finally:
        for name in names:
            docker.remove_image(name)


@pytest.mark.slow
def test_the_base_may_be_another_debian(on_bookworm: OnBookworm) -> None:
    """The base image takes another Debian by build argument, and HTCondor runs on it."""
    assert "$CondorVersion: 25." in in_image(on_bookworm.image, "condor_version")


@pytest.mark.slow
def test_a_suite_that_has_moved_on_gives_its_newest(on_bookworm: OnBookworm) -> None:
    """Where the tested version is gone, the newest of its series is taken, and that is said."""
    line = "condor 25.0.1-1 is no longer in unstable; taking 25."
    assert line in "\n".join(on_bookworm.lines)


@pytest.mark.slow
def test_a_suite_without_the_series_stops_the_build(
    docker: ImageBuilder, tag: str, tmp_path: Path
) -> None:
    """Where the whole series is gone, nothing is built, and that is said."""
    base = debian_base(docker, Progress())
    lines = build_of(docker, tmp_path, tag=tag, base=base, pinned="24.0.1-1")
    assert "no condor 24.* among the packages" in "\n".join(lines)
    assert docker.image(f"condor-base:{tag}") is None


@pytest.mark.slow
def test_a_digest_that_differs_stops_the_build(
    docker: ImageBuilder, tag: str, tmp_path: Path
) -> None:
    """A package whose digest is not the pinned one is not installed."""
    with as_file(files("condor_mini").joinpath("images/condor-base")) as folder:
        context = Path(shutil.copytree(folder, tmp_path / "condor-base"))
    series = context / "series"
    series.write_text(re.sub(r"\b[0-9a-f]{64}\b", "0" * 64, series.read_text()))
    lines: list[str] = []
    arguments = {"BASE": debian_base(docker, Progress())}
    spec = BuildSpec(context=context, tags=(f"condor-base:{tag}",), build_args=arguments)
    with pytest.raises(ImageBuildFailed):
        docker.build(spec, on_line=lines.append)
    assert "is not the one in the file series" in "\n".join(lines)


def test_base_without_a_package_manager_is_named(
    docker: ImageBuilder, tag: str, tmp_path: Path
) -> None:
    """An image that has no apt-get is refused in one message that says what to choose."""
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    bare = f"condor-mini-bare:{tag}"
    docker.import_image(tmp_path / "root.tar", bare, labels={})
    try:
        with pytest.raises(ImageBuildFailed, match=f"built on {bare}: it has no apt-get"):
            builder.build(docker, ["base"], catalogue().get(None), Progress(), tag=tag, base=bare)
    finally:
        docker.remove_image(bare)


@pytest.mark.slow
def test_no_network_is_said_in_one_message(docker: ImageBuilder, tag: str) -> None:
    """A build without a package mirror fails with what was tried, and leaves no image."""
    with pytest.raises(ImageBuildFailed, match="Debian's packages cannot be reached"):
        builder.build(
            # HTCondor 23 is in the base image's own suite, whose mirror is not replaced.
            *(docker, ["base"], catalogue().get("25"), Progress()),
            tag=tag,
            build_args={"DEBIAN_MIRROR": "http://127.0.0.1:1/debian"},
        )
    assert docker.image(f"condor-base:{tag}") is None


@pytest.mark.parametrize("form", sbom.FORMATS)
def test_a_bill_of_materials_names_htcondor(docker: ImageBuilder, form: str) -> None:
    """In both formats the bill of an image has the package condor, in the version of the label."""
    image = docker.image("condor-execute")
    assert image is not None
    said = json.loads(sbom.bill(docker, "condor-execute", form))
    packages = said["components" if form == "cyclonedx" else "packages"]
    versions = {
        package.get("version", package.get("versionInfo"))
        for package in packages
        if package["name"] == "condor"
    }
    assert image.labels["org.opencontainers.image.version"] in versions


def test_a_bill_leaves_no_container(docker: ImageBuilder) -> None:
    """What was made to look into the image is removed."""
    sbom.bill(docker, "condor-execute")
    assert docker.containers({"io.condor-mini.kind": "sbom"}) == []


def test_a_bill_of_no_image_is_refused(docker: ImageBuilder) -> None:
    """An image that is not there is named."""
    with pytest.raises(NotFound, match="no image condor-nothing"):
        sbom.bill(docker, "condor-nothing")


def test_the_base_is_a_label(docker: ImageBuilder) -> None:
    """The image's label says which Debian image it was built on."""
    image = docker.image("condor-base")
    assert image is not None
    assert image.labels["org.opencontainers.image.base.name"] == debian_base(docker, Progress())
