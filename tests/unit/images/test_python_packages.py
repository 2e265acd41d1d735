"""Python packages in bills of materials."""

from __future__ import annotations

import json

from condor_mini.images.python_packages import with_packages

REQUIREMENTS = """# made by hand
jupyterlab==4.6.6 \\
    --hash=sha256:00
Jupyter_Server.x==2.1rc1 \\
    --hash=sha256:01
"""
PURLS = ["pkg:pypi/jupyterlab@4.6.6", "pkg:pypi/jupyter-server-x@2.1rc1"]


def test_cyclonedx() -> None:
    """Each package is a component, on which the system depends."""
    bill = {
        "components": [{"name": "acl"}],
        "dependencies": [{"ref": "system", "dependsOn": ["acl"]}, {"ref": "acl"}],
        "metadata": {"component": {"bom-ref": "system"}},
    }
    found = json.loads(with_packages(json.dumps(bill), "cdx", REQUIREMENTS))
    assert [part.get("purl") for part in found["components"]] == [None, *PURLS]
    assert found["dependencies"][0]["dependsOn"] == ["acl", *PURLS]


def test_spdx() -> None:
    """Each package is one of the system's."""
    bill = {
        "packages": [{"SPDXID": "os", "primaryPackagePurpose": "OPERATING_SYSTEM"}],
        "relationships": [],
    }
    found = json.loads(with_packages(json.dumps(bill), "spdx", REQUIREMENTS))
    locators = [package["externalRefs"][0]["referenceLocator"] for package in found["packages"][1:]]
    assert locators == PURLS
    assert {relation["relatedSpdxElement"] for relation in found["relationships"]} == {"os"}
