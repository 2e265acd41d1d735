"""The certificate authorities of the caller's machine, for the programs in a node.

Behind a proxy that intercepts TLS, transfers by URL, pip and curl need them in the pool too.
"""

from __future__ import annotations

import os
from pathlib import Path

CERTIFICATES = "/etc/condor/ca-certificates.crt"
"""Path of the bundle in the nodes of `create`, which may be read-only elsewhere."""
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
"""The variables that name a bundle: of OpenSSL, requests, curl and pip."""
DEFAULT_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Path in a node of the only bundle that HTCondor's curl_plugin reads.

It is the default of Debian's libcurl; none of ``VARIABLES`` changes it.
"""
_BUNDLES = (
    DEFAULT_BUNDLE,
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the bundle of a machine (Go's crypto/x509, root_linux.go)."""


def certificate_authorities() -> bytes | None:
    """Return the CA bundle that the caller's environment names, or None if it names none."""
    for variable in VARIABLES:
        path = os.environ.get(variable)
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None


def variables_for(path: str) -> dict[str, str]:
    """Return the variables that name a bundle in a node; none if the caller's name none.

    Args:
        path: Path in the node at which the bundle is put.
    """
    return {} if certificate_authorities() is None else dict.fromkeys(VARIABLES, path)


def files_at(path: str) -> dict[str, bytes]:
    """Return the file with the bundle, by its path in the node; none if the caller's name none."""
    bundle = certificate_authorities()
    return {} if bundle is None else {path: bundle}


def default_bundle() -> dict[str, bytes]:
    """Return the file for a node whose image has no certificate authorities, by its path there.

    It is the bundle that the caller's environment names, else this machine's; nothing if there is
    none.
    """
    bundle = certificate_authorities()
    if bundle is None:
        path = next((Path(path) for path in _BUNDLES if Path(path).is_file()), None)
        bundle = None if path is None else path.read_bytes()
    return {} if bundle is None else {DEFAULT_BUNDLE.lstrip("/"): bundle}
