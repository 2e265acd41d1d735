"""The configuration that is rendered from a spec.

``golden`` holds what each valid pool file comes to. With UPDATE_GOLDEN=1 in the environment they
are written anew; then read the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from condor_mini.nodes.condor_config import (
    access_point_config,
    central_manager_config,
    classad,
    execution_point_config,
    pool_config,
)
from condor_mini.spec import ExecutionPoints, PoolSpec
from condor_mini.spec.pool_file import read_pool_file

if TYPE_CHECKING:
    from condor_mini.spec.attributes import ClassAdValue

HERE = Path(__file__).parent
VALID = sorted((HERE.parent / "spec/poolfiles").glob("valid-*.yaml"))


def rendered(spec: PoolSpec) -> dict[str, str]:
    """All files of a pool, by whose they are."""
    files = {
        "central manager: 40-pool": pool_config(spec, is_central_manager=True),
        "central manager: 60-node": central_manager_config(spec),
        "others: 40-pool": pool_config(spec),
    }
    for points in spec.access_points:
        files[f"access points {points.name}: 60-node"] = access_point_config(spec, points)
    for group in spec.execution_points:
        files[f"execution points {group.name}: 60-node"] = execution_point_config(spec, group)
    return files


def knobs(**group: object) -> dict[str, str]:
    """Return the configuration of an execution point with these keys."""
    return read(execution_point_config(PoolSpec(), ExecutionPoints.model_validate(group)))


def read(text: str) -> dict[str, str]:
    """Return the knobs that a file sets."""
    lines = text.splitlines()
    pairs = (line.split(" = ", 1) for line in lines if " = " in line and not line.startswith("#"))
    return {name: value for name, value in pairs}  # noqa: C416 (a list of two is no pair to mypy)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_golden(file: Path) -> None:
    """Each valid pool file comes to these files."""
    golden = HERE / "golden" / f"{file.stem}.conf"
    files = rendered(read_pool_file(file))
    actual = "".join(f"==> {name} <==\n{text}" for name, text in files.items())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(actual, encoding="utf-8")
    assert actual == golden.read_text("utf-8")


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_file_ends_with_a_line(file: Path) -> None:
    """Each file is empty or ends with a whole line."""
    texts = rendered(read_pool_file(file)).values()
    assert [text for text in texts if text and not text.endswith("\n")] == []


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "undefined"),
        (True, "True"),
        (False, "False"),
        (12, "12"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        ("", '""'),
        ('say "x"', r'"say \"x\""'),
        ("back\\slash", '"back\\slash"'),
        ("ends\\", '"ends\\"'),
        ('\\"', '"\\\\""'),
        ("$(X)", '"$(DOLLAR)(X)"'),
        ("$INT(X)", '"$(DOLLAR)INT(X)"'),
        ("$$(X)", '"$$(X)"'),
        ("$$$(X)", '"$$$(DOLLAR)(X)"'),
        ("a$b$$", '"a$(DOLLAR)b$$"'),
        ((), "{}"),
        ((1, "a", None, True), '{1, "a", undefined, True}'),
    ],
)
def test_classad_literal(value: ClassAdValue, literal: str) -> None:
    """Values are old ClassAd literals that HTCondor's configuration leaves as they are."""
    assert classad(value) == literal


def test_nothing_said_is_nothing_rendered() -> None:
    """Where the pool file says nothing, the images' own configuration holds."""
    assert execution_point_config(PoolSpec(), ExecutionPoints()) == ""


def test_slots_have_a_share_each() -> None:
    """Static slots have a core each, and memory and disk that a job is content with."""
    told = knobs(slots=4)
    assert (told["NUM_CPUS"], told["MEMORY"], told["DISK"]) == ("4", "8192", str(40 * 1024**2))


