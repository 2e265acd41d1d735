"""Real HTCondor pools in containers."""

from condor_mini._version import __version__
from condor_mini.caller import Caller
from condor_mini.errors import CondorMiniError
from condor_mini.personal import PersonalPool, PersonalSpec

__all__ = ["Caller", "CondorMiniError", "PersonalPool", "PersonalSpec", "__version__"]
