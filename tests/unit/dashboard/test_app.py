"""What the page asks the server, and what its buttons do."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from condor_mini.base.errors import NotFound
from condor_mini.dashboard.tasks import OURS
from condor_mini.engine import FakeExec, FakeOutcome
from dashboard_browser import HOST, TOKEN, MakeClient, headers
from looks import Looks, job, look, slot
from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from fake_pool import FakePool

ROOT = Path(__file__).parents[3]
DEADLINE_S = 10.0
AD = {"ClusterId": 1, "ProcId": 0, "JobStatus": 2, "Owner": "jovyan", "Cmd": "/bin/sleep"}


def task(client: TestClient, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Press a button, and return what came of it."""
    answer = client.post(f"/act/{name}", json=body, headers=headers())
    assert answer.status_code == 202, answer.text
    number = answer.json()["task"]
    deadline = time.monotonic() + DEADLINE_S
    app: Any = client.app
    while time.monotonic() < deadline:
        rows = app.state.dashboard.tasks.rows()
        found: dict[str, Any] = next(row for row in rows if row["number"] == number)
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.01)
    raise AssertionError(f"not ended: {found}")


def test_jobs(looks: Looks, client: TestClient) -> None:
    """Jobs come in pages; there are none before the first look."""
    assert client.get("/api/jobs").json()["rows"] == []
    looks.now = look(jobs=[job(f"1.{proc}") for proc in range(300)])
    client.get("/metrics")  # looks
    found = client.get("/api/jobs", params={"state": "idle", "offset": "100", "limit": "50"}).json()
    assert (found["total"], len(found["rows"]), found["rows"][0]["id"]) == (300, 50, "1.199")


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=x", "limit=9999999999999999999999", "a=%00"]
)
def test_strange_pages(looks: Looks, client: TestClient, query: str) -> None:
    """What is no number is not there."""
    looks.now = look(jobs=[job()])
    client.get("/metrics")
    assert len(client.get(f"/api/jobs?{query}").json()["rows"]) == 1


def test_node(looks: Looks, client: TestClient) -> None:
    """A cell of the map leads to its node: slots, and what runs there."""
    looks.now = look(jobs=[job(state="running", node="ci-execute-1")], slots=[slot(job="1.0")])
    client.get("/metrics")
    found = client.get("/api/node/ci-execute-1").json()
    assert (found["slots"][0]["job"], found["jobs"][0]["id"]) == ("1.0", "1.0")
    assert client.get("/api/node/other").json()["slots"] == []


def test_metrics(looks: Looks, client: TestClient) -> None:
    """Prometheus gets jobs and slots by state, and what looking cost."""
    looks.now = look(jobs=[job(owner='a"b\\c\n')])
    text = client.get("/metrics").text
    assert 'condor_mini_jobs{pool="ci",state="idle"} 1\n' in text
    assert 'condor_mini_jobs{pool="ci",state="held"} 0\n' in text
    assert 'owner="a\\"b\\\\c\\n"} 1\n' in text
    assert 'condor_mini_slots{pool="ci",state="Unclaimed",activity="Idle"} 1\n' in text
    assert "condor_mini_looks_total 1\n" in text
    assert "condor_mini_up 1\n" in text


def test_metrics_share_a_look(looks: Looks, client: TestClient) -> None:
    """Two scrapes within seconds cost one look."""
    client.get("/metrics")
    client.get("/metrics")
    assert looks.count == 1


