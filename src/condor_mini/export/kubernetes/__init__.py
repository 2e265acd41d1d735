"""A pool as manifests of Kubernetes, which run it without condor-mini."""

from condor_mini.export.kubernetes.manifests import FILE, SCRIPT, kubernetes_files

__all__ = ["FILE", "SCRIPT", "kubernetes_files"]
