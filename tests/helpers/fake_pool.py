"""A pool of containers in memory, whose collector says what a test wants."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from condor_mini.engine import ContainerSpec, FakeEngine, FakeExec, FakeOutcome
from condor_mini.pool import Pool
from hand_made import node_labels, tokens_mount

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
            "Name": f"{'slot1@' if kind == 'Machine' else ''}{node}.nodes.internal",
            "CondorMiniNode": node,
            "MyAddress": "<10.0.0.9:9618?addrs=10.0.0.9-9618&alias=x&noUDP&sock=y>",
            "CondorVersion": VERSION,
            "LastHeardFrom": int(time.time()),
            **(slot if kind == "Machine" else {}),
            **attributes,
        }

    def forget(self, node: str, *kinds: str) -> None:
        """Take a node's ads of these types, or all, from the collector."""
        self.ads = [
            ad
            for ad in self.ads
            if ad["CondorMiniNode"] != node or (kinds and ad["MyType"] not in kinds)
        ]

    def ask(self, _: FakeExec) -> FakeOutcome:
        """What condor_status says."""
        return self.answer or FakeOutcome(stdout=json.dumps(self.ads))

    def ask_health(self, call: FakeExec) -> FakeOutcome:
        """What the health check says."""
        lacks = self.health.get(call.container, "")
        return FakeOutcome(returncode=1 if lacks else 0, stdout=lacks)
