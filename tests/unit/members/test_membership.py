"""Tokens, requests for tokens and the signing key of a pool in memory."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.base.layout import BACKGROUND_SCRIPTS, LABEL, REQUEST_SCRIPTS
from condor_mini.engine import ContainerSpec, FakeOutcome
from condor_mini.members.membership import LONGEST_LIFETIME_S, Members
from condor_mini.nodes.claims import claims_of
from condor_mini.nodes.node import Node, Role
from condor_mini.pool import Pool
from condor_mini.reports.token_requests import TokenRequest
from hand_made import node_labels
from token_nodes import encoded

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes


@pytest.mark.parametrize(
    "labels",
    [
        {f"{LABEL}.role": "evil", f"{LABEL}.pool": "ci"},
        {f"{LABEL}.own-image": "x", f"{LABEL}.one-user": "true"},
        node_labels("ci", "execute", 1),
    ],
    ids=["unknown role", "other users", "execution point"],
)
def test_a_container_that_is_named_is_what_it_says_inside(
    pools: PoolEngine, labels: dict[str, str]
) -> None:
    """Of `--container` the labels do not count, but what the image says in its environment."""
    pools.add_image("theirs", labels=labels)
    pools.start(pools.create(ContainerSpec(image="theirs", name="condormaster")))
    pools.on_exec(["printenv"], lambda _: FakeOutcome(stdout="master\n"))
    asked: list[str | None] = []

    def list_tokens(call: object) -> FakeOutcome:
        asked.append(getattr(call, "user", None))
        return FakeOutcome()

    pools.on_exec(["condor_token_list"], list_tokens)
    domain = FakeOutcome(stdout="domain condor-mini.internal\n")
    pools.on_exec([f"{REQUEST_SCRIPTS}/list-tokens"], lambda _: domain)
    assert Members.of_container("condormaster", engine=pools).tokens() == []
    assert asked == ["root"]


def test_a_container_that_is_no_central_manager(pools: PoolEngine) -> None:
    """One whose labels alone say that it is a central manager is refused."""
    pools.add_image("theirs", labels=node_labels("ci", "master"))
    pools.start(pools.create(ContainerSpec(image="theirs", name="condormaster")))
    pools.on_exec(["printenv"], lambda _: FakeOutcome(returncode=1))
    with pytest.raises(UsageError, match="is not a central manager"):
        Members.of_container("condormaster", engine=pools)


# -- tokens ---------------------------------------------------------------------------------------


@pytest.fixture
def members(nodes: TokenNodes, pools: PoolEngine) -> Members:
    """The members of the pool ``ci``."""
    del nodes
    return Pool(pools, "ci").members


def test_token_has_a_part_for_each_signer(members: Members) -> None:
    """The central manager takes one line of a token, and the access point the other."""
    made = members.create_token()
    parts = made.secret.splitlines()
    assert [claims_of(part)["jti"] for part in parts] == list(made.ids)
    assert (len(parts), made.id) == (2, made.ids[0])


def test_access_points_note_the_central_managers_id(members: Members, nodes: TokenNodes) -> None:
    """All parts of a token are known by the id of the central manager's."""
    made = members.create_token("ada", authorizations=["read"], lifetime_s=60)
    argv = ("ada", "60", "READ")
    assert nodes.given == [("ci-master", *argv), ("ci-submit-1", "--with", made.id, *argv)]


def test_secret_is_in_no_repr(members: Members) -> None:
    """A token that a program prints by mistake shows nothing secret."""
    assert "SIGNATURE" not in repr(members.create_token())


@pytest.mark.parametrize("lifetime_s", [0, -1, LONGEST_LIFETIME_S + 1])
def test_lifetime_that_is_none_is_refused(
    members: Members, nodes: TokenNodes, lifetime_s: int
) -> None:
    """A token lives for a second at least and a century at most."""
    with pytest.raises(UsageError, match="a token's lifetime must be 1 to"):
        members.create_token(lifetime_s=lifetime_s)
    assert nodes.given == []


