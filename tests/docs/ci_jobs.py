"""Jobs of CI services, run here step by step: GitHub's workflows and GitLab's pipelines."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COMPONENT = ROOT / "templates/condor-mini.yml"
TIMEOUT_S = 280
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""What ``shell: bash`` is on GitHub; GitLab's runner uses the same options."""
_OF_THE_TESTS = frozenset(
    {"CONDOR_CONFIG", "CONDOR_MINI_ENGINE", "CONDOR_MINI_NAME", "PYTHONPATH", "VIRTUAL_ENV"}
)
_EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
_INPUT = re.compile(r"\$\[\[ inputs\.([\w-]+) \]\]")
_ASSIGNMENT = re.compile(
    r"(?ms)^(?P<name>\w+)(?:=(?P<line>.*?)|<<(?P<end>\S+)\n(?P<text>.*?)\n(?P=end))$"
)


def callers_environment(home: Path) -> dict[str, str]:
    """Return the variables of a job: ours without what the tests' environment adds.

    Args:
        home: Directory of a virtual environment, whose Python is the job's.
    """
    ours = {key: value for key, value in os.environ.items() if key not in _OF_THE_TESTS}
    return {**ours, "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}


def run(script: str, cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script of a job's as the services do."""
    return subprocess.run(
        [*BASH, "-c", script],
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


# -- GitHub ---------------------------------------------------------------------------------------


@dataclass
class GitHubJob:
    """A job of a workflow: each step gets what the steps before it have left in GitHub's files."""

    workspace: Path
    temporary: Path
    environment: dict[str, str]
    failed: bool = False
    output: str = ""
    used: list[dict[str, Any]] = field(default_factory=list)
    """Steps that use an action of somebody else's; they are not run."""

    def run(self, steps: Sequence[dict[str, Any]], ours: str) -> None:
        """Run the steps of a workflow. Actions whose name begins with ``ours`` are this clone's."""
        for step in steps:
            if self.failed is not (step.get("if") == "failure()"):
                continue
            if "run" in step:
                self.failed |= not self._run(step["run"], {}, {})
            elif step["uses"].startswith(ours):
                path = step["uses"].removeprefix(ours).partition("@")[0].strip("/")
                self.failed |= not self._act(ROOT / path, step.get("with", {}))

    def _act(self, action: Path, given: Mapping[str, object]) -> bool:
        """Run a composite action; return whether it succeeded."""
        known = {"runner.temp": str(self.temporary), **inputs_of(action, given)}
        for step in steps_of(action):
            if "uses" in step:
                values = {key: filled(value, known) for key, value in step["with"].items()}
                self.used.append({"uses": step["uses"], "with": values})
            elif not self.run_step(step, action, known):
                return False
        return True

    def run_step(self, step: Mapping[str, Any], action: Path, known: dict[str, str]) -> bool:
        """Run a script of an action's, and add its outputs to what expressions know."""
        variables = {key: filled(value, known) for key, value in step.get("env", {}).items()}
        outputs: dict[str, str] = {}
        succeeded = self._run(
            step["run"], {**variables, "GITHUB_ACTION_PATH": str(action)}, outputs
        )
        if "id" in step:
            known |= {f"steps.{step['id']}.outputs.{key}": outputs[key] for key in outputs}
        return succeeded

    def _run(self, script: str, variables: Mapping[str, str], outputs: dict[str, str]) -> bool:
        files = {
            name: self.temporary / name for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT")
        }
        for path in files.values():
            path.write_text("")
        own = {name: str(path) for name, path in files.items()}
        own["RUNNER_TEMP"] = str(self.temporary)
        result = run(script, self.workspace, {**self.environment, **own, **variables})
        self.output += result.stdout + result.stderr
        self.environment |= assignments(files["GITHUB_ENV"].read_text("utf-8"))
        for directory in files["GITHUB_PATH"].read_text("utf-8").splitlines():
            self.environment["PATH"] = f"{directory}:{self.environment['PATH']}"
        outputs |= assignments(files["GITHUB_OUTPUT"].read_text("utf-8"))
        return result.returncode == 0


def steps_of(action: Path) -> list[dict[str, Any]]:
    """Return the steps of the composite action in a directory."""
    described = yaml.safe_load((action / "action.yml").read_text("utf-8"))
    steps: list[dict[str, Any]] = described["runs"]["steps"]
    return steps


def inputs_of(action: Path, given: Mapping[str, object]) -> dict[str, str]:
    """Return an action's inputs as its expressions call them: as given, else the defaults."""
    inputs = yaml.safe_load((action / "action.yml").read_text("utf-8"))["inputs"]
    assert set(given) <= set(inputs)
    return {f"inputs.{name}": str(given.get(name, inputs[name]["default"])) for name in inputs}


def filled(text: object, known: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced; those that are not known are GitHub's."""
    return _EXPRESSION.sub(lambda found: known.get(found[1], f"<{found[1]}>"), str(text))


def assignments(text: str) -> dict[str, str]:
    """Return what is set in a file in the format of ``GITHUB_ENV``."""
    return {
        found["name"]: found["line"] if found["end"] is None else found["text"]
        for found in _ASSIGNMENT.finditer(text)
    }


# -- GitLab ---------------------------------------------------------------------------------------


@dataclass
class GitLabJob:
    """A job that extends the one of our component."""

    project: Path
    environment: dict[str, str]
    job: dict[str, Any]

    @classmethod
    def of(
        cls,
        job: Mapping[str, Any],
        inputs: Mapping[str, object],
        project: Path,
        environment: Mapping[str, str],
    ) -> GitLabJob:
        """Fill in the component's inputs, and extend its job."""
        header, body = yaml.safe_load_all(COMPONENT.read_text("utf-8"))
        declared = header["spec"]["inputs"]
        assert set(inputs) <= set(declared)
        known = {key: str(inputs.get(key, one.get("default"))) for key, one in declared.items()}
        whole = {**body[job["extends"]], **job}
        given = {**environment, "CI_PROJECT_DIR": str(project)}
        for key, value in whole["variables"].items():
            text = _INPUT.sub(lambda found: known[found[1]], value)
            given[key] = re.sub(r"\$(\w+)", lambda found: given.get(found[1], ""), text)
        return cls(project=project, environment=given, job=whole)

    def run_script(self) -> subprocess.CompletedProcess[str]:
        """Run the commands of ``before_script`` and ``script`` in one shell."""
        return self._run([*self.job["before_script"], *self.job["script"]], {})

    def run_after_script(self, status: str) -> None:
        """Run the commands of ``after_script`` in a shell of their own, which must succeed."""
        result = self._run(self.job["after_script"], {"CI_JOB_STATUS": status})
        assert result.returncode == 0, result.stderr

    def _run(
        self, commands: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return run("\n".join(commands), self.project, {**self.environment, **variables})
