"""The example with HTCondor's credential monitor: tokens that the access point issues to jobs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from credentials_example import EXAMPLES, create, on_access_point, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.pool_engines("docker", reason="the monitor needs Python in the access point"),
]
KEY = "/etc/condor/scitokens-private.pem"
JOBS_S = 60


@pytest.fixture(scope="module", params=["25", "23"])
def pool(
    pool_engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pool]:
    """The pool of the example."""
    made = create(
        tmp_path_factory.mktemp("pools"),
        "credentials.yaml",
        "requirements.txt",
        series=request.param,
        engine=pool_engine,
        ports={},
    )
    yield made
    made.delete()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """The example's jobs, in a directory of the test's own."""
    return Path(shutil.copytree(EXAMPLES / "credentials", tmp_path / "jobs"))


def test_token_opens_what_it_names(pool: Pool, jobs: Path) -> None:
    """A job's token opens the files of its user at the stand-in, and no others."""
    run(pool, jobs / "use-token.sub", timeout_s=JOBS_S)
    claims, *answers = (jobs / "use-token.out").read_text().splitlines()
    assert '"scope":"read:/user/jovyan write:/user/jovyan"' in claims
    assert [line.split()[2] for line in answers] == ["201", "200", "401", "403"]


def test_htcondor_uses_the_token(pool: Pool, jobs: Path) -> None:
    """HTCondor fetches an input and stores an output with the token."""
    run(pool, jobs / "use-token.sub", timeout_s=JOBS_S)
    run(pool, jobs / "fetch.sub", timeout_s=JOBS_S)
    answer = on_access_point(pool, "cat", "/srv/storage/user/jovyan/answer")
    assert answer == "HELLO FROM A JOB\n"


def test_another_key_opens_nothing(pool: Pool) -> None:
    """The stand-in refuses a token with the right words that the pool has not signed."""
    forged = """
import sys, urllib.error, urllib.request
import scitokens
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
host, issuer = sys.argv[1:]
token = scitokens.SciToken(algorithm="ES256", key=key.decode(), key_id="local")
token.update_claims({"sub": "jovyan", "scope": "read:/user/jovyan", "ver": "scitoken:2.0"})
token.update_claims({"aud": [f"http://{host}"]})
text = token.serialize(issuer=issuer, lifetime=60).decode()
request = urllib.request.Request(
    f"http://{host}/user/jovyan/greeting", headers={"Authorization": f"Bearer {text}"}
)
try:
    print(urllib.request.urlopen(request, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
    issuer = on_access_point(pool, "condor_config_val", "LOCAL_CREDMON_ISSUER").strip()
    host = f"{pool.name}-submit-1:8080"
    answer = on_access_point(pool, "python3", "-c", forged, host, issuer)
    assert answer.startswith("401 no token of this pool: Signature verification failed")


def test_key_is_roots_alone(pool: Pool) -> None:
    """The private key is in a file that only root reads, and in no container's settings or log."""
    assert on_access_point(pool, "stat", "-c", "%U %a", KEY) == "root 600\n"
    secret = on_access_point(pool, "sed", "-n", "2p", KEY).strip()
    assert len(secret) > 40
    logs = on_access_point(pool, "sh", "-c", "cat /var/log/condor/*")
    processes = on_access_point(
        pool, "sh", "-c", "cat /proc/*/cmdline /proc/*/environ | tr '\\0' ' '"
    )
    containers = " ".join(repr(pool.engine.inspect(node.name)) for node in pool.nodes)
    for place in (logs, processes, containers):
        assert secret not in place
    assert "CREDMON" in logs or "SciToken" in logs
    assert "condor_credmon_oauth" in processes
