"""What Kubernetes cannot have of a pool."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.export.kubernetes import kubernetes_files
from condor_mini.spec import PoolSpec


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"execution_points": [{"image": "mine"}]}, "an image of its own"),
        ({"reachable": True}, "kubectl port-forward"),
        ({"user": "4321"}, "jovyan has UID 1000"),
        ({"shared": {"path": "/shared", "source": "/srv"}}, "do not have /srv of this machine"),
        ({"mounts": ["/srv/data"]}, "do not have /srv/data"),
        ({"execution_points": [{"volumes": ["/srv:/data"]}]}, "do not have /srv"),
        ({"execution_points": [{"volumes": ["Da_ta:/data"]}]}, "the name mini-Da_ta"),
        ({"access_points": [{"ports": ["80"]}]}, "ports: pods have no ports of a host"),
        ({"execution_points": [{"limit": {"processes": 99}}]}, "Leave `processes` out"),
        ({"labels": {"team": "high energy"}}, "labels: team: high energy must be"),
        ({"labels": {"a/b/c": "d"}}, "labels: a/b/c: d must be"),
        ({"name": "1st"}, "begins with a letter, unlike 1st"),
        ({"name": "a" * 40, "execution_points": [{"name": "wide"}]}, "has more than 52 characters"),
    ],
)
def test_what_kubernetes_cannot_have_is_refused(pool: dict[str, object], message: str) -> None:
    """The message says what to do instead."""
    with pytest.raises(UsageError, match=message) as caught:
        kubernetes_files(PoolSpec.model_validate(pool))
    assert "\n" not in str(caught.value), "each problem is said once"


def test_all_problems_are_said_at_once() -> None:
    """In a line each."""
    pool = {
        "user": "4321",
        "access_points": [{"count": 2, "ports": ["80"]}],
        "execution_points": [
            {"name": "own", "image": "mine"},
            {"name": "other", "volumes": ["/srv:/data"]},
        ],
    }
    with pytest.raises(UsageError) as caught:
        kubernetes_files(PoolSpec.model_validate(pool))
    first, *lines = str(caught.value).splitlines()
    assert first == "manifests of Kubernetes cannot have all that this pool has:"
    starts = ["- the group own has", "- user: ", "- ports: ", "- volumes, "]
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)


def test_longest_name_is_accepted() -> None:
    """A pool's name of 40 characters leaves room for its roles."""
    assert kubernetes_files(PoolSpec.from_options(name="a" * 40))
