"""The Python packages of an image that dpkg does not know, in its bill of materials."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LIST = "/usr/local/share/condor-mini/python-packages"
"""Where an image has the requirements that its packages were installed from."""
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)", re.MULTILINE)


def with_packages(bill: str, form: str, requirements: str) -> str:
    """Return a bill of materials with Python packages in it.

    Args:
        bill: JSON, as debsbom has written it.
        form: debsbom's name of the standard: ``cdx`` or ``spdx``.
        requirements: The packages, as pip reads them: ``NAME==VERSION`` at the begin of a line.
    """
    found = json.loads(bill)
    add = _ADD[form]
    for name, version in _PINNED.findall(requirements):
        # https://github.com/package-url/purl-spec: names are lower-case, with hyphens.
        plain = re.sub(r"[-_.]+", "-", name).lower()
        add(found, plain, version, f"pkg:pypi/{plain}@{version}")
    return json.dumps(found, indent=4)


def _to_cyclonedx(bill: dict[str, Any], name: str, version: str, purl: str) -> None:
    component = {"type": "library", "name": name, "version": version, "purl": purl}
    bill["components"].append({"bom-ref": purl, **component})
    root = bill["metadata"]["component"]["bom-ref"]
    for dependency in bill["dependencies"]:
        if dependency["ref"] == root:
            dependency["dependsOn"].append(purl)
    bill["dependencies"].append({"ref": purl})


def _to_spdx(bill: dict[str, Any], name: str, version: str, purl: str) -> None:
    unknown = ("downloadLocation", "copyrightText", "licenseConcluded", "licenseDeclared")
    identity = f"SPDXRef-python-{name}"
    reference = {
        "referenceCategory": "PACKAGE_MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }
    bill["packages"].append(
        {
            "SPDXID": identity,
            "name": name,
            "versionInfo": version,
            **dict.fromkeys(unknown, "NOASSERTION"),
            "filesAnalyzed": False,
            "externalRefs": [reference],
        }
    )
    (system,) = (
        package["SPDXID"]
        for package in bill["packages"]
        if package.get("primaryPackagePurpose") == "OPERATING_SYSTEM"
    )
    bill["relationships"].append(
        {
            "spdxElementId": identity,
            "relatedSpdxElement": system,
            "relationshipType": "PACKAGE_OF",
        }
    )


_ADD: dict[str, Callable[[dict[str, Any], str, str, str], None]] = {
    "cdx": _to_cyclonedx,
    "spdx": _to_spdx,
}
