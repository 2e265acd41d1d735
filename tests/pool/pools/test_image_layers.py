"""That no image brings a secret, in any layer, also where a later one has removed the file."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tarfile
import uuid
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import pytest

from condor_mini.engine import BuildSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from condor_mini.engine import ImageBuilder

pytestmark = pytest.mark.pool_engines("docker", reason="its images have layers")

OURS = [f"condor-{role}:25" for role in ("base", "mini", "master", "submit", "execute")]
SECRETS = {
    # Programs have such lines too, to write or to look for; never with a key below.
    "private key": re.compile(
        rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[rn])+"
        rb"(?:[A-Za-z-]+: [^\r\n]*[\r\n]+)*\s*[A-Za-z0-9+/]{40}"
    ),
    "token": re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
}
KEPT = re.compile(r"(?:^|/)(?:passwords\.d|tokens\.d)/[^/]+$|(?:^|/)(?:POOL|pool_password)$")
"""Where HTCondor has keys and tokens. A signing key is any bytes: only its place tells."""
PUBLISHED = re.compile(r"usr/lib/[^/]+/libgnutls\.so\.[\d.]+: private key")
"""Keys of its self-tests, the same in every Debian."""
CHUNK = 1 << 20
LONGEST = 1 << 13
"""In bytes: so much of a secret is found also where it begins in one chunk and ends in the next."""


@dataclass
class Search:
    """What was searched, and found."""

    layers: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)

    def images(self, *names: str) -> Search:
        """Search all that makes up these images, as it is read: a layer that they share once."""
        argv = ["docker", "save", *names]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            with tarfile.open(fileobj=saving.stdout, mode="r|", bufsize=CHUNK) as tar:
                for member in tar:
                    if file := tar.extractfile(member) if member.isreg() else None:
                        self._part(member.name, file)
        assert saving.returncode == 0
        return self

    def _part(self, name: str, file: IO[bytes]) -> None:
        head = file.peek(512)[:512]  # type: ignore[attr-defined]  # it is an io.BufferedReader
        if head[257:262] != b"ustar" and head[:2] != b"\x1f\x8b" and not name.endswith(".tar"):
            self._bytes(name, file)
            return
        assert name not in self.layers
        self.layers.add(name)
        with tarfile.open(fileobj=file, mode="r|*", bufsize=CHUNK) as layer:
            for member in layer:
                if content := layer.extractfile(member) if member.isreg() else None:
                    if KEPT.search(member.name):
                        self.found.append(f"{member.name}: kept where secrets are")
                    self._bytes(member.name, content)

    def _bytes(self, name: str, file: IO[bytes]) -> None:
        before = b""
        while chunk := file.read(CHUNK):
            window = before + chunk
            for what, pattern in SECRETS.items():
                if pattern.search(window) and (line := f"{name}: {what}") not in self.found:
                    self.found.append(line)
            before = window[-LONGEST:]


def layers(*names: str) -> set[str]:
    """The layers of images, by the engine's record."""
    told = subprocess.run(
        ["docker", "inspect", *names], capture_output=True, check=True, timeout=60
    ).stdout
    return {layer for image in json.loads(told) for layer in image["RootFS"]["Layers"]}


def test_no_layer_brings_a_secret() -> None:
    """The bytes of all layers, and the images' records, have neither a token nor a key."""
    search = Search().images(*OURS)
    assert [line for line in search.found if not PUBLISHED.fullmatch(line)] == []
    assert len(search.layers) >= len(layers(*OURS))


def pem(kind: str, lines: Sequence[str]) -> bytes:
    """A key as OpenSSL writes it; of no use to anybody."""
    body = base64.encodebytes(bytes(range(96))).decode().splitlines()
    edge = f"{kind} KEY-----"
    return "\n".join([f"-----BEGIN {edge}", *lines, *body, f"-----END {edge}", ""]).encode()


TOKEN = b".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=")
    for part in (b'{"alg":"HS256","kid":"POOL"}', b'{"sub":"condor@pool"}', bytes(32))
)
PLACES = {
    "srv/token": (b"x" * (CHUNK - 20) + TOKEN + b"y" * CHUNK, "token"),
    "srv/key": (b"x\n" + pem("PRIVATE", []), "private key"),
    "srv/old": (
        pem("RSA PRIVATE", ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES,1", ""]),
        "private key",
    ),
    "srv/conf.json": (pem("EC PRIVATE", []).replace(b"\n", rb"\n"), "private key"),
    "etc/condor/passwords.d/POOL": (bytes(range(64)), "kept where secrets are"),
    "etc/condor/tokens.d/node": (b"\n", "kept where secrets are"),
}
HARMLESS = {
    "srv/library": b"-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----\0",
    "srv/public": pem("PUBLIC", []),
    "srv/header": TOKEN.partition(b".")[0],
}


@pytest.fixture
def build(pool_engine: ImageBuilder, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes an image of these files, by a Dockerfile; its name."""
    name = f"condor-mini-test-layers:{uuid.uuid4().hex[:12]}"

    def made(dockerfile: str) -> str:
        files = {**{path: content for path, (content, _) in PLACES.items()}, **HARMLESS}
        for path, content in files.items():
            place = tmp_path / "files" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            later = tmp_path / "later" / path
            later.parent.mkdir(parents=True, exist_ok=True)
            later.touch()
        (tmp_path / "Dockerfile").write_text(dockerfile)
        pool_engine.build(BuildSpec(context=tmp_path, tags=(name,)), on_line=lambda _: None)
        return name

    yield made
    pool_engine.remove_image(name)


def test_secrets_that_were_there_are_found(build: Callable[[str], str]) -> None:
    """Each kind is found in its layer though a later one has another file there; nothing else."""
    search = Search().images(build("FROM scratch\nCOPY files /\nCOPY later /\n"))
    expected = {f"{path}: {what}" for path, (_, what) in PLACES.items()}
    assert set(search.found) == expected


def test_secret_in_a_record_is_found(build: Callable[[str], str]) -> None:
    """A token in a variable or label stands in the image's record."""
    search = Search().images(build(f"FROM scratch\nENV T={TOKEN.decode()}\nCOPY later /srv/\n"))
    assert [line for line in search.found if line.endswith("json: token")]
