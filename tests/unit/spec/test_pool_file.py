"""Pool files: each ``valid-*.yaml`` is read, each ``invalid-*.yaml`` is refused for these reasons.

Beside each file stands what is expected of it: the stored form (``.json``), or the message
(``.txt``). With UPDATE_GOLDEN=1 in the environment they are written anew; then read the diff.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from condor_mini.base.errors import NotFound, PoolFileError
from condor_mini.spec import PoolSpec
from condor_mini.spec.document import MOST_BYTES
from condor_mini.spec.pool_file import load_pool_file, read_pool_file
from condor_mini.spec.schema import example, json_schema

FILES = Path(__file__).with_name("poolfiles")
VALID = sorted(FILES.glob("valid-*.yaml"))
INVALID = sorted(FILES.glob("invalid-*.yaml"))
ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples/pools").glob("*.yaml"))
PAGE = ROOT / "docs/reference/pool-file.md"


def expected(file: Path, actual: str) -> str:
    """What stands in the file."""
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(actual, encoding="utf-8")
    return file.read_text("utf-8")


def problems(text: str) -> list[str]:
    """What is said of a text, a line for each problem."""
    with pytest.raises(PoolFileError) as refused:
        load_pool_file(text, source="-", base=FILES)
    return str(refused.value).splitlines()


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_valid_file_is_read(file: Path) -> None:
    """A valid file gives this spec, with every default and with absolute paths."""
    form = json.loads(read_pool_file(file).to_json())
    shown = json.dumps(form, indent=1, ensure_ascii=False).replace(str(FILES), "DIR") + "\n"
    assert shown == expected(file.with_suffix(".json"), shown)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_stored_form_is_read_back(file: Path) -> None:
    """What is stored is the same spec when it is read again."""
    spec = read_pool_file(file)
    assert PoolSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_invalid_file_is_refused(file: Path) -> None:
    """An invalid file is refused with all its problems, in the order of the file."""
    with pytest.raises(PoolFileError) as refused:
        read_pool_file(file)
    message = str(refused.value).replace(f"{file}:", f"{file.name}:").replace(str(FILES), "DIR")
    assert f"{message}\n" == expected(file.with_suffix(".txt"), f"{message}\n")


def test_example_is_valid() -> None:
    """The example is valid as it stands, wherever it stands."""
    assert load_pool_file(example(), source="-", base=Path("/")).name == "mini"


def test_example_has_every_key() -> None:
    """The example shows each key of the format."""
    schema: dict[str, Any] = json_schema()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part["properties"]}
    assert sorted(key for key in keys if f"{key}:" not in example()) == []


def test_example_is_valid_without_its_comments(tmp_path: Path) -> None:
    """What the example has as a comment may be taken out of it."""
    (tmp_path / "data").mkdir()
    text = re.sub(r"(?m)^( +)# (- |source:)", r"\1\2", example())
    assert text.count("\n      - ") > example().count("\n      - ")
    load_pool_file(text, source="-", base=tmp_path)


def test_problem_has_its_place() -> None:
    """A problem is a line, a column, the keys that lead there, and a sentence."""
    assert problems("version: 1\nexecution_points:\n  - count: -3\n") == [
        "-:3:12: execution_points[0].count: must be at least 0, not -3"
    ]


def test_value_that_is_wrong_hides_no_contradiction() -> None:
    """Values are checked against each other also where others are wrong."""
    text = "version: 1\nname: A\nexecution_points: [{slots: 3, cpus: 2, disk: x}, {name: b}]\n"
    assert [line.partition(": ")[2].partition(":")[0] for line in problems(text)] == [
        "name",
        "execution_points[0]",
        "execution_points[0].slots",
        "execution_points[0].disk",
    ]


def test_value_that_is_wrong_is_not_also_missing() -> None:
    """A name that is no name is not said to be missing too."""
    text = "version: 1\nexecution_points: [{name: A}, {name: b}]\n"
    assert len(problems(text)) == 1


def test_message_has_no_line_break_of_the_files() -> None:
    """A problem is one line, whatever stands in the file."""
    text = 'version: 1\n"a\\nb\\u202e": 1\nname: "c\\nd"\nlabels: {"e\\nf": 1}\n'
    assert len(problems(text)) == 3
    assert "\u202e" not in "".join(problems(text))


def test_missing_file_is_not_found(tmp_path: Path) -> None:
    """A pool file that is not there is not found."""
    with pytest.raises(NotFound, match=r"there is no pool file .*nothing.yaml"):
        read_pool_file(tmp_path / "nothing.yaml")


def test_directory_is_no_pool_file(tmp_path: Path) -> None:
    """A directory cannot be read as a pool file."""
    with pytest.raises(PoolFileError, match="cannot be read: Is a directory"):
        read_pool_file(tmp_path)


def test_large_file_is_refused(tmp_path: Path) -> None:
    """A file that no pool file can be is not read to its end."""
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(PoolFileError, match="larger than 256 KiB"):
        read_pool_file(file)


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path that begins with ~ is the home directory's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "version: 1\nexecution_points: [{volumes: ['~:/data']}]\n"
    spec = load_pool_file(text, source="-", base=FILES)
    assert spec.execution_points[0].volumes[0].source == str(tmp_path)


def test_relative_paths_are_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative paths are relative to the file, wherever one is."""
    (tmp_path / "lab" / "data").mkdir(parents=True)
    (tmp_path / "lab" / "pool.yaml").write_text("version: 1\nshared: {path: /s, source: data}\n")
    monkeypatch.chdir(tmp_path)
    spec = read_pool_file("lab/pool.yaml")
    assert spec.shared is not None
    assert spec.shared.source == str(tmp_path / "lab" / "data")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_pool_to_practise_with_is_valid(path: Path, tmp_path: Path) -> None:
    """The pools to practise with are valid, with names of their own; the page lists each."""
    shutil.copy(path, tmp_path)
    for directory in re.findall(r"- (\./[^:]+):/", path.read_text("utf-8")):
        (tmp_path / directory).mkdir(parents=True)  # a page says what to install there
    assert read_pool_file(tmp_path / path.name).name not in ("", "mini")
    assert f"| `{path.name}` |" in PAGE.read_text("utf-8")