def test_what_is_said_is_not_multiplied() -> None:
    """What the pool file says is the node's, however many slots share it."""
    told = knobs(slots=4, cpus=8, memory=1024, disk=2048)
    assert (told["NUM_CPUS"], told["MEMORY"], told["DISK"]) == ("8", "1024", str(2048 * 1024))


def slotted(count: int, slots: int, *, profile: Literal["dev", "production"] = "dev") -> PoolSpec:
    """A pool whose execution points have so many static slots each."""
    group = ExecutionPoints(count=count, slots=slots)
    return PoolSpec(execution_points=(group,), profile=profile)


@pytest.mark.parametrize(
    ("count", "slots", "interval"),
    [(1, 500, None), (1, 1000, "10"), (1, 10_000, "100"), (10, 1000, "100")],
)
def test_many_slots_update_seldom(count: int, slots: int, interval: str | None) -> None:
    """The collector gets at most 100 updates a second of all startds."""
    spec = slotted(count, slots)
    text = execution_point_config(spec, spec.execution_points[0])
    assert read(text).get("UPDATE_INTERVAL") == interval


def test_cycles_over_many_slots_have_pauses() -> None:
    """The central manager of many slots starts cycles less often, with the profile dev."""
    assert read(central_manager_config(slotted(10, 1000)))["NEGOTIATOR_INTERVAL"] == "20"
    assert central_manager_config(slotted(10, 100)) == ""
    assert central_manager_config(slotted(10, 1000, profile="production")) == ""


@pytest.mark.parametrize(
    ("cpus", "last"), [(1000, None), (1001, "51000"), (15_000, "64999"), (10**6, "64999")]
)
def test_each_job_has_a_group(cpus: int, last: str | None) -> None:
    """There is a group for each job that runs at once, as far as rootless engines have any."""
    assert knobs(cpus=cpus).get("MAX_TRACKING_GID") == last


def test_gpus_without_properties() -> None:
    """Only what is said of a GPU is advertised."""
    assert "Common" not in knobs(gpus=1)["MACHINE_RESOURCE_INVENTORY_GPUs"]


def test_gpus_of_several_kinds() -> None:
    """Each has an ad of its own, as ``condor_gpu_discovery -nested`` prints them."""
    kinds = [{"count": 2, "name": "A100", "memory": "40GB"}, {"count": 1, "capability": 7.5}]
    said = knobs(gpus=kinds)["MACHINE_RESOURCE_INVENTORY_GPUs"].replace('""', '"')
    assert 'DetectedGPUs = "GPU-00000000, GPU-00000001, GPU-00000002"' in said
    for number in "01":
        big = f'id = "GPU-0000000{number}"; DeviceName = "A100"; GlobalMemoryMb = 40960'
        assert f"'GPU_0000000{number} = [ {big} ]'" in said
    assert "'GPU_00000002 = [ id = \"GPU-00000002\"; Capability = 7.5 ]'" in said


def test_gpus_of_a_pool_that_exists() -> None:
    """A pool that an older condor-mini has made has one kind, in the form of then."""
    stored = json.loads(PoolSpec().to_json())
    stored["execution_points"][0]["gpus"] = {"count": 2, "name": None}
    (group,) = PoolSpec.from_json(json.dumps(stored)).execution_points
    assert [kind.count for kind in group.gpus] == [2]


def test_raw_configuration_is_last() -> None:
    """What the user wrote wins."""
    points = ExecutionPoints.model_validate({"cpus": 2, "config": "NUM_CPUS = 1"})
    assert execution_point_config(PoolSpec(), points).endswith("\nNUM_CPUS = 1\n")


@pytest.mark.parametrize(("read", "lines"), [("members", 0), ("anyone", 1)])
def test_reading_is_opened_where_that_is_asked_for(read: str, lines: int) -> None:
    """`read: anyone` is in every node's configuration; `members` is the images' own setting."""
    spec = PoolSpec.model_validate({"version": 1, "read": read})
    assert pool_config(spec).count("POOL_READ = anyone\n") == lines
