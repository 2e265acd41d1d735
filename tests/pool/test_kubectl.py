"""The manifests of a pool, read by kubectl.

There is no server, or one that only says what kinds there are.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
import yaml

from condor_mini.export.kubernetes import kubernetes_files
from condor_mini.spec.pool_file import read_pool_file
from kubernetes_api import kubernetes_api

if TYPE_CHECKING:
    from collections.abc import Callable

POOL = Path(__file__).parents[1] / "unit/export/kubernetes/pool.yaml"
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
            ["kubectl", *argv],
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


def named(text: str) -> dict[tuple[str, str], object]:
    """The manifests of a text, by kind and name."""
    found = yaml.safe_load_all(text)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_kustomize_builds_what_the_manifests_say(
    kubectl: Callable[..., str], exported: Path
) -> None:
    """The base and the plain manifests are the same pool."""
    assert named(kubectl("kustomize", ".")) == named(plain(exported))


def test_kustomize_names_another_registry(kubectl: Callable[..., str], exported: Path) -> None:
    """An overlay renames the images, also of the containers that run first."""
    overlay = exported.with_name("overlay")
    overlay.mkdir()
    images = [
        {"name": f"condor-{role}", "newName": f"registry.example/condor-{role}"}
        for role in ("master", "submit", "execute")
    ]
    document = {"resources": ["../base"], "namespace": "physics", "images": images}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(document))
    built = kubectl("kustomize", "../overlay")
    lines = [line for line in built.splitlines() if "image:" in line]
    assert len(lines) == 2 * len([kind for kind, _ in named(built) if kind == "StatefulSet"])
    assert {"registry.example/" in line for line in lines} == {True}


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
