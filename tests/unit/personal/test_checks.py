"""What is refused before a personal pool's image is built or its runtime downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, CondorMiniError, EngineCapabilityError, StateError
from condor_mini.base.progress import Progress
from condor_mini.engine import ContainerSpec, FakeEngine
from condor_mini.images import builder
from condor_mini.lifecycle import restart
from condor_mini.nodes import custom_image
from condor_mini.nodes.node import pool_labels
from condor_mini.nodes.pool_nodes import PoolNodes
from condor_mini.personal.pool import PersonalPool
from condor_mini.personal.spec import PersonalSpec
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Refused = Callable[..., CondorMiniError]


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with the image of personal pools."""
    engine = FakeEngine()
    engine.add_image("condor-mini:25")
    return engine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory of a pool of HTCondor 25 that has ended."""
    state = tmp_path / "state"
    (state / "spool").mkdir(parents=True)
    (state / "spool/htcondor-series").write_text("25\n")
    return state


@pytest.fixture
def refused(
    engine: FakeEngine, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Refused:
    """Returns why a pool with these options is refused; nothing was built or downloaded."""
    built: list[str] = []
    monkeypatch.setattr(builder, "ensure", lambda *_: built.append("image"))
    monkeypatch.setattr(custom_image, "beside", lambda *_: built.append("runtime"))

    def refused(**options: str) -> CondorMiniError:
        spec = PersonalSpec(state=state, workdir=tmp_path, **options)  # type: ignore[arg-type]
        with (
            pytest.raises(CondorMiniError) as error,
            PersonalPool.open(engine, spec, Progress()),
        ):
            pass
        assert built == []
        return error.value

    return refused


def test_state_of_a_newer_series(refused: Refused) -> None:
    """A state directory that a newer HTCondor has written is named, with both ways on."""
    error = refused(series="23")
    assert isinstance(error, StateError)
    assert "HTCondor 25 has written" in error.message
    assert "--htcondor 25" in str(error.hint)
    assert "--state DIR" in str(error.hint)


def test_link_in_the_state(refused: Refused, state: Path) -> None:
    """A link where HTCondor would write is refused."""
    (state / "log").symlink_to("/tmp")
    assert isinstance(refused(), StateError)


def test_name_of_a_pool(engine: FakeEngine, refused: Refused) -> None:
    """A pool of `create` has the name."""
    engine.create_network("mine", labels=pool_labels("mine"))
    error = refused(name="mine")
    assert (type(error), "condor-mini shell -n mine" in str(error.hint)) == (AlreadyInUse, True)


def test_name_of_another_personal_pool(
    engine: FakeEngine, refused: Refused, tmp_path: Path
) -> None:
    """The pool on another state directory has the name."""
    (tmp_path / "other").mkdir()
    engine.create(personal_spec("mine", tmp_path / "other"))
    assert f"the pool on {tmp_path / 'other'}" in refused(name="mine").message


def test_name_of_a_container(engine: FakeEngine, refused: Refused) -> None:
    """A container that is no pool has the name."""
    engine.create(ContainerSpec(image="condor-mini:25", name="mine"))
    assert "is not a personal pool" in refused(name="mine").message


def test_host_files_of_an_engine_without(refused: Refused) -> None:
    """Only the embedded engine shows the host's files."""
    assert isinstance(refused(host_files="ro"), EngineCapabilityError)


def test_restart_with_an_older_series(engine: FakeEngine, state: Path) -> None:
    """`restart --htcondor` refuses an older HTCondor before the pool is stopped."""
    engine.create(personal_spec("mine", state))
    engine.start("mine")
    with pytest.raises(StateError):
        restart.restart(PoolNodes(engine, "mine"), None, "23", Progress(), timeout_s=1)
    assert [call.method for call in engine.calls if call.method in ("stop", "remove")] == []
