"""An engine in memory, for tests: the same contract, no containers, no waiting."""

from condor_mini.engine.fake.engine import FakeEngine
from condor_mini.engine.fake.files import FakeFile
from condor_mini.engine.fake.shell import FakeCall, FakeExec, FakeOutcome

__all__ = ["FakeCall", "FakeEngine", "FakeExec", "FakeFile", "FakeOutcome"]
