"""What is a secret is not shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_mini.base.errors import CommandFailed
from condor_mini.base.redaction import is_secret_file, redact, redact_argv, redact_bytes

TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6IlBPT0wifQ.eyJpc3MiOiJ4IiwiZXhwIjoxN30.abc-_DEF123"  # noqa: S105
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc==\n-----END RSA PRIVATE KEY-----"
CLAIM = '<10.0.0.4:9618?addrs=x&sock=y>#1795254945#8#[Integrity="YES";]06d3e8fed7'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TOKEN, "REDACTED"),
        (f"token is {TOKEN}.", "token is REDACTED."),
        (f"?t=x%3D{TOKEN}&a=b", "?t=x%3DREDACTED&a=b"),
        (f"before\n{KEY}\nafter", "before\nREDACTED\nafter"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow", "REDACTED"),
        (CLAIM, "<10.0.0.4:9618?addrs=x&sock=y>#1795254945#8#REDACTED"),
        ('ClaimId = "<1.2.3.4:5>#6#7#abc"', "ClaimId = REDACTED"),
        ('TransferKey = "1#abc"', "TransferKey = REDACTED"),
        ("DB_PASSWORD=hunter2 X=1", "DB_PASSWORD=REDACTED X=1"),
        ("DB_PASSWORD='a b' X=1", "DB_PASSWORD=REDACTED X=1"),
        ("'API_KEY=a b' X=1", "'API_KEY=REDACTED' X=1"),
        ('Env = "A=1;MY_SECRET=x;B=2"', 'Env = "A=1;MY_SECRET=REDACTED;B=2"'),
        ('"a": 1, "GH_TOKEN": "x\\"y", "b": 2', '"a": 1, "GH_TOKEN": "REDACTED", "b": 2'),
        ("MY_PASSWORD = hunter2", "MY_PASSWORD = REDACTED"),
        ("  MY_PASSWORD: hunter2", "  MY_PASSWORD: REDACTED"),
        ("SCHEDD.MY_SECRET = a/b", "SCHEDD.MY_SECRET = REDACTED"),
        ("http://ada:pw@proxy:3128/", "http://ada:REDACTED@proxy:3128/"),
    ],
)
def test_secret(text: str, expected: str) -> None:
    """Tokens, keys, claims and values of variables that sound secret are replaced, no more."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11/21/26 06:50:04 Initial update sent to collector(s)",
        "AUTH_SSL_SERVER_KEYFILE = /etc/condor/hostkey.pem",
        "SEC_TOKEN_SYSTEM_DIRECTORY = $(ETC)/tokens.d",
        "USE_KEYRING_SESSIONS = false",
        'PublicClaimId = "<10.0.0.4:9618?sock=y>#1795254945#2#..."',
        "MyAddress = <10.0.0.4:9618?addrs=10.0.0.4-9618&alias=x&sock=startd_45>",
        "DAEMON_LIST = MASTER STARTD",
        "NUM_CPUS=4",
    ],
)
def test_harmless(text: str) -> None:
    """What says something about the pool stays."""
    assert redact(text) == text


@given(st.text())
def test_twice_is_once(text: str) -> None:
    """What is redacted has nothing more to redact."""
    assert redact(redact(text)) == redact(text)


@given(
    st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet=st.characters(codec="utf-8"))
)
def test_token_never_passes(before: str, after: str) -> None:
    """Whatever is around it."""
    assert TOKEN not in redact(before + TOKEN + after)


@given(st.binary())
def test_bytes_that_are_no_text(content: bytes) -> None:
    """A file need not be text to be taken."""
    assert isinstance(redact_bytes(content), bytes)


def test_bytes_without_secrets_are_the_same() -> None:
    """Nothing is lost of what is no text."""
    assert redact_bytes(b"\xff\x00 log \xfe\n") == b"\xff\x00 log \xfe\n"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["docker", "rm", "a b"], "docker rm 'a b'"),
        (["x", "--env", "MY_TOKEN=a b=c"], "x --env MY_TOKEN=REDACTED"),
        (["x", "--env=MY_TOKEN=a b"], "x --env=MY_TOKEN=REDACTED"),
        (["x", "--password=a=b"], "x --password=REDACTED"),
        (["x", "--password", "hunter2"], "x --password REDACTED"),
        (["x", "--label", "io.condor-mini.kind=pool"], "x --label io.condor-mini.kind=pool"),
        (["x", "--label", 's={"A_KEY": "q"}'], 'x --label \'s={"A_KEY": "REDACTED"}\''),
    ],
)
def test_command_line(argv: list[str], expected: str) -> None:
    """It can be pasted, with the secret to be filled in."""
    assert redact_argv(argv) == expected


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("log/StartLog", False),
        ("log/.startd_claim_id.slot1", True),
        ("passwords.d/POOL", True),
        ("etc/tokens.d/x/y", True),
    ],
)
def test_secret_file(path: str, secret: bool) -> None:
    """Files that are secrets as a whole are known by their names."""
    assert is_secret_file(path) is secret


def test_error_is_redacted() -> None:
    """A failed command's error shows neither its own secrets nor those on stderr."""
    error = CommandFailed(["docker", "run", "-e", "A_TOKEN=abc"], 1, f"bad {TOKEN}")
    assert str(error) == "docker run -e A_TOKEN=REDACTED\nended with 1: bad REDACTED"


@pytest.mark.parametrize("piece", ["A", "eyJ", "KEY=", '"a":"', "<", "://", "'a=", "\\", " "])
def test_long_line_takes_no_time(piece: str) -> None:
    """A megabyte without a line's end does not make it hang."""
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 5


def test_failed_command_shows_the_beginning_of_its_arguments() -> None:
    """Of a page of arguments a person needs the beginning, and what the command said."""
    error = CommandFailed(["docker", "create", *[f"--label={n}" for n in range(99)]], 1, "bad CPUs")
    first, last = str(error).splitlines()
    assert (first.startswith("docker create --label=0 "), first.endswith(" ...")) == (True, True)
    assert (len(first) < 130, last) == (True, "ended with 1: bad CPUs")
