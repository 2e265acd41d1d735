"""A pool on an engine in memory, and the command line that reports on it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.layout import HEALTH
from condor_mini.cli import main
from condor_mini.engine import ContainerSpec, FakeEngine, FakeExec, FakeOutcome
from condor_mini.engines import Candidate
from condor_mini.nodes.node import pool_labels
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from hand_made import node_labels, tokens_mount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = "$CondorVersion: 25.14.1 2026-10-16 PackageID: 25.14.1+dfsg-1 $"
TYPES = {
    "master": ("Collector", "Negotiator"),
    "submit": ("Scheduler",),
    "execute": ("StartD", "Machine"),
}


@dataclass(kw_only=True)
class FakePool(Pool):
    """A pool of containers in memory, whose collector says what ``ads`` holds."""

    engine: FakeEngine
    name: str
    ads: list[dict[str, Any]] = field(default_factory=list)
    answer: FakeOutcome | None = None
    """In place of the ads."""
    health: dict[str, str] = field(default_factory=dict)
    """What nodes lack, by their names."""

    def add(self, role: str, number: int = 0, **labels: str) -> str:
        """A node that runs, and its ads."""
        name = f"{self.name}-{role}" + (f"-{number}" if number else "")
        self.engine.create(
            ContainerSpec(
                image=f"condor-{role}:25",
                name=name,
                network=self.name,
                labels=node_labels(self.name, role, number, **labels),
                mounts=(tokens_mount(self.name, role, number),),
            )
        )
        self.engine.start(name)
        for kind in TYPES[role]:
            self.ads.append(self.ad(name, kind))
        return name

    def ad(self, node: str, kind: str, **attributes: object) -> dict[str, Any]:
        """One ad of a daemon or slot that was heard of just now."""
        slot = {"State": "Unclaimed", "Activity": "Idle", "SlotType": "Partitionable"}
        return {
            "MyType": kind,
            "Name": f"slot1@{node}" if kind == "Machine" else node,
            "Machine": node,
            "MyAddress": "<10.0.0.9:9618?addrs=10.0.0.9-9618&alias=x&noUDP&sock=y>",
            "CondorVersion": VERSION,
            "LastHeardFrom": int(time.time()),
            **(slot if kind == "Machine" else {}),
            **attributes,
        }

    def forget(self, node: str, *kinds: str) -> None:
        """Take a node's ads of these types, or all, from the collector."""
        self.ads = [
            ad for ad in self.ads if ad["Machine"] != node or (kinds and ad["MyType"] not in kinds)
        ]

    def ask(self, _: FakeExec) -> FakeOutcome:
        """What condor_status says."""
        return self.answer or FakeOutcome(stdout=json.dumps(self.ads))

    def ask_health(self, call: FakeExec) -> FakeOutcome:
        """What the health check says."""
        lacks = self.health.get(call.container, "")
        return FakeOutcome(returncode=1 if lacks else 0, stdout=lacks)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    """The engine that is found, which has every image."""
    engine = FakeEngine()
    for role in ("base", "mini", "master", "submit", "execute"):
        engine.add_image(f"condor-{role}:25")
    candidate = Candidate(name="fake", binary=None, hint_absent="", make=lambda: engine)
    monkeypatch.setattr("condor_mini.engines.CANDIDATES", (candidate,))
    for variable in ("CONDOR_MINI_NAME", "CONDOR_MINI_ENGINE", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return engine


@pytest.fixture
def make_pool(fake: FakeEngine) -> Callable[..., FakePool]:
    """Makes a pool of one central manager, one access point, and execution points."""

    def make(name: str = "ci", *, execute: int = 1, spec: str = "") -> FakePool:
        fake.create_network(name, labels=pool_labels(name))
        pool = FakePool(engine=fake, name=name)
        fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
        fake.on_exec([HEALTH], pool.ask_health)
        pool.add("master", spec=spec or PoolSpec(name=name).to_json())
        pool.add("submit", 1)
        for number in range(1, execute + 1):
            pool.add("execute", number)
        return pool

    return make


@pytest.fixture
def pool(make_pool: Callable[..., FakePool]) -> FakePool:
    """The pool ``ci``, which is usable."""
    return make_pool()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (whatever JSON can say)
        """Its stdout, read."""
        return json.loads(self.out)


@pytest.fixture
def run(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS``, to its end."""
    del fake

    def run(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["condor-mini", *arguments])
        monkeypatch.setattr("condor_mini.cli.signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Result(status=int(ended.value.code or 0), out=out, err=err)

    return run
