"""The example with HTCondor's web page for logins: tokens of a service to which users log in."""

from __future__ import annotations

import html
import json
import re
import shutil
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from functools import partial
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

import pytest

from condor_mini import JobFailed
from condor_mini.base.waiting import wait_until
from credentials_example import EXAMPLES, create, on_access_point, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.pool_engines("docker", reason="the monitor needs Python in the access point"),
]
PORTS = ("8085", "8086")
"""The ports of the pool file, of HTCondor's web page and of the stand-in for the service."""
CREDENTIALS = "/var/lib/condor/oauth_credentials"
LIFETIME_S = 180
"""How long a token of the stand-in is good for."""
SCAN_S = 60
"""The monitor looks this often whether half of a token's life is over."""
HTTP_S = 30
JOBS_S = 60
START_S = 60
"""Within this the stand-ins answer, after the pool is usable."""
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Ports of the host that nobody has, in place of the pool file's."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return {port: server.getsockname()[1] for port, server in zip(PORTS, servers, strict=True)}


@pytest.fixture(scope="module", params=["25", "23"])
def pool(
    pool_engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    ports: dict[str, int],
    request: pytest.FixtureRequest,
) -> Iterator[Pool]:
    """The pool of the example, whose stand-ins answer."""
    made = create(
        tmp_path_factory.mktemp("pools"),
        "credentials-oauth.yaml",
        "oauth-requirements.txt",
        series=request.param,
        engine=pool_engine,
        ports=ports,
    )
    try:
        for port in ports.values():
            wait_until(partial(silence, port), timeout_s=START_S)
        yield made
    finally:
        made.delete()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """The example's jobs, in a directory of the test's own."""
    return Path(shutil.copytree(EXAMPLES / "credentials", tmp_path / "jobs"))


@pytest.fixture
def logged_out(pool: Pool) -> None:
    """The user has no token, whatever was before."""
    on_access_point(pool, "rm", "-rf", f"{CREDENTIALS}/jovyan")


@pytest.fixture
def logged_in(pool: Pool, jobs: Path, logged_out: None) -> None:  # noqa: ARG001
    """The user has logged in."""
    Browser().answer(login_url(pool, jobs), "permit")


def silence(port: int) -> str | None:
    """Return why nothing answers on a port of the host."""
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/", timeout=HTTP_S):
            return None
    except OSError as error:
        return f"port {port}: {error}"


def login_url(pool: Pool, jobs: Path) -> str:
    """Return the URL that condor_submit prints in place of submitting a job."""
    with pytest.raises(JobFailed) as refusal:
        run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    found = re.search(r"Hellow, jovyan\.\nPlease visit: (\S+/key/[0-9a-f]+)", str(refusal.value))
    assert found, str(refusal.value)
    return found[1]


class Browser:
    """What a user's browser does: it follows redirects and keeps cookies."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def open(self, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Return where a page is in the end, and its text."""
        data = urlencode(form).encode() if form is not None else None
        with self._opener.open(url, data, timeout=HTTP_S) as response:
            return response.url, response.read().decode()

    def answer(self, url: str, answer: str) -> str:
        """Follow the URL of condor_submit, press one of the stand-in's buttons, return the page."""
        page, text = self.open(url)
        link = re.search(r'href="(/login/drive)"', text)
        assert link, text
        page, text = self.open(urljoin(page, link[1]))
        form = {name: html.unescape(value) for name, value in FIELD.findall(text)}
        return self.open(urljoin(page, "/login"), {**form, "answer": answer})[1]

    def revoke(self, service: str) -> int:
        """Revoke on the stand-in's page what was permitted; return how many grants that were."""
        grants = re.findall(r'name="grant" value="(\w+)"', self.open(service)[1])
        for grant in grants:
            self.open(urljoin(service, "/revoke"), {"grant": grant})
        return len(grants)


@pytest.mark.usefixtures("logged_out")
def test_without_a_login_no_job_is_submitted(pool: Pool, jobs: Path) -> None:
    """condor_submit prints the URL of the login, each time another, and submits nothing."""
    before = pool.job_ads()
    assert login_url(pool, jobs) != login_url(pool, jobs)
    assert pool.job_ads() == before == []


@pytest.mark.usefixtures("logged_out")
def test_after_the_login_the_job_has_a_token(pool: Pool, jobs: Path) -> None:
    """The job's token opens the files of the user who logged in at the stand-in, and no others."""
    page = Browser().answer(login_url(pool, jobs), "permit")
    assert "You have logged in to all service providers indicated by your job." in page
    run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    text, *answers = (jobs / "use-drive.out").read_text().splitlines()
    claims = json.loads(text)
    assert (claims["sub"], claims["iss"]) == ("jovyan", "https://drive.example")
    assert claims["scope"] == "read:/user/jovyan write:/user/jovyan"
    assert [line.split()[2] for line in answers] == ["201", "200", "401", "403"]


