"""The manifests of a pool, read by kubectl.

There is no server, or one that only says what kinds there are.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
import yaml

from condor_mini.export.kubernetes import kubernetes_files
from condor_mini.spec import PoolSpec
from condor_mini.spec.pool_file import read_pool_file
from kubernetes_api import kubernetes_api

if TYPE_CHECKING:
    from collections.abc import Callable

    from pods import Manifest

POOL = Path(__file__).parents[1] / "unit/export/kubernetes/pool.yaml"
PAGE = Path(__file__).parents[2] / "docs/how-to/use-with-kubernetes.md"
TIMEOUT_S = 60.0


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The directory with the files of a pool that has something of everything."""
    base = tmp_path / "base"
    for path, text in kubernetes_files(read_pool_file(str(POOL))).items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(text)
    return base


@pytest.fixture
def kubectl(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs kubectl, which knows no cluster, in that directory; what it wrote to stdout."""
    home = tmp_path_factory.mktemp("home")

    def run(*argv: str, stdin: str = "") -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("kubectl")), *argv],
            cwd=exported,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


def plain(exported: Path) -> str:
    """The manifests without Kustomize."""
    return "---\n".join(file.read_text() for file in (exported / "manifests").iterdir())


def named(text: str) -> dict[tuple[str, str], Manifest]:
    """The manifests of a text, by kind and name."""
    found = yaml.safe_load_all(text)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_kustomize_builds_what_the_manifests_say(
    kubectl: Callable[..., str], exported: Path
) -> None:
    """The base and the plain manifests are the same pool."""
    assert named(kubectl("kustomize", ".")) == named(plain(exported))


def test_kustomize_builds_the_overlay_of_the_page(
    kubectl: Callable[..., str], exported: Path
) -> None:
    """It renames the images, also of the containers that run first, and gives jobs time to end."""
    (text,) = re.findall(r"```yaml\n(resources: .*?)```", PAGE.read_text(), re.DOTALL)
    overlay = exported.with_name("overlay")
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(text)
    for path, manifest in kubernetes_files(PoolSpec()).items():
        (exported / path).write_text(manifest)
    built = named(kubectl("kustomize", "../overlay"))
    pods = {
        name: each["spec"]["template"]["spec"]
        for (kind, name), each in built.items()
        if kind == "StatefulSet"
    }
    images = {c["image"] for pod in pods.values() for c in _containers(pod)}
    series = PoolSpec().htcondor
    assert images == {
        f"registry.example/condor-{role}:{series}" for role in ("master", "submit", "execute")
    }
    assert pods["mini-execute"]["terminationGracePeriodSeconds"] == 3600
    assert {each["metadata"]["namespace"] for each in built.values()} == {"physics"}


def _containers(pod: Manifest) -> list[Manifest]:
    return [*pod["initContainers"], *pod["containers"]]


def test_kubectl_would_create_everything(kubectl: Callable[..., str], exported: Path) -> None:
    """It takes all manifests, and knows all their kinds in the newest version."""
    with kubernetes_api(kubernetes_validate.latest_version()) as server:
        shown = kubectl(
            *("create", "--server", server, "--validate=false", "--dry-run=client"),
            *("--filename", "manifests", "--output", "name"),
        )
    # statefulset.apps/ci-execute
    found = {re.sub(r"[.].*/", "/", line) for line in shown.split()}
    assert found == {f"{kind.lower()}/{name}" for kind, name in named(plain(exported))}


def test_kubectl_makes_a_secret_of_what_it_reads(kubectl: Callable[..., str]) -> None:
    """As secrets.sh has it do: the token is on no command line."""
    options = ("--from-file=token=/dev/stdin", "--dry-run=client", "--output=yaml")
    shown = yaml.safe_load(kubectl("create", "secret", "generic", "a", *options, stdin="it\n"))
    assert shown["data"] == {"token": "aXQK"}