def test_metrics_of_no_pool(looks: Looks, client: TestClient) -> None:
    """A pool that is gone is `up 0`, and has no numbers."""
    looks.error = NotFound("there is no pool ci")
    text = client.get("/metrics").text
    assert "condor_mini_up 0\n" in text
    assert "condor_mini_jobs" not in text


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("hold", {}, "choose jobs"),
        ("hold", {"jobs": "1.0"}, "no list"),
        ("hold", {"jobs": ["1.0"]}, "an access point and an id"),
        ("hold", {"jobs": [{"id": f"1.{proc}"} for proc in range(500)]}, "at most 200"),
        ("submit", {}, "file is missing"),
        ("submit", {"file": ["x"]}, "file is missing"),
        ("scale", {}, "number of execution points is missing"),
        ("scale", {"execution_points": True}, "number of execution points is missing"),
        ("scale", {"execution_points": -1}, "0 to 1000"),
        ("fault", {"fault": "x"}, "there is no fault x"),
        ("fault", {"fault": "hold"}, "needs jobs"),
        ("fault", {"fault": "kill-node"}, "needs a node"),
        ("fault", {"fault": "kill-node", "options": 3}, "no object"),
        ("fault", {"fault": "kill-node", "nodes": ["a"], "for_s": 0}, "1 to 86400"),
        ("fault", {"fault": "kill-node", "nodes": ["a"], "for_s": "x"}, "1 to 86400"),
        ("delete", {}, "cannot do 'delete'"),
    ],
)
def test_bad_requests(
    client: TestClient, name: str, body: dict[str, object], sentence: str
) -> None:
    """What lacks something is refused at once, in words, and nothing is begun."""
    answer = client.post(f"/act/{name}", json=body, headers=headers())
    assert (answer.status_code, sentence in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("content", ["", "[]", "{", "3", '"x"', "{" * 70_000])
def test_bad_bodies(client: TestClient, content: str) -> None:
    """A body that is no object is refused."""
    answer = client.post("/act/hold", content=content, headers=headers())
    assert answer.status_code == 400


def test_hold(real_app: Starlette, pool: FakePool, make_client: MakeClient) -> None:
    """Hold does what `condor-mini hold` does, at the access point of the job."""
    ad = dict(AD)

    def hold(_: object) -> FakeOutcome:
        ad["JobStatus"] = 5
        return FakeOutcome()

    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=json.dumps([ad])))
    pool.engine.on_exec(["condor_hold"], hold)
    done = task(
        make_client(real_app), "hold", {"jobs": [{"access_point": "ci-submit-1", "id": "1.0"}]}
    )
    assert (done["what"], done["state"], done["message"]) == ("Hold 1.0", "done", "Held 1 job")
    assert pool.engine.calls[-2].argv == ("condor_hold", "1.0")


def test_what_fails_says_why(real_app: Starlette, pool: FakePool, make_client: MakeClient) -> None:
    """A job that is in no queue, and a file that is not there, are said as on the command line."""
    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome(stdout="[]"))
    client = make_client(real_app)
    gone = task(client, "remove", {"jobs": [{"access_point": None, "id": "9.0"}]})
    assert (gone["state"], "no queue of the pool ci has job 9.0" in gone["message"]) == (
        "failed",
        True,
    )
    missing = task(client, "submit", {"file": "/no/such/file"})
    assert (missing["state"], "/no/such/file" in missing["message"]) == ("failed", True)


def test_id_is_no_option(real_app: Starlette, make_client: MakeClient) -> None:
    """What is no job id reaches no tool."""
    done = task(make_client(real_app), "remove", {"jobs": [{"access_point": None, "id": "-all"}]})
    assert (done["state"], "neither a cluster" in done["message"]) == ("failed", True)


def test_fault_and_heal(real_app: Starlette, pool: FakePool, make_client: MakeClient) -> None:
    """A fault stays in force until it is healed, also when the dashboard ends."""
    struck = StruckNodes(engine=pool.engine)
    client = make_client(real_app)
    made = task(client, "fault", {"fault": "freeze", "nodes": ["ci-execute-1"], "daemon": "startd"})
    assert made["message"] == "freeze ci-execute-1/startd is in force until it is healed"
    assert (struck.frozen("ci-execute-1"), pool.faults.in_force()[0].holder) == ({"startd"}, None)
    healed = task(client, "heal", {"what": "ci-execute-1/startd"})
    assert healed["message"] == "Healed freeze ci-execute-1/startd"
    assert struck.frozen("ci-execute-1") == set()


