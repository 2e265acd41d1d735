"""What a fake engine offers to tests beyond the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from condor_mini.base.errors import AlreadyInUse, CommandFailed, EngineError
from condor_mini.engine import (
    ContainerSpec,
    ContainerState,
    FakeCall,
    FakeEngine,
    FakeExec,
    FakeFile,
    FakeOutcome,
    PublishedPort,
)

ALL_ADDRESSES = "::"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fake() -> FakeEngine:
    """An engine with a running container ``node``."""
    fake = FakeEngine()
    fake.add_image("image")
    fake.create(ContainerSpec(image="image", name="node", command=("condor_master", "-f")))
    fake.start("node")
    fake.calls.clear()
    return fake


def test_handler_answers_commands_with_its_prefix(fake: FakeEngine) -> None:
    """A handler answers the commands that begin with its words."""
    fake.on_exec(["condor_who"], lambda call: FakeOutcome(stdout=" ".join(call.argv[1:])))
    assert fake.exec("node", ["condor_who", "-quick"]).stdout == "-quick"


def test_handler_added_last_goes_first(fake: FakeEngine) -> None:
    """A later handler takes over from an earlier one."""
    fake.on_exec(["x"], lambda _: FakeOutcome(returncode=1))
    fake.on_exec(["x"], lambda _: FakeOutcome(returncode=2))
    assert fake.exec("node", ["x"]).returncode == 2


def test_handler_sees_how_it_is_called(fake: FakeEngine) -> None:
    """A handler sees the user, the folder, the variables and the stdin of the command."""
    seen: list[FakeExec] = []

    def handler(call: FakeExec) -> FakeOutcome:
        seen.append(call)
        return FakeOutcome()

    fake.on_exec(["x"], handler)
    fake.exec("node", ["x"], user="u", workdir="/w", environment={"K": "v"}, stdin="in")
    (call,) = seen
    assert (call.container, call.user, call.workdir, call.environment["K"], call.stdin) == (
        *("node", "u", "/w", "v", "in"),
    )


def test_handler_can_take_too_long(fake: FakeEngine) -> None:
    """A command that would take longer than its deadline fails without a wait."""
    fake.on_exec(["x"], lambda _: FakeOutcome(seconds=3600))
    with pytest.raises(CommandFailed, match="did not end in time"):
        fake.exec("node", ["x"], timeout_s=60)


def test_fail_next_fails_once(fake: FakeEngine) -> None:
    """A failure that was ordered comes once."""
    fake.fail_next("start", EngineError("no"))
    with pytest.raises(EngineError):
        fake.start("node")
    fake.start("node")


def test_calls_are_recorded(fake: FakeEngine) -> None:
    """What was asked of the engine can be read, in order."""
    fake.exec("node", ["true"])
    fake.remove("node")
    assert fake.calls == [
        FakeCall(method="exec", target="node", argv=("true",)),
        FakeCall(method="remove", target="node"),
    ]


def test_files_can_be_read(fake: FakeEngine, tar_of: object) -> None:
    """What was copied into a container can be read, with its owner and mode."""
    assert callable(tar_of)
    fake.copy_in("node", tar_of("etc/key", b"k", uid=1, gid=2, mode=0o600))
    assert fake.files("node") == {
        "/etc/key": FakeFile(content=b"k", mode=0o600, uid=1, gid=2),
    }


def test_call_about_several_is_recorded_as_one(fake: FakeEngine) -> None:
    """A call about several containers names all of them."""
    fake.remove("node", "absent")
    assert fake.calls == [FakeCall(method="remove", target="node absent")]


def test_call_about_none_is_not_recorded(fake: FakeEngine) -> None:
    """To stop or remove no container at all is no call."""
    fake.stop(timeout_s=1)
    fake.remove()
    assert fake.calls == []


def test_clock_can_be_given() -> None:
    """A test says what time it is."""
    fake = FakeEngine(clock=lambda: EPOCH)
    fake.add_image("image")
    fake.create(ContainerSpec(image="image", name="node"))
    fake.start("node")
    fake.write_log("node", "line\n")
    info = fake.inspect("node")
    assert info is not None
    assert (info.started_at, fake.logs("node", timestamps=True)) == (
        *(EPOCH, "2026-01-01T00:00:00.000000000Z line\n"),
    )


def test_line_has_the_time_when_it_was_begun() -> None:
    """What is added to a line does not change its time."""
    times = iter(EPOCH + timedelta(seconds=number) for number in range(10))
    fake = FakeEngine(clock=lambda: next(times))
    fake.add_image("image")
    fake.create(ContainerSpec(image="image", name="node"))
    for text in ("a", "b\nc\n", "d\n"):
        fake.write_log("node", text)
    assert fake.logs("node", since=EPOCH + timedelta(seconds=1)) == "c\nd\n"


def test_container_writes_on_demand(fake: FakeEngine) -> None:
    """A test lets a container write something."""
    fake.write_log("node", "one\u2028line\nanother\n")
    with fake.follow("node") as lines:
        assert [next(lines), next(lines)] == ["one\u2028line", "another"]


@pytest.mark.parametrize(
    ("taken", "asked", "is_free"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.2", True),
        (ALL_ADDRESSES, "127.0.0.1", False),
        ("127.0.0.1", ALL_ADDRESSES, False),
    ],
)
def test_port_is_taken_per_address(
    fake: FakeEngine, taken: str, asked: str, *, is_free: bool
) -> None:
    """A port that somebody has on one address is free on another, but not on all."""
    fake.take_port(8080, host_ip=taken)
    port = PublishedPort(container_port=80, host_port=8080, host_ip=asked)
    fake.create(ContainerSpec(image="image", name="web", ports=(port,)))
    try:
        fake.start("web")
    except AlreadyInUse:
        assert not is_free
    else:
        assert is_free


def test_container_can_end_by_itself(fake: FakeEngine) -> None:
    """A test can let a container end, with its status and last words."""
    fake.end("node", exit_code=4, log="ERROR: no\n")
    info = fake.inspect("node")
    assert info is not None
    assert (info.state, info.exit_code) == (ContainerState.EXITED, 4)


def test_health_can_be_set(fake: FakeEngine) -> None:
    """A test says what a health check says."""
    fake.set_health("node", "unhealthy")
    info = fake.inspect("node")
    assert info is not None
    assert info.health == "unhealthy"
