"""The version of condor-mini itself; HTCondor's stands in ``images/condor-base/series``."""

__version__ = "0.1.0"
