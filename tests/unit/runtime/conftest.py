"""Tiny packages, a lock of them, and a mirror on 127.0.0.1 that can misbehave."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.cli import main
from condor_mini.runtime import Store, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MODES = {"gz": "w:gz", "xz": "w:xz"}


def ar(*members: tuple[str, bytes]) -> bytes:
    """An ar archive."""
    out = b"!<arch>\n"
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def deb(*members: tuple[tarfile.TarInfo, bytes] | tarfile.TarInfo, packed: str = "xz") -> bytes:
    """A Debian package."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode=MODES[packed]) as archive:  # type: ignore[call-overload]
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return ar(
        ("debian-binary", b"2.0\n"), ("control.tar.xz", b""), (f"data.tar.{packed}", tar.getvalue())
    )


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    """A member of a package, set-user-ID."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, to, 0o4755
    return info


class Slow(Enum):
    """What a mirror sends a byte at a time, or not at all."""

    NOTHING = ""
    HEADERS = "HTTP/1.1 200 OK\r\nX-Slow: "
    BODY = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


class Mirror:
    """What is on it, and how it misbehaves."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cuts: dict[str, int] = {}
        """How many times yet a path's answer ends half-way."""
        self.asked: list[tuple[str, str | None]] = []
        """Each path, and the range of it."""
        self.status = 0
        """For every path, if not 0."""
        self.slow: dict[str, Slow] = {}
        """Paths that are sent too slowly, for as long as the test lasts."""
        self.over = threading.Event()
        """Set when the test is over."""
        self.url = ""


def _handler(mirror: Mirror) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, wanted = self.path.lstrip("/"), self.headers["Range"]
            mirror.asked.append((path, wanted))
            if path in mirror.slow:
                self.send_slowly(mirror.slow[path])
                return
            data = mirror.files.get(path)
            if data is None or mirror.status:
                self.send_error(mirror.status or 404)
                return
            begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            data = data[begin:]
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if mirror.cuts.get(path, 0):
                mirror.cuts[path] -= 1
                data = data[: len(data) // 2]
            self.wfile.write(data)

        def send_slowly(self, how: Slow) -> None:
            self.wfile.write(how.value.encode())
            while not mirror.over.wait(0.02):
                if how is not Slow.NOTHING:
                    try:
                        self.wfile.write(b"x")
                    except OSError:
                        return

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            pass

    return Handler


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that condor-mini is configured to use."""
    made = Mirror()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("CONDOR_MINI_DEBIAN_MIRROR", made.url)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "PAUSE_S", 0.0)
    yield made
    made.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The user's runtimes: none yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store()


@pytest.fixture
def locked(store: Store, mirror: Mirror) -> dict[str, Any]:
    """A lock of two tiny packages, newer than any; as it is in the user's cache."""
    packages = {
        "condor": deb(
            member("./usr", tarfile.DIRTYPE),
            (member("./usr/bin/condor_version"), b"a program\n"),
            (member("./usr/share/man/man1/condor.1.gz"), b"left out"),
        ),
        "libc6": deb(
            (member("./lib/libc.so.6.1"), b"ELF" * 1000),
            member("./lib/libc.so.6", tarfile.SYMTYPE, "libc.so.6.1"),
            packed="gz",
        ),
    }
    said: dict[str, Any] = {
        "format": 1,
        "series": "25",
        "architecture": "amd64",
        "version": "25.14.1+dfsg-1",
        "date": "29990101T000000Z",
        "signed": True,
        "mirrors": [],
        "packages": [],
    }
    for name, data in packages.items():
        path = f"pool/main/{name}_1.deb"
        mirror.files[path] = data
        sha256 = hashlib.sha256(data).hexdigest()
        said["packages"].append(
            {"name": name, "version": "1", "path": path, "size": len(data), "sha256": sha256}
        )
    write_lock(store, said)
    return said


def write_lock(store: Store, said: dict[str, Any]) -> None:
    """Make it the user's own lock."""
    store.directory.mkdir(parents=True, exist_ok=True)
    (store.directory / "lock-25-amd64.json").write_text(json.dumps(said))


@pytest.fixture
def condor_mini(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """``condor-mini runtime ARGUMENTS`` on an amd64: status, stdout, stderr."""
    del store

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["condor-mini", "runtime", *arguments])
        monkeypatch.setattr("condor_mini.cli.program.signal.signal", lambda *_: None)
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run