@pytest.mark.parametrize("lifetime_s", [1, LONGEST_LIFETIME_S])
def test_lifetime_within_the_limits_is_given(members: Members, lifetime_s: int) -> None:
    """The token says when it expires."""
    assert members.create_token(lifetime_s=lifetime_s).expires_at is not None


def test_token_needs_every_access_point(
    members: Members, nodes: TokenNodes, pools: PoolEngine
) -> None:
    """A token that one access point would not take is not created at all."""
    pools.end("ci-submit-1", exit_code=3, log="")
    with pytest.raises(PoolNotReady, match="ci-submit-1 has ended with 3"):
        members.create_token()
    assert nodes.given == []


def test_tokens_need_the_central_manager(members: Members, pools: PoolEngine) -> None:
    """Nobody else knows which tokens there are."""
    pools.remove("ci-master")
    with pytest.raises(PoolNotReady, match="the central manager of the pool ci was removed"):
        members.tokens()


def test_script_that_fails_is_an_error(members: Members, pools: PoolEngine) -> None:
    """What a node's script says when it fails is in the error."""
    failed = FakeOutcome(returncode=1, stderr="all tokens of ada are revoked\n")
    pools.on_exec([f"{REQUEST_SCRIPTS}/create-token"], lambda _: failed)
    with pytest.raises(CondorMiniError, match="create-token on ci-master ended with 1: all tokens"):
        members.create_token("ada")


def test_central_manager_revokes_last(members: Members, nodes: TokenNodes) -> None:
    """Whoever is inside must come in again, and by then every access point refuses the token."""
    made = members.create_token()
    nodes.given.clear()
    members.revoke([made.id], identities=["ada@far.example"], force=True)
    assert [given[:2] for given in nodes.given] == [
        ("ci-submit-1", "jti"),
        ("ci-submit-1", "sub"),
        ("ci-master", "jti"),
        ("ci-master", "sub"),
    ]


def test_nodes_send_their_ads_to_the_new_collector(members: Members, pools: PoolEngine) -> None:
    """A revocation restarts the collector; a node that has ended is left alone."""
    asked: list[str] = []

    def reconfigure(call: FakeExec) -> FakeOutcome:
        asked.append(call.container)
        return FakeOutcome()

    pools.on_exec(["condor_reconfig"], reconfigure)
    made = members.create_token()
    members.revoke([made.id])
    assert sorted(asked) == ["ci-execute-1", "ci-submit-1"]
    asked.clear()
    pools.end("ci-execute-1", exit_code=0, log="")
    members.revoke([made.id])
    assert asked == ["ci-submit-1"]


def test_revocation_tells_whether_it_is_new(members: Members) -> None:
    """The same token can be revoked twice, and the second time says so."""
    made = members.create_token()
    ((first,), (second,)) = (members.revoke([made.id]) for _ in range(2))
    assert (first.was_revoked, second.was_revoked) == (False, True)


def test_one_unknown_id_revokes_nothing(members: Members, nodes: TokenNodes) -> None:
    """All that is named is looked up before anything is revoked."""
    made = members.create_token()
    with pytest.raises(NotFound, match="knows no token 'nope'"):
        members.revoke([made.id, "nope"])
    assert not any(nodes.revoked.values())


# -- requests -------------------------------------------------------------------------------------

ADS = [
    {
        "RequestId": 4711,
        "ClientId": "there-42",
        "PeerLocation": "172.18.0.9",
        "RequestedIdentity": "condor@there",
        "LimitAuthorization": "ADVERTISE_STARTD, ADVERTISE_MASTER",
    },
    {"RequestId": 12},
]


@pytest.fixture
def approved(pools: PoolEngine) -> list[str]:
    """The ids that were approved; two requests wait."""
    approved: list[str] = []

    def approve(call: FakeExec) -> FakeOutcome:
        assert (call.argv[1], call.user, call.stdin) == ("-reqid", "root", "yes\n")
        approved.append(call.argv[2])
        return FakeOutcome()

    pools.on_exec(["condor_token_request_list"], lambda _: FakeOutcome(stdout=json.dumps(ADS)))
    pools.on_exec(["condor_token_request_approve"], approve)
    return approved


