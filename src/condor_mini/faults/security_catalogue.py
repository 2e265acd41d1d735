"""The faults of tokens and keys by their names; ``security.py`` has how they are made."""

from __future__ import annotations

from condor_mini.faults.fault import Fault, Strikes

_ASKS = (
    "After two minutes the node asks for another token, and waits for approval (condor-mini "
    "approve). Jobs that run go on."
)

SECURITY_FAULTS = (
    Fault(
        name="revoke-token",
        strikes=Strikes.NODE,
        what="The token of a node is revoked, as one that was stolen, and the collector is started "
        "again, so that all authenticate anew. The node is refused: its ads do not come back, and "
        f"it gets no jobs. {_ASKS}",
        seen="the node's ads leave the collector; its logs: 'authentication failed'; token list: "
        "revoked",
        undone_by="a new token",
        concerns_all=True,
    ),
    Fault(
        name="steal-token",
        strikes=Strikes.NODE,
        what="Somebody on another node has a copy of a node's token, and advertises with it a "
        "machine or a schedd that does not exist, to which no job is sent. What the token is not "
        "limited to is refused, and so are the queues of the access points, which take no node's "
        "token. The heal gives the node another token, revokes the stolen one and starts the "
        "collector again; then the thief tries once more, and is refused.",
        seen="condor_status (-schedd): thief-of-NODE, AuthenticatedIdentity is the node's; "
        "CollectorLog: 'limited authorization'; SchedLog and, after the heal, CollectorLog: "
        "'Failed to authenticate'; token list: revoked",
        undone_by="a new token; the stolen one is revoked",
        concerns_all=True,
        outlives_node=True,
    ),
    Fault(
        name="expire-token",
        strikes=Strikes.NODE,
        what="The token of a node is replaced by one that has expired, and the collector is "
        f"started again, so that all authenticate anew. The node is refused. {_ASKS}",
        seen="the node's ads leave the collector; its logs: 'authentication failed'; token list: "
        "expired",
        undone_by="a new token",
        concerns_all=True,
    ),
    Fault(
        name="lose-key",
        strikes=Strikes.NODE,
        what="The signing key of the central manager is replaced, and no node gets a new token: "
        f"all are refused, and tokens that were created before are good for nothing. {_ASKS}",
        seen="all ads but the central manager's own leave the collector; logs: 'authentication "
        "failed'",
        undone_by="new tokens for all nodes",
        concerns_all=True,
        outlives_node=True,
    ),
)
