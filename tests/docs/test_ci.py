"""The examples for CI services, run as the services run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.docs.ci_jobs import (
    COMPONENT,
    GitHubJob,
    GitLabJob,
    callers_environment,
    inputs_of,
    run,
    steps_of,
)
from tests.docs.pages import DOCS, ROOT, of_kind

from condor_mini.engines import find_engine
from condor_mini.pool import Pool
from published_schemas import misfits

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = DOCS / "how-to/use-in-ci.md"
OURS = "OWNER/condor-mini"
"""The repository, as the page calls it."""


def example(kind: str) -> str:
    """The only example of this kind on the page."""
    (found,) = of_kind(kind, PAGE)
    return found.text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the page's test."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/test_pool.py").write_text(example("test_pool.py"))
    return tmp_path / "project"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a job, whose Python has no packages."""
    home = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=120)
    return callers_environment(home)


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a pool on the embedded engine, which is deleted at the end."""
    name = f"ci-{uuid.uuid4().hex[:6]}"
    yield name
    Pool(find_engine("embedded"), name).delete()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workflow(project: Path, tmp_path: Path, environment: dict[str, str], name: str) -> None:
    """GitHub's example tests on a pool; if a step fails, the pool's logs are uploaded."""
    (tmp_path / "temporary").mkdir()
    job = GitHubJob(workspace=project, temporary=tmp_path / "temporary", environment=environment)
    steps: list[dict[str, Any]] = yaml.safe_load(example("workflow"))["jobs"]["test"]["steps"]
    (creating,) = (step for step in steps if step.get("uses", "").startswith(f"{OURS}@"))
    creating["with"]["name"] = name

    job.run(steps, OURS)

    assert not job.failed, job.output
    assert "1 passed" in job.output
    assert job.used == []
    shown = run("condor-mini env --tools -o json", project, job.environment)
    variables: dict[str, str] = json.loads(shown.stdout)
    assert variables.pop("PATH").partition(":")[0] in job.environment["PATH"].split(":")
    assert variables.items() <= job.environment.items()

    failing = {"run": 'test "$(condor_status -af Machine | wc -l)" = 2; condor_q; exit 3'}
    job.run([failing, *steps[-1:]], OURS)

    (upload,) = job.used
    assert upload["uses"].startswith("actions/upload-artifact@")
    logs = tmp_path / "temporary/condor-mini-logs" / name
    assert upload["with"]["path"] == str(logs)
    assert f"-- Schedd: {name}-submit-1" in job.output
    assert (logs / f"{name}-submit-1/log/SchedLog").stat().st_size


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"name": "a b\nPATH=/"}, "a b"),
        ({"execution-points": "$(touch injected)"}, "'$(touch injected)' is not a valid integer"),
        ({"pool-file": "absent.yaml"}, "absent.yaml"),
        ({"engine": "; touch injected"}, "; touch injected"),
    ],
    ids=["name", "execution-points", "pool-file", "engine"],
)
def test_bad_input_of_the_action(
    project: Path, tmp_path: Path, clone: Path, inputs: dict[str, str], message: str
) -> None:
    """A wrong input fails the step with one message, and is neither a command nor a variable."""
    environment = callers_environment(clone)
    job = GitHubJob(workspace=project, temporary=tmp_path, environment=dict(environment))
    (create,) = (step for step in steps_of(ROOT) if step["name"] == "Create the pool")

    assert not job.run_step(create, ROOT, inputs_of(ROOT, inputs))

    assert message in job.output
    assert "Traceback" not in job.output
    assert not (project / "injected").exists()
    assert set(job.environment) - set(environment) == {"CONDOR_MINI_NAME", "CONDOR_MINI_ENGINE"}
    assert job.environment["PATH"] == environment["PATH"]


def test_logs_of_a_pool_that_failed(project: Path, tmp_path: Path, clone: Path, name: str) -> None:
    """A pool that did not become usable is there for its logs to be saved."""
    (project / "pool.yaml").write_text(
        "version: 1\nexecution_points: [{config: 'no assignment'}]\n"
    )
    job = GitHubJob(workspace=project, temporary=tmp_path, environment=callers_environment(clone))
    create, save = steps_of(ROOT)[1], steps_of(ROOT / "logs")[0]
    inputs = inputs_of(ROOT, {"name": name, "pool-file": "pool.yaml"})

    assert not job.run_step(create, ROOT, inputs)
    logs = inputs_of(ROOT / "logs", {})
    assert job.run_step(save, ROOT / "logs", logs), job.output

    directory = logs["steps.logs.outputs.directory"]
    log = Path(directory, f"{name}-execute-1/container.log").read_text("utf-8")
    assert "Configuration Error" in log


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pipeline(project: Path, environment: dict[str, str], name: str) -> None:
    """GitLab's example tests on a pool and deletes it; a failed job's artifacts are its logs."""
    pipeline = yaml.safe_load(example("pipeline"))
    (component,) = pipeline["include"]
    inputs = {**component["inputs"], "source": str(ROOT)}
    own = {**environment, "CI_JOB_ID": name.removeprefix("ci-")}
    job = GitLabJob.of(pipeline["test"], inputs, project, own)
    job.job["script"] += ["condor_status -af Machine", "exit 3"]

    result = job.run_script()
    job.run_after_script("failed")

    assert result.returncode == 3, result.stdout + result.stderr
    assert "1 passed" in result.stdout
    assert f"{name}-execute-2.nodes.internal" in result.stdout
    assert (project / f"condor-mini-logs/{name}-submit-1/log/SchedLog").stat().st_size
    assert job.job["artifacts"] == {"when": "on_failure", "paths": ["condor-mini-logs/"]}
    assert name not in [pool.name for pool in Pool.list(engine="embedded")]

    shutil.rmtree(project / "condor-mini-logs")
    job.run_after_script("success")
    assert not (project / "condor-mini-logs").exists()


@pytest.mark.parametrize(
    ("kind", "schema", "start"),
    [
        ("workflow", "vendor.github-workflows", "on: push\n"),
        ("pipeline", "vendor.gitlab-ci", ""),
    ],
)
def test_example_fits_its_schema(tmp_path: Path, kind: str, schema: str, start: str) -> None:
    """The page's examples are what GitHub and GitLab take for a workflow and a pipeline."""
    path = tmp_path / "example.yml"
    path.write_text(start + example(kind))
    assert misfits(path, schema) == ""


def test_workflow_is_short() -> None:
    """GitHub's example has at most 15 lines."""
    assert len(example("workflow").splitlines()) <= 15


def test_inputs_are_in_the_table() -> None:
    """The page's table has all inputs of the action, each with its default; the component too."""
    described = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    table = {name.strip(" `"): default.strip(" `") for name, default in rows}
    assert list(table) == list(described)
    for name, one in described.items():
        assert (table[name] if "else" not in table[name] else "") == one["default"]
    component, _ = yaml.safe_load_all(COMPONENT.read_text("utf-8"))
    theirs = component["spec"]["inputs"]
    assert set(theirs) == set(described) - {"name", "tools"} | {"source"}
    for name in set(theirs) & set(described):
        assert theirs[name]["default"] == described[name]["default"]
