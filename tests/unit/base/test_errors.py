"""The errors and their exit codes."""

from __future__ import annotations

import inspect

import pytest

from condor_mini.base import errors

CODES = {
    "CondorMiniError": 1,
    "UsageError": 2,
    "NotFound": 3,
    "AlreadyInUse": 4,
    "TimedOut": 5,
    "PoolNotReady": 5,
    "EngineError": 6,
    "EngineNotFound": 6,
    "EngineAccessDenied": 6,
    "EngineCapabilityError": 6,
    "EngineInstallError": 6,
    "CommandFailed": 1,
    "ImageBuildFailed": 1,
    "StateError": 1,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_exit_code(name: str, code: int) -> None:
    """Each error owns the status that the command line ends with."""
    assert getattr(errors, name).exit_code == code


def test_tree_is_drawn() -> None:
    """The tree at the top of the file names every error."""
    drawn = errors.__doc__ or ""
    classes = [name for name, _ in inspect.getmembers(errors, inspect.isclass)]
    assert [name for name in classes if name not in drawn and name != "Sequence"] == []


def test_hint_follows_the_message() -> None:
    """What to do next stands on a line of its own."""
    assert str(errors.NotFound("gone", hint="look there")) == "gone\nlook there"


def test_command_can_be_pasted() -> None:
    """A failed command is shown as a shell would take it."""
    assert "docker rm 'a b'\n" in str(errors.CommandFailed(["docker", "rm", "a b"], 1, "no"))


def test_job_failed_has_the_jobs_status() -> None:
    """A failed job's status is the error's."""
    assert errors.JobFailed("held", status=9).exit_code == 9