@pytest.mark.usefixtures("approved")
def test_requests_are_what_the_collector_says(members: Members) -> None:
    """A request has its number, who asks, from where, as whom, and for which rights."""
    assert members.requests()[0] == TokenRequest(
        id="4711",
        client="there-42",
        address="172.18.0.9",
        identity="condor@there",
        authorizations=("ADVERTISE_STARTD", "ADVERTISE_MASTER"),
    )


@pytest.mark.usefixtures("approved")
def test_request_that_says_little_is_empty(members: Members) -> None:
    """What a request leaves out is empty, and asks for no limits."""
    sparse = members.requests()[1]
    assert (sparse.client, sparse.address, sparse.authorizations) == ("", "", ())


def test_no_request_is_an_empty_list(members: Members, pools: PoolEngine) -> None:
    """HTCondor's tool prints nothing where nobody has asked."""
    pools.on_exec(["condor_token_request_list"], lambda _: FakeOutcome())
    assert members.requests() == []


def test_collector_that_tells_no_requests(members: Members, pools: PoolEngine) -> None:
    """A collector that does not answer is an error, in its words."""
    silent = FakeOutcome(returncode=1, stderr="failed to connect\n")
    pools.on_exec(["condor_token_request_list"], lambda _: silent)
    with pytest.raises(PoolNotReady, match="list failed on ci-master: failed to connect"):
        members.requests()


def test_all_requests_are_approved(members: Members, approved: list[str]) -> None:
    """Without ids everybody who waits is let in."""
    assert [request.id for request in members.approve()] == approved == ["4711", "12"]


def test_requests_are_approved_in_the_order_of_the_ids(
    members: Members, approved: list[str]
) -> None:
    """An id that is named twice is approved once."""
    members.approve(["12", "4711", "12"])
    assert approved == ["12", "4711"]


def test_no_id_approves_nobody(members: Members, approved: list[str]) -> None:
    """An empty list of ids is not everybody."""
    assert (members.approve([]), approved) == ([], [])


def test_unknown_request_approves_nobody(members: Members, approved: list[str]) -> None:
    """The error says which requests wait, and those that are named beside it still do."""
    with pytest.raises(NotFound, match=r"there is no token request 99; pending requests: 4711, 12"):
        members.approve(["12", "99"])
    assert approved == []


@pytest.mark.usefixtures("approved")
def test_approval_that_fails_is_an_error(members: Members, pools: PoolEngine) -> None:
    """What HTCondor says of it is in the message."""
    failed = FakeOutcome(returncode=1, stderr="request has expired\n")
    pools.on_exec(["condor_token_request_approve"], lambda _: failed)
    with pytest.raises(CondorMiniError, match="the request 4711 was not approved: request has exp"):
        members.approve()


# -- the signing key ------------------------------------------------------------------------------

NODE_TOKEN = "/etc/condor/tokens.d/node"  # noqa: S105 (where it is, not what it is)


@pytest.fixture
def ran(members: Members, pools: PoolEngine) -> list[tuple[str, ...]]:
    """The scripts for a new key that were run: the node, the script, its arguments."""
    del members
    ran: list[tuple[str, ...]] = []

    def note(call: FakeExec) -> FakeOutcome:
        assert call.user == "root"
        ran.append((call.container, call.argv[0].rpartition("/")[2], *call.argv[1:]))
        return FakeOutcome()

    for script in (f"{REQUEST_SCRIPTS}/rotate-key", f"{BACKGROUND_SCRIPTS}/renew-tokens"):
        pools.on_exec([script], note)
    return ran


def test_signers_get_a_new_key(members: Members, ran: list[tuple[str, ...]]) -> None:
    """The central manager and the access point make keys; the latter's users get new tokens."""
    members.rotate_key()
    assert ran == [
        ("ci-master", "rotate-key"),
        ("ci-submit-1", "rotate-key"),
        ("ci-submit-1", "renew-tokens", "users"),
    ]


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("name", ["ci-submit-1", "ci-execute-1"])
def test_nodes_get_new_tokens(members: Members, pools: PoolEngine, name: str) -> None:
    """The tokens that the old key has signed are replaced on every other node."""
    before = pools.files(name)[NODE_TOKEN].content
    members.rotate_key()
    assert pools.files(name)[NODE_TOKEN].content != before


