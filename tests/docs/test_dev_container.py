"""The feature for dev containers: what a dev container does with it, done here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.ci_jobs import callers_environment, run
from tests.docs.pages import DOCS, ROOT, of_kind

from condor_mini.engines import find_engine
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = DOCS / "how-to/use-in-a-dev-container.md"
FEATURE = ROOT / "devcontainer/condor-mini"
QUERY = "import htcondor2; print(htcondor2.Schedd().query())"


def described() -> dict[str, Any]:
    """What the feature says of itself."""
    found: dict[str, Any] = json.loads((FEATURE / "devcontainer-feature.json").read_text("utf-8"))
    return found


def asked() -> tuple[str, dict[str, str]]:
    """The feature's directory in the page's ``devcontainer.json``, and the options given there."""
    configuration, _ = of_kind("dev container", PAGE)
    ((feature, options),) = json.loads(configuration.text)["features"].items()
    return feature, options


class DevContainer:
    """A dev container's files below a directory in place of ``/``, and its variables."""

    def __init__(self, project: Path, root: Path) -> None:
        self.project = project
        self.root = root
        self.name = f"dev-{uuid.uuid4().hex[:6]}"
        self.environment = callers_environment(root)

    def here(self, text: str) -> str:
        """Return a text of the feature's with its directories as they are called here."""
        return re.sub(r"(?=/usr/local/|/var/lib/)", str(self.root), text)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script in the dev container."""
        environment = {**self.environment, "CONDOR_MINI_NAME": self.name, **variables}
        return run(script, self.project, environment)

    def build(self, **options: str) -> subprocess.CompletedProcess[str]:
        """Install the feature as the building of an image does: each option is a variable."""
        feature, _ = asked()
        defaults = {name: one["default"] for name, one in described()["options"].items()}
        variables = {name.upper(): value for name, value in (defaults | options).items()}
        return self.run(
            f"cd .devcontainer/{feature} && ./install.sh",
            CONDOR_MINI_PREFIX=self.here("/usr/local/").rstrip("/"),
            CONDOR_MINI_STATE=self.here("/var/lib/") + "condor-mini",
            **variables,
        )

    def start(self) -> str:
        """Start the container, with the feature's variables; return what that says."""
        for name, value in described()["containerEnv"].items():
            self.environment[name] = self.here(value).replace("${PATH}", self.environment["PATH"])
        result = self.run(self.here(described()["postStartCommand"]))
        assert result.returncode == 0, result.stderr
        return result.stderr


@pytest.fixture
def container(tmp_path: Path) -> Iterator[DevContainer]:
    """A dev container for a project to which nothing has been added yet."""
    project, root = tmp_path / "project", tmp_path / "root"
    project.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(root)], check=True, timeout=120)
    made = DevContainer(project, root)
    yield made
    Pool(find_engine("embedded"), made.name).delete()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_dev_container(container: DevContainer) -> None:
    """Clients in the dev container use its pool, whenever the container has started."""
    _, commands = of_kind("dev container", PAGE)
    for command in commands.commands:
        added = container.run(command.script.replace("CLONE", str(ROOT)))
        assert added.returncode == 0, added.stderr
    _, options = asked()

    built = container.build(**options)

    assert built.returncode == 0, built.stderr
    for expected in ("Started 4 nodes", "exists already"):
        assert expected in container.start()
        assert len(container.run("condor_status -af Name").stdout.splitlines()) == 2
        assert container.run(f"{sys.executable} -c '{QUERY}'").stdout == "[]\n"
    version = container.run(container.here("/usr/local/bin/condor-mini --version"))
    assert version.returncode == 0, version.stderr


def test_without_a_wheel(container: DevContainer) -> None:
    """Without a wheel and without a source, the build of the image says what to type."""
    container.run(f"mkdir .devcontainer && cp -r {FEATURE} .devcontainer/")
    built = container.build()
    assert built.returncode == 1
    assert "Make one: pip wheel --no-deps" in built.stderr
    assert "option source" in built.stderr


def test_page_names_the_feature() -> None:
    """The page's feature has the name of its directory, and the page has all of its options."""
    feature, options = asked()
    assert feature == f"./{FEATURE.name}" == f"./{described()['id']}"
    table = re.findall(r"(?m)^\| `(\w+)` \|", PAGE.read_text("utf-8"))
    assert table == list(described()["options"])
    assert set(options) <= set(table)
