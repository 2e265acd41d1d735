"""The execution point that travels, as a pool file says it."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.slurm.travel import traveller
from condor_mini.spec import PoolSpec

GROUPS = [
    {"name": "own", "image": "host-files"},
    {"name": "far", "host": "node2", "count": 3, "attributes": {"Color": "red"}},
    {"name": "slots", "slots": 4},
]


def spec(**facts: object) -> PoolSpec:
    """A pool that other hosts reach."""
    plain = {"name": "ci", "expose": "login:9700", "execution_points": GROUPS, **facts}
    return PoolSpec.model_validate(plain)


def test_the_first_group_with_our_image_is_taken() -> None:
    """Its configuration travels, wherever the pool's own nodes of that group are."""
    found = traveller(spec(), None)
    text = "".join(found.node.files.values())
    assert str(found.collector) == "login:9700"
    assert "COLLECTOR_HOST = login:9700" in text
    assert "SLOT_TYPE_1_Color" in text
    assert "JOINED = True" in text


def test_what_the_compute_node_decides_is_not_written() -> None:
    """The port is chosen there, and the broker is used only if the node finds out that it must."""
    text = "".join(traveller(spec(), "slots").node.files.values())
    assert "NUM_SLOTS = 4" in text
    assert "SHARED_PORT_PORT" not in text
    assert "CCB_ADDRESS" not in text


def test_directories_are_mounted() -> None:
    """Those of the pool, at the same path."""
    pool = spec(mounts=["/scratch"], execution_points=[{"name": "default"}])
    targets = [mount.target for mount in traveller(pool, None).node.container.mounts]
    assert "/scratch" in targets


@pytest.mark.parametrize(
    ("facts", "group", "message"),
    [
        ({}, "large", "has no group large .* with our image\nChoose one: --group far"),
        ({}, "own", "has no group own of execution points with our image"),
        ({"execution_points": GROUPS[:1]}, None, "has no group of execution points with our image"),
        ({"expose": None, "execution_points": []}, None, "no other host reaches the pool ci"),
    ],
)
def test_what_is_refused(facts: dict[str, object], group: str | None, message: str) -> None:
    """With the reason, before anything is written."""
    plain = {"probe_job": False, **facts}
    if facts.get("execution_points") == []:
        plain["execution_points"] = [{"name": "default"}]
    with pytest.raises(UsageError, match=message):
        traveller(spec(**plain), group)
