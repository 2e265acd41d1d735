"""What is done so that an image of the user's own becomes an execution point."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound
from condor_mini.base.layout import LIBEXEC, PREFIX
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount
from condor_mini.nodes import custom_image
from condor_mini.nodes.custom_image import container_of, equipped
from condor_mini.nodes.host_files import IMAGE as IMAGE_OF_HOST
from condor_mini.nodes.node import OWN_IMAGE, Role
from condor_mini.nodes.plan import NODE_CONFIG, planned_nodes
from condor_mini.nodes.state import STATE
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.nodes.planned_node import PlannedNode
    from pool_engine import PoolEngine

IMAGE = "my/thing:1"


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A relocated runtime, which needs no mirror."""
    (tmp_path / "tree/usr").mkdir(parents=True)
    monkeypatch.setattr(custom_image, "_tree", lambda *_: tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def with_image(pools: PoolEngine, tree: Path) -> PoolEngine:  # noqa: ARG001 (is there)
    """An engine that has the image."""
    pools.add_image(IMAGE)
    return pools


def nodes_of(**group: object) -> list[PlannedNode]:
    """The nodes of a pool whose execution points are of the image."""
    facts = {"name": "ci", "execution_points": [{"image": IMAGE, **group}]}
    return planned_nodes(PoolSpec.model_validate(facts))


def elsewhere(engine: Engine, monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
    """Let an engine say other things of itself."""
    said = replace(engine.info(), **facts)  # type: ignore[arg-type] # of its fields
    monkeypatch.setattr(type(engine), "info", lambda _: said)


# -- the plan --------------------------------------------------------------------------------------


def test_only_that_group_is_of_the_image() -> None:
    """The other nodes are of our images; those of the group of the user's, as root, by tini."""
    *ours, own = nodes_of()
    assert [node.container.image for node in ours] == ["condor-master:25", "condor-submit:25"]
    assert own.container.image == IMAGE
    assert own.container.entrypoint == f"{PREFIX}/usr/bin/tini"
    assert own.container.user == "0:0"
    assert not own.container.healthcheck
    assert own.has_own_image
    assert not any(node.has_own_image for node in ours)


def test_rights_are_those_of_any_execution_point() -> None:
    """It may do no more than an execution point of ours, and bears the same name and labels."""
    (*_, own), (*_, ours) = nodes_of(), planned_nodes(PoolSpec(name="ci"))
    same = ("name", "hostname", "network", "cap_drop", "cap_add", "no_new_privileges", "ports")
    for field in same:
        assert getattr(own.container, field) == getattr(ours.container, field)
    assert own.container.labels == {**ours.container.labels, OWN_IMAGE: IMAGE}
    assert own.files == ours.files


def test_variables_that_lead_to_our_configuration_win() -> None:
    """An image, or a pool file, that names another configuration does not mislead HTCondor."""
    spec = ContainerSpec(image="x", name="x", environment={"CONDOR_CONFIG": "/nowhere", "A": "b"})
    environment = container_of(spec, IMAGE, role="execute").environment
    assert environment["CONDOR_CONFIG"] == "/etc/condor/condor_config"
    assert environment["A"] == "b"


def test_configuration_is_that_of_any_execution_point() -> None:
    """GPUs, slots and attributes are configured as on our own image."""
    facts = {"gpus": 2, "slots": 2, "attributes": {"A": 1}, "cpus": 8}
    (*_, own) = nodes_of(**facts)
    plain = PoolSpec.model_validate({"name": "ci", "execution_points": [facts]})
    assert own.files[NODE_CONFIG] == planned_nodes(plain)[-1].files[NODE_CONFIG]


def test_access_points_have_the_hosts_files_too() -> None:
    """With the host's files, access points get the scripts of their own role, and the home."""
    spec = PoolSpec(name="ci").with_overrides(host_files="rw")
    nodes = {node.role: node.container for node in planned_nodes(spec)}
    home = str(Path.home().resolve())
    for role in (Role.ACCESS_POINT, Role.EXECUTION_POINT):
        assert nodes[role].image == IMAGE_OF_HOST
        assert nodes[role].environment["CONDOR_MINI_ROLE"] == str(role)
        assert BindMount(source=Path(home), target=home) in nodes[role].mounts
        assert not nodes[role].read_only
    assert nodes[Role.CENTRAL_MANAGER].image != IMAGE_OF_HOST


# -- on an engine ----------------------------------------------------------------------------------


def test_pool_on_an_image(with_image: PoolEngine, tree: Path) -> None:
    """The runtime is seen at its path, read-only, and scripts are in it before the start."""
    Pool.create("ci", execute_image=IMAGE, engine=with_image)
    spec = with_image.spec("ci-execute-1")
    assert spec.image == IMAGE
    assert spec.mounts[-1] == BindMount(source=tree, target=PREFIX, read_only=True)
    assert f"{LIBEXEC}/entrypoint" in with_image.at_start["ci-execute-1"]
    assert "/etc/passwd" in with_image.at_start["ci-execute-1"]
    assert f"{LIBEXEC}/entrypoint" not in with_image.at_start["ci-submit-1"]


def preloading(engine: PoolEngine, of_image: str, of_group: str | None = None) -> tuple[str, str]:
    """Return what HTCondor and what jobs preload, where image and pool file say this."""
    engine.add_image(IMAGE, environment={"LD_PRELOAD": of_image, "A": "b"} if of_image else {})
    group = {} if of_group is None else {"environment": {"LD_PRELOAD": of_group}}
    *_, node = equipped(engine, nodes_of(**group), catalogue().get(None), Progress())
    config = node.files.get("etc/condor/config.d/36-preload", "")
    return node.container.environment.get("LD_PRELOAD", "-"), config.partition("ENVIRONMENT = ")[2]


@pytest.mark.parametrize(
    ("of_image", "of_group", "jobs"),
    [
        ("/lib/a.so", None, "/lib/a.so"),
        ("", "/lib/b.so", "/lib/b.so"),
        ("/lib/a.so", "/lib/b.so", "/lib/b.so"),
        ("/usr/$LIB/a.so\n/it's", None, "/usr/$(DOLLAR)LIB/a.so /it''s"),
    ],
)
def test_preload_is_the_jobs_own(
    with_image: PoolEngine, of_image: str, of_group: str | None, jobs: str
) -> None:
    """LD_PRELOAD comes to jobs and to none of HTCondor's programs, whose libc is another."""
    expected = ("", f"\"LD_PRELOAD='{jobs}'\"\n")
    assert preloading(with_image, of_image, of_group) == expected


def test_no_preload(with_image: PoolEngine) -> None:
    """Where there is none nothing is added, also where a pool file takes the image's away."""
    assert preloading(with_image, "") == ("-", "")
    assert preloading(with_image, "/lib/a.so", "") == ("", "")


def test_scaled_up_on_the_image(with_image: PoolEngine, tree: Path) -> None:
    """A node that is added later is as the first."""
    pool = Pool.create("ci", execute_image=IMAGE, engine=with_image)
    pool.scale(2)
    own = len(STATE[Role.EXECUTION_POINT])
    first, second = (with_image.spec(f"ci-execute-{number}").mounts[own:] for number in (1, 2))
    assert first == second == (BindMount(source=tree, target=PREFIX, read_only=True),)


def test_image_is_pulled(pools: PoolEngine, tree: Path) -> None:  # noqa: ARG001 (is there)
    """One that the engine has not comes from its registry."""
    pools.add_image("other")
    pools.registry[IMAGE] = cast("object", pools.image("other"))  # type: ignore[assignment]
    Pool.create("ci", execute_image=IMAGE, engine=pools)
    assert pools.spec("ci-execute-1").image == IMAGE


@pytest.mark.parametrize(("image", "engine"), [("arm64", "x86_64"), ("amd64", "aarch64")])
def test_image_of_another_architecture(
    with_image: PoolEngine, monkeypatch: pytest.MonkeyPatch, image: str, engine: str
) -> None:
    """Both architectures are named, and nothing is made."""
    other = replace(cast("object", with_image.image(IMAGE)), architecture=image)  # type: ignore[type-var]
    monkeypatch.setitem(with_image._images, IMAGE, other)
    elsewhere(with_image, monkeypatch, architecture=engine)
    with pytest.raises(EngineCapabilityError, match=f"is for {image}"):
        Pool.create("ci", execute_image=IMAGE, engine=with_image)
    assert not with_image.has_held_nodes


def test_engine_of_another_machine(with_image: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a volume of the pool's own has the runtime; it is filled once, and goes with it."""
    elsewhere(with_image, monkeypatch, same_host=False)
    pool = Pool.create("ci", execute_image=IMAGE, engine=with_image)
    pool.scale(2)
    mount = VolumeMount(volume="ci-condor-mini-runtime", target=PREFIX, read_only=True)
    assert with_image.spec("ci-execute-2").mounts[len(STATE[Role.EXECUTION_POINT]) :] == (mount,)
    made = [call.target for call in with_image.calls if call.method == "create"]
    assert made.count("ci-condor-mini-runtime") == 1
    assert {node.name for node in pool.nodes} == {
        *("ci-master", "ci-submit-1", "ci-execute-1", "ci-execute-2"),
    }
    pool.delete()
    assert with_image.volumes({}) == []


def test_no_image_no_runtime(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of our own images asks for no runtime."""

    def refuse(*_: object) -> Iterator[None]:
        raise AssertionError

    monkeypatch.setattr(custom_image, "_tree", refuse)
    nodes = planned_nodes(PoolSpec(name="ci"))
    assert equipped(pools, nodes, catalogue().get(None), Progress()) == nodes


def test_missing_image_names_the_registry_s_reason(pools: PoolEngine) -> None:
    """The error ends with what the engine said last."""
    with pytest.raises(NotFound, match=r"could not be pulled: .*no such image in the registry"):
        Pool.create("ci", execute_image=IMAGE, engine=pools)
