"""PoolSpec from options, and its stored form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.spec import PoolSpec
from condor_mini.spec.pool_file import load_pool_file

FILES = Path(__file__).with_name("poolfiles")


def spec(text: str) -> PoolSpec:
    """The spec in a pool file of these lines."""
    return load_pool_file(f"version: 1\n{text}", source="-", base=FILES)


def test_default_pool() -> None:
    """Nothing said is HTCondor 25 with one node of each role, and a probe job."""
    pool = PoolSpec.from_options()
    counts = (pool.access_point_count, pool.execution_point_count)
    assert (pool.name, pool.htcondor, counts, pool.probe_job) == ("mini", "25", (1, 1), True)


def test_options_are_taken() -> None:
    """Each option is in the spec."""
    pool = PoolSpec.from_options(name="ci", execution_points=3, access_points=2, series="23")
    counts = (pool.access_point_count, pool.execution_point_count)
    assert (pool.name, pool.htcondor, counts) == ("ci", "23", (2, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"execution_points": 0}, "execution points: a pool without execution points runs no jobs"),
        ({"execution_points": -1}, "execution points: must be at least 0, not -1"),
        ({"execution_points": 10_000}, "execution points: must be at most 9999, not 10000"),
        ({"access_points": 0}, "access points: without an access point no probe job"),
        ({"series": "24"}, "htcondor: there is no HTCondor series '24' here; there are: 25, 23"),
        ({"series": ""}, "htcondor: there is no HTCondor series '' here"),
        ({"name": "host"}, "name: must not be 'host'"),
        ({"name": "a" * 41}, "name: must be lower-case letters, digits and hyphens, at most 40"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, object], message: str) -> None:
    """A wrong option is a mistake of usage, said in a sentence."""
    with pytest.raises(UsageError) as refused:
        PoolSpec.from_options(**options)  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)


def test_every_wrong_option_is_named() -> None:
    """Several wrong options are reported together."""
    with pytest.raises(UsageError) as refused:
        PoolSpec.from_options(name="A", series="9", execution_points=-1)
    assert len(str(refused.value).splitlines()) == 3


def test_override_keeps_the_rest() -> None:
    """An option changes what it says, and nothing else."""
    before = spec("name: lab\nexecution_points: [{memory: 2GB, attributes: {A: [1]}}]")
    after = before.with_overrides(execution_points=7)
    assert after.execution_points[0].memory_mb == 2048
    assert after.with_overrides(execution_points=1) == before


def test_override_of_several_groups_is_refused() -> None:
    """A number that could be any group's is refused, with the reason."""
    pool = spec("execution_points: [{name: a}, {name: b}]")
    with pytest.raises(UsageError, match=r"2 groups of them, so .* which one gets the number 5"):
        pool.with_overrides(execution_points=5)


def test_override_that_contradicts_the_file_is_refused() -> None:
    """A port that one node has cannot be three nodes'."""
    pool = spec("execution_points: [{ports: ['8080:80']}]")
    with pytest.raises(UsageError, match="3 nodes cannot share host port 8080"):
        pool.with_overrides(execution_points=3)


def test_spec_is_frozen() -> None:
    """A spec is not changed."""
    with pytest.raises(ValueError, match="frozen"):
        PoolSpec().name = "other"


def test_stored_form_outlives_what_it_names() -> None:
    """A stored spec is read where its series and its directories are no more."""
    form = json.loads(PoolSpec.from_options().to_json())
    form |= {"htcondor": "22", "shared": {"path": "/s", "source": "/gone/away"}}
    stored = PoolSpec.from_json(json.dumps(form))
    assert (stored.htcondor, stored.shared and stored.shared.source) == ("22", "/gone/away")


def test_oldest_stored_form_is_read() -> None:
    """The least that version 1 can say is read."""
    assert PoolSpec.from_json('{"version": 1}') == PoolSpec()


def test_image_for_nodes_that_are_to_be_read_only() -> None:
    """An image of one's own, by an option, contradicts a file that wants nodes to be read-only."""
    pool = spec("execution_points: [{read_only: true}]")
    with pytest.raises(UsageError, match="cannot be read-only"):
        pool.with_overrides(execute_image="it")


def test_option_for_several_groups() -> None:
    """Of several groups it is not guessed which is meant."""
    groups = [{"name": "a"}, {"name": "b"}]
    spec = PoolSpec.model_validate({"execution_points": groups})
    with pytest.raises(
        UsageError, match="2 groups of them, so it is unclear which one gets the image my/thing:1"
    ):
        spec.with_overrides(execute_image="my/thing:1")


def test_hosts_files_are_for_all_groups() -> None:
    """Access points and execution points get the host's files, whatever groups there are."""
    groups = [{"name": "a"}, {"name": "b", "volumes": ["scratch:/scratch"]}]
    spec = PoolSpec.model_validate({"execution_points": groups, "access_points": groups})
    changed = spec.with_overrides(host_files="ro")
    for group in (*changed.access_points, *changed.execution_points):
        assert (group.image, group.volumes[-1].read_only) == ("host-files", True)
    assert [len(group.volumes) for group in changed.execution_points] == [1, 2]
