"""``condor-mini config``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.cli import main
from condor_mini.spec.schema import example, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    Config = Callable[..., int]

INVALID = b"version: 1\nname: A\nexecution_points: []\n"


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Config:
    """``condor-mini config ARGUMENTS`` in an empty directory; the status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("condor_mini.cli.program.signal.signal", lambda *_: None)

    def config(*arguments: str, stdin: bytes = b"") -> int:
        monkeypatch.setattr("sys.argv", ["condor-mini", "config", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return config


def test_schema(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``schema`` prints the JSON schema."""
    assert config("schema") == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


@pytest.mark.usefixtures("capsys")  # without it stdout is a file
def test_init_writes_the_example(config: Config) -> None:
    """``init`` writes the example to pool.yaml, and that is valid."""
    assert config("init") == 0
    assert Path("pool.yaml").read_text("utf-8") == example()
    assert config("validate", "pool.yaml") == 0


def test_init_to_a_file(config: Config) -> None:
    """``init FILE`` writes to that file."""
    assert config("init", "lab.yaml") == 0
    assert Path("lab.yaml").exists()


def test_init_to_stdout(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``init -`` prints the example and writes no file."""
    assert config("init", "-") == 0
    assert capsys.readouterr().out == example()
    assert list(Path().iterdir()) == []


def test_init_to_a_redirected_stdout(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """``init > pool.yaml`` writes the example to that file, although the shell has created it."""
    with Path("pool.yaml").open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert config("init") == 0
    assert Path("pool.yaml").read_text() == example()


def test_init_does_not_overwrite(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``init`` leaves a file that is there, and says how to overwrite it."""
    Path("pool.yaml").write_text("mine")
    assert config("init") == 4
    assert (
        "the file pool.yaml already exists\nOverwrite it: condor-mini config init --force"
        in capsys.readouterr().err
    )
    assert Path("pool.yaml").read_text() == "mine"


@pytest.mark.usefixtures("capsys")  # without it stdout is a file
def test_init_overwrites_when_told(config: Config) -> None:
    """``init --force`` overwrites."""
    Path("pool.yaml").write_text("mine")
    assert config("init", "--force") == 0
    assert Path("pool.yaml").read_text("utf-8") == example()


def test_init_without_the_directory(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``init`` makes no directories."""
    assert config("init", "none/pool.yaml") == 3
    assert "the directory none does not exist" in capsys.readouterr().err


def test_validate_counts_the_nodes(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``validate`` says on stdout what a valid file would make."""
    Path("pool.yaml").write_text("version: 1\nexecution_points: [{count: 3}]\n")
    assert config("validate", "pool.yaml") == 0
    said = "pool.yaml: valid: 1 central manager, 1 access point, 3 execution points\n"
    assert capsys.readouterr().out == said


def test_validate_says_all_problems(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``validate`` says each problem on stderr, as compilers do, and ends with 7."""
    Path("pool.yaml").write_bytes(INVALID)
    assert config("validate", "pool.yaml") == 7
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(": ")[0] for line in said.err.splitlines()] == [
        "pool.yaml:2:7",
        "pool.yaml:3:19",
    ]


def test_validate_reads_stdin(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``validate -`` reads stdin."""
    assert config("validate", "-", stdin=INVALID) == 7
    assert capsys.readouterr().err.startswith("-:2:7: name: ")


def test_validate_valid_as_json(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o json`` has the spec of a valid file, with its defaults."""
    assert config("validate", "-", "-o", "json", stdin=b"version: 1\n") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["valid"], said["problems"], said["spec"]["htcondor"]) == (True, [], "25")


def test_validate_invalid_as_json(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o json`` has each problem with its place, and the status is the same."""
    assert config("validate", "-", "-o", "json", stdin=INVALID) == 7
    said = json.loads(capsys.readouterr().out)
    assert (said["valid"], said["spec"]) == (False, None)
    assert said["problems"][1] == {
        "line": 3,
        "column": 19,
        "path": "execution_points",
        "message": "a pool without execution points runs no jobs",
    }


def test_validate_missing_file(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is not found."""
    assert config("validate", "none.yaml") == 3
    assert "there is no pool file none.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["schema"], ["init"], ["validate"]])
def test_help(config: Config, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Each command explains itself."""
    assert config(*arguments, "--help") == 0
    assert capsys.readouterr().out.startswith("Usage: condor-mini config")