@pytest.mark.usefixtures("logged_out")
def test_refused_login(pool: Pool, jobs: Path) -> None:
    """A user who refuses has no token: the web page fails, and condor_submit asks again."""
    with pytest.raises(urllib.error.HTTPError, match="500"):
        Browser().answer(login_url(pool, jobs), "refuse")
    log = on_access_point(pool, "cat", "/var/log/condor/CredMonWebLog")
    assert "AccessDeniedError: (access_denied) The user refused" in log
    assert login_url(pool, jobs)


@pytest.mark.usefixtures("logged_in")
def test_other_permissions(pool: Pool, jobs: Path) -> None:
    """Jobs with other permissions are refused until the old token is deleted."""
    job = jobs / "use-drive.sub"
    run(pool, job, timeout_s=JOBS_S)
    words = job.read_text()
    job.write_text(words.replace("= read:/user/jovyan,write:/user/jovyan", "= read:/user/jovyan"))
    with pytest.raises(JobFailed, match="credentials exist that do not match the request"):
        run(pool, job, timeout_s=JOBS_S)
    on_access_point(pool, "condor_store_cred", "delete-oauth", "-s", "drive", user="jovyan")
    Browser().answer(login_url(pool, jobs), "permit")
    run(pool, job, timeout_s=JOBS_S)
    text, put, get, *_ = (jobs / "use-drive.out").read_text().splitlines()
    assert json.loads(text)["scope"] == "read:/user/jovyan"
    assert put.split()[2:] == ["403", "the", "token", "does", "not", "permit", "this"]
    assert get.split()[2] == "200"


@pytest.mark.usefixtures("logged_in")
def test_secrets_are_in_files_alone(pool: Pool, jobs: Path) -> None:
    """Client secret, refresh token and access token are in no log, command line or setting."""
    run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    owned = on_access_point(pool, "stat", "-c", "%U %a", "/etc/condor/drive-client-secret")
    assert owned == "root 600\n"
    secrets = [
        on_access_point(pool, "cat", "/etc/condor/drive-client-secret"),
        json.loads(on_access_point(pool, "cat", f"{CREDENTIALS}/jovyan/drive.top"))[
            "refresh_token"
        ],
        json.loads(on_access_point(pool, "cat", f"{CREDENTIALS}/jovyan/drive.use"))["access_token"],
    ]
    logs = on_access_point(pool, "sh", "-c", "cat /var/log/condor/* /srv/storage/*.*")
    processes = on_access_point(
        pool, "sh", "-c", "cat /proc/*/cmdline /proc/*/environ | tr '\\0' ' '"
    )
    containers = " ".join(repr(pool.engine.inspect(node.name)) for node in pool.nodes)
    assert "/return/drive?code=" in logs
    for secret in secrets:
        assert len(secret) > 40
        for place in (logs, processes, containers):
            assert secret not in place


@pytest.mark.timeout(2 * (LIFETIME_S + JOBS_S) + SCAN_S + 3 * JOBS_S)
@pytest.mark.usefixtures("logged_in")
def test_token_is_renewed_until_it_is_revoked(
    pool: Pool, jobs: Path, ports: dict[str, int]
) -> None:
    """A running job's token is renewed before it expires; one that is revoked ends as it is.

    The job goes on, and is refused by the storage when its last token has expired. New jobs start
    with that token until the user deletes it, and logs in again.
    """
    run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    watcher = pool.submit(
        jobs / "watch-token.sub", arguments=[f"storage={pool.name}-submit-1:8080"]
    )

    def tokens() -> list[str]:
        watcher.fetch()
        output = jobs / "watch-token.out"
        return output.read_text().splitlines() if output.exists() else []

    def renewed() -> str | None:
        return None if len(tokens()) > 1 else f"the job has seen {tokens()}"

    wait_until(renewed, timeout_s=LIFETIME_S + JOBS_S, interval_s=2)
    assert Browser().revoke(f"http://localhost:{ports[PORTS[1]]}/")
    watcher.wait(timeout_s=LIFETIME_S + JOBS_S)
    first, second, end = tokens()
    assert first.split()[1] != second.split()[1]
    assert end == "401 no token of this pool: Signature has expired"

    def monitor_failed() -> str | None:
        log = on_access_point(pool, "cat", "/var/log/condor/CredMonOAuthLog")
        words = "InvalidGrantError: (invalid_grant) this refresh token was used, or revoked"
        return None if words in log else log[-500:]

    wait_until(monitor_failed, timeout_s=SCAN_S)
    run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    assert "Signature has expired" in (jobs / "use-drive.out").read_text()
    on_access_point(pool, "condor_store_cred", "delete-oauth", "-s", "drive", user="jovyan")
    Browser().answer(login_url(pool, jobs), "permit")
    run(pool, jobs / "use-drive.sub", timeout_s=JOBS_S)
    assert "200  Hello from a job" in (jobs / "use-drive.out").read_text()


def test_stand_ins_end_when_the_pool_stops(pool: Pool) -> None:
    """condor_master may signal what it has started, though the access point lacks CAP_KILL."""
    pool.stop()
    pool.start()
    log = on_access_point(pool, "cat", "/var/log/condor/MasterLog")
    for daemon in ("AUTHORIZATION_SERVER", "CREDMON_WEB", "STORAGE"):
        assert f"Sent SIGTERM to {daemon} " in log
    assert "Graceful shutdown timed out" not in log
