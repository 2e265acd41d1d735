"""The queue of an access point in memory, whose tools answer as HTCondor's do."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import ContainerSpec, FakeEngine, FakeExec, FakeOutcome
from condor_mini.jobs.staging import PLACE, RECORDS
from hand_made import node_labels, tokens_mount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine import FakeFile

NODE = "mini-submit-1"
LATER = 4_000_000_000


def engine_with_access_point() -> FakeEngine:
    """Return an engine with a pool ``mini`` of one node for each role."""
    engine = FakeEngine()
    engine.add_image("it")
    for role in ("master", "submit", "execute"):
        name, number = ("mini-master", 0) if role == "master" else (f"mini-{role}-1", 1)
        engine.create(
            ContainerSpec(
                image="it",
                name=name,
                labels=node_labels("mini", role, number),
                mounts=(tokens_mount("mini", role, number),),
            )
        )
        engine.start(name)
    return engine


@dataclass(kw_only=True)
class Queue:
    """What the tools of the access point say; a test changes it."""

    engine: FakeEngine
    cluster: int = 7
    dry_run: str = ""
    """The ads that a dry run prints."""
    refusal: str = ""
    """What condor_submit says in place of submitting."""
    queued: list[dict[str, object]] = field(default_factory=list)
    ended: list[dict[str, object]] = field(default_factory=list)
    written: dict[str, bytes] = field(default_factory=dict)
    """What the jobs write, by the path below the staging directory."""
    knobs: str = ""
    """What condor_config_val prints of the policies of the access point."""
    staying: list[str] = field(default_factory=list)
    """The jobs that no policy releases, as condor_q prints them: ``7 0``."""
    submitted: list[FakeExec] = field(default_factory=list)
    """The commands that submitted."""

    def job(self, **attributes: object) -> dict[str, object]:
        """A job's ad: it has completed with 0, where nothing else is said."""
        staging = self.staging
        return {
            "ClusterId": self.cluster,
            "ProcId": 0,
            "JobStatus": 4,
            "ExitCode": 0,
            "Iwd": f"{PLACE}/{staging}",
            "CondorMiniStaging": staging,
            **attributes,
        }

    @property
    def staging(self) -> str:
        """The name of the directory that was submitted last; empty before."""
        names = [path for path in self.files if path.startswith(f"{RECORDS}/")]
        records = [path for path in names if path.endswith(".json")]
        return records[-1].removeprefix(f"{RECORDS}/").removesuffix(".json") if records else ""

    @property
    def files(self) -> Mapping[str, FakeFile]:
        """What is in the access point."""
        return self.engine.files(NODE)

    def commands(self, tool: str) -> list[tuple[str, ...]]:
        """How a tool was called."""
        return [call.argv for call in self.engine.calls if call.argv[:1] == (tool,)]

    def submit(self, call: FakeExec) -> FakeOutcome:
        """``condor_submit``."""
        if self.refusal:
            return FakeOutcome(returncode=1, stderr=self.refusal)
        if "-dry-run" in call.argv:
            return FakeOutcome(stdout=self.dry_run)
        self.submitted.append(call)
        if not self.queued and not self.ended:
            self.ended = [self.job()]
        return FakeOutcome(stdout=f"1 job(s) submitted to cluster {self.cluster}.\n")

    def submit_text(self, call: FakeExec) -> FakeOutcome:
        """``condor_submit`` of a submit file that comes with the command."""
        _, _, _, _, directory, file, *argv = call.argv
        tar = TarWriter()
        tar.file(f"{directory}/{file}".lstrip("/"), (call.stdin or "").encode())
        self.engine.copy_in(call.container, tar.finish())
        return self.submit(replace(call, argv=tuple(argv), workdir=directory))

    def tell(self, call: FakeExec) -> FakeOutcome:
        """``condor_q`` and ``condor_history``."""
        ads = self.queued if call.argv[0] == "condor_q" else self.ended
        if call.argv[-3:] == ("-af", "ClusterId", "ProcId"):
            return FakeOutcome(stdout="".join(f"{job}\n" for job in self.staying))
        if "-af" in call.argv:
            rows = {f"{ad['ClusterId']} {ad.get('CondorMiniStaging', 'undefined')}" for ad in ads}
            return FakeOutcome(stdout="".join(f"{row}\n" for row in sorted(rows)))
        return FakeOutcome(stdout=json.dumps(ads) if ads else "")

    def pack(self, call: FakeExec) -> FakeOutcome:
        """``tar``, of what the jobs have written."""
        archive = call.argv[call.argv.index("--file") + 1]
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(f"{self.staging}.since"))
            for path, content in self.written.items():
                member = tarfile.TarInfo(f"{self.staging}/{path}")
                member.size, member.mtime = len(content), LATER
                tar.addfile(member, io.BytesIO(content))
        outer = io.BytesIO()
        with tarfile.open(fileobj=outer, mode="w") as tar:
            member = tarfile.TarInfo(archive.lstrip("/"))
            member.size = len(inner.getvalue())
            tar.addfile(member, io.BytesIO(inner.getvalue()))
        self.engine.copy_in(NODE, outer.getvalue())
        return FakeOutcome()