def test_fault_with_a_time(real_app: Starlette, pool: FakePool, make_client: MakeClient) -> None:
    """A fault with a time ends by itself."""
    struck = StruckNodes(engine=pool.engine)
    body = {"fault": "freeze", "nodes": ["ci-execute-1"], "daemon": "startd", "for_s": 1}
    made = task(make_client(real_app), "fault", body)
    assert made["message"] == "freeze ci-execute-1/startd is in force for 1 s"
    deadline = time.monotonic() + DEADLINE_S
    while struck.frozen("ci-execute-1"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_fault_with_a_time_ends_with_the_dashboard(real_app: Starlette, pool: FakePool) -> None:
    """Ctrl-C heals what was to end by itself, as it does on the command line."""
    struck = StruckNodes(engine=pool.engine)
    body = {"fault": "freeze", "nodes": ["ci-execute-1"], "daemon": "startd", "for_s": 600}
    with TestClient(real_app, base_url=f"http://{HOST}") as client:
        client.get(f"/?token={TOKEN}")
        task(client, "fault", body)
        assert struck.frozen("ci-execute-1") == {"startd"}
    assert (struck.frozen("ci-execute-1"), pool.faults.in_force()) == (set(), [])


def test_fault_of_ours_is_said(
    real_app: Starlette, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected does not stay at work for ever."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("condor_mini.pool.Pool.scale", broken)
    done = task(make_client(real_app), "scale", {"execution_points": 2})
    assert (done["state"], done["message"] == OURS) == ("failed", True)


def test_why_without_an_access_point(
    real_app: Starlette, pool: FakePool, make_client: MakeClient
) -> None:
    """Where no queue can be asked, the page says so."""
    pool.engine.stop("ci-submit-1", timeout_s=1)
    answer = make_client(real_app).get("/api/why")
    assert (answer.status_code, "ci-submit-1" in answer.json()["error"]) == (409, True)


def test_why(real_app: Starlette, pool: FakePool, make_client: MakeClient) -> None:
    """Idle jobs are explained in the words of `condor-mini doctor`."""
    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome())
    (found,) = make_client(real_app).get("/api/why").json()
    assert found["evidence"] == "no job is idle"


def test_why_of_each_cluster_or_of_chosen_jobs(
    real_app: Starlette, pool: FakePool, make_client: MakeClient
) -> None:
    """One job of each cluster is analysed, or those that are chosen; no text reaches a tool."""
    ads = [
        {**AD, "JobStatus": 1, "ClusterId": cluster, "ProcId": proc}
        for cluster in (1, 2)
        for proc in (0, 1)
    ]

    def condor_q(call: FakeExec) -> FakeOutcome:
        if "-better-analyze" in call.argv:
            return FakeOutcome()
        if "-af:j" in call.argv:
            return FakeOutcome(stdout="1.0 5\n1.1 5\n2.0 5\n2.1 5\n")
        return FakeOutcome(stdout=json.dumps(ads))

    pool.engine.on_exec(["condor_q"], condor_q)
    pool.engine.on_exec(["condor_status"], lambda _: FakeOutcome())
    client = make_client(real_app)
    client.get("/metrics")  # looks
    client.get("/api/why")
    client.get(
        "/api/why", params={"job": ["ci-submit-1/2.1", "ci-submit-1/$(x)", "x", "other/1.0"]}
    )
    analysed = [call.argv[2:] for call in pool.engine.calls if "-better-analyze" in call.argv]
    assert analysed == [("1.0", "2.0"), ("2.1",)]


def test_methods(client: TestClient) -> None:
    """A link or an image of another site cannot press a button."""
    assert client.get("/act/heal").status_code == 405


def test_submit(here: Path, client: TestClient) -> None:
    """Submitting takes a path, as the command line does, and no file of the browser."""
    answer = client.post("/act/submit", files={"file": here.name.encode()}, headers=headers())
    assert answer.status_code == 400


def test_grafana_asks_for_what_there_is(looks: Looks, client: TestClient) -> None:
    """Every metric in the published Grafana dashboard is one that the page's server gives."""
    looks.now = look(jobs=[job()])
    text = client.get("/metrics").text
    dashboard = json.loads((ROOT / "docs/grafana.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    names = {name for expression in asked for name in re.findall(r"condor_mini_\w+", expression)}
    assert len(names) > 5
    assert [name for name in sorted(names) if f"# TYPE {name} " not in text] == []
