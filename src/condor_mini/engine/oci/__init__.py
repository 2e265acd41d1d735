"""Docker and Podman: one adapter, and a table of what they say and do differently."""

from condor_mini.engine.oci.engine import OciEngine

__all__ = ["OciEngine"]