@pytest.mark.usefixtures("ran")
def test_node_that_does_not_run_gets_a_token_too(members: Members, pools: PoolEngine) -> None:
    """An execution point that is stopped finds its new token when it is started again."""
    before = pools.files("ci-execute-1")[NODE_TOKEN].content
    pools.stop("ci-execute-1", timeout_s=1)
    with suppress(PoolNotReady):
        members.rotate_key(timeout_s=0)
    assert pools.files("ci-execute-1")[NODE_TOKEN].content != before


@pytest.mark.usefixtures("ran")
def test_node_that_does_not_come_back_is_told(members: Members, pools: PoolEngine) -> None:
    """A node whose daemons are missing at the deadline is named."""
    pools.lacking["ci-execute-1"] = "STARTD is not running"
    with pytest.raises(PoolNotReady, match="ci-execute-1 says: STARTD is not running"):
        members.rotate_key(timeout_s=0)


def test_key_stays_while_an_access_point_is_stopped(
    members: Members, pools: PoolEngine, ran: list[tuple[str, ...]]
) -> None:
    """A pool of which a signer does not run keeps its key: one half would not know the other."""
    pools.end("ci-submit-1", exit_code=0, log="")
    with pytest.raises(PoolNotReady, match="ci-submit-1 has ended"):
        members.rotate_key()
    assert ran == []


def test_key_of_a_container_alone_stays(pools: PoolEngine) -> None:
    """Of a central manager without a pool nobody knows who else needs a new token."""
    pools.start(pools.create(ContainerSpec(image="condor-master:25", name="cm")))
    pools.on_exec(["printenv"], lambda _: FakeOutcome(stdout="master\n"))
    with pytest.raises(UsageError, match="cm is not part of a pool of condor-mini"):
        Members.of_container("cm", engine=pools).rotate_key()


@pytest.fixture
def join_argv(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What create-join-token was given; the pool counts as one that other hosts reach."""
    given: list[tuple[str, ...]] = []
    claims = {"jti": "d" * 32, "sub": "join-1@execute.condor-mini.internal", "exp": 4_000_000_000}

    def create(call: FakeExec) -> FakeOutcome:
        given.append((call.container, *call.argv[1:], call.environment["TOKEN_DESCRIPTION"]))
        return FakeOutcome(stdout=f"{encoded({**claims, 'scope': 'condor:/ADVERTISE_STARTD'})}\n")

    pools.on_exec([f"{REQUEST_SCRIPTS}/create-join-token"], create)
    monkeypatch.setattr(Node, "exposed_at", "cm:9618")
    return given


def test_join_token_is_one_line_of_the_central_manager(
    members: Members, join_argv: list[tuple[str, ...]]
) -> None:
    """Access points take no part in it."""
    made = members.create_join_token(Role.EXECUTION_POINT, uses=10, lifetime_s=60)
    words = '"joins 10 execution points"'
    assert join_argv == [("ci-master", "execute", "10", "60", words)]
    assert len(made.secret.splitlines()) == 1
    assert (made.ids, made.authorizations) == (("d" * 32,), ("ADVERTISE_STARTD",))


@pytest.mark.parametrize(
    ("role", "numbers"),
    [
        (Role.CENTRAL_MANAGER, {}),
        (Role.EXECUTION_POINT, {"uses": 0}),
        (Role.ACCESS_POINT, {"lifetime_s": 0}),
        (Role.ACCESS_POINT, {"uses": 10**9}),
    ],
)
def test_join_token_that_is_none_is_refused(
    members: Members, join_argv: list[tuple[str, ...]], role: Role, numbers: dict[str, int]
) -> None:
    """Nothing is asked of the central manager."""
    with pytest.raises(UsageError):
        members.create_join_token(role, **numbers)
    assert join_argv == []


def test_pool_that_nobody_reaches_gives_no_join_token(members: Members) -> None:
    """It says which pools do."""
    with pytest.raises(UsageError, match="no other host reaches the pool ci") as refused:
        members.create_join_token(Role.EXECUTION_POINT)
    assert "create --expose HOST" in str(refused.value.hint)
