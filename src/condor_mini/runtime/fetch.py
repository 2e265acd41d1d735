"""Downloads from Debian's mirrors, which are resumed when interrupted, and always checked.

Nothing is written to disk: a package is checked in memory and unpacked from there.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from condor_mini._version import __version__
from condor_mini.base.cancellation import unless
from condor_mini.base.errors import RuntimeFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.runtime.lock import Package

MIRROR_VARIABLE = "CONDOR_MINI_DEBIAN_MIRROR"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
"""The mirror in Debian's own sources. It uses http, because digests check what it sends."""
TIMEOUT_S = 20.0
"""Seconds without a byte after which an attempt fails."""
GRACE_S = 30.0
"""Seconds that a download with all its attempts may take, however little has arrived."""
SLOWEST_BYTES_PER_S = 5_000
"""After ``GRACE_S`` a download must be at least as fast as this, on average since it began.

So a mirror can delay a file of N bytes by ``GRACE_S + N / SLOWEST_BYTES_PER_S`` seconds at most,
and a mirror that sends a byte now and then is given up after ``GRACE_S``. A build has eight
parallel downloads, so it needs a line of 40 kB/s.
"""
ATTEMPTS = 3
PAUSE_S = 0.5
LONGEST_INDEX = 200_000_000

_SOURCES = re.compile(
    r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian/?)(?:\s|$)", re.MULTILINE
)

log = logging.getLogger(__name__)


class Unavailable(RuntimeFailed):
    """A mirror does not have a file, or does not answer."""

    def __init__(self, message: str, *, gone: bool) -> None:
        super().__init__(message)
        self.gone = gone
        """Whether the mirror answers and has no such file."""


def mirrors(locked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the base URLs of the mirrors to ask, the best first.

    This is only the mirror in ``MIRROR_VARIABLE`` if that is set. Otherwise it is the mirrors of
    this machine's apt, Debian's default mirror, and the mirrors of the lock.

    Args:
        locked: Mirrors of the lock.

    Raises:
        UsageError: The value of ``MIRROR_VARIABLE`` is not a URL.
    """
    if url := os.environ.get(MIRROR_VARIABLE):
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise UsageError(
                f"{MIRROR_VARIABLE}={url} is not the URL of a mirror",
                hint=f"Set it like this: {MIRROR_VARIABLE}={DEFAULT_MIRROR}",
            )
        return (url.rstrip("/"),)
    return tuple(dict.fromkeys([*_apt_mirrors(), DEFAULT_MIRROR, *locked]))


def _apt_mirrors(apt: Path = Path("/etc/apt")) -> list[str]:
    """Return the mirrors in the sources of this machine's apt, without those for security."""
    found: list[str] = []
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        try:
            text = file.read_text("utf-8", errors="replace")
        except OSError:
            continue
        found += [uri.rstrip("/") for uri in _SOURCES.findall(text)]
    return found


class _Download:
    """A download in progress: what has arrived, and whether it is too slow."""

    def __init__(self, path: str, size: int | None) -> None:
        self.path = path
        self.size = size
        self.data = bytearray()
        self._began = time.monotonic()

    @property
    def is_too_slow(self) -> bool:
        """Whether less has arrived than ``GRACE_S`` and ``SLOWEST_BYTES_PER_S`` require."""
        return self._took_s() > GRACE_S + len(self.data) / SLOWEST_BYTES_PER_S

    def so_far(self) -> str:
        """Return what has arrived as text: ``12 of 4096 bytes of x.deb in 30 s``."""
        of_size = "" if self.size is None else f" of {self.size}"
        name = self.path.rpartition("/")[2]
        return f"{len(self.data)}{of_size} bytes of {name} in {self._took_s():.0f} s"

    def _took_s(self) -> float:
        return time.monotonic() - self._began


class Fetcher:
    """A client that gets each file from the first mirror that has it."""

    def __init__(
        self,
        bases: Sequence[str],
        *,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.bases = tuple(bases)
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._silent: dict[str, str] = {}
        """The failure of each mirror that does not answer or is too slow; none is asked twice."""
        self._stopped = False

    def stop(self) -> None:
        """Cancel the downloads in other threads."""
        self._stopped = True

    def package(self, package: Package, *, refresh: str) -> bytes:
        """Return the contents of a package, which have the digest of the lock.

        Args:
            package: Package of the lock.
            refresh: Command to recommend if no mirror has the package any more.

        Raises:
            RuntimeFailed: No mirror has the package, none sends it in time, or a mirror sent
                contents with another digest.
        """
        name = package.path.rpartition("/")[2]
        failures: list[Unavailable] = []
        for base in self.bases:
            try:
                data = self._get(base, package.path, package.size)
            except Unavailable as failure:
                failures.append(failure)
                continue
            digest = hashlib.sha256(data).hexdigest()
            if digest != package.sha256:
                raise RuntimeFailed(
                    f"{base} sent a wrong {name}: {len(data)} bytes with the SHA-256\n"
                    f"{digest}, and the lock requires\n{package.sha256} ({package.size} bytes)",
                    hint=f"It was discarded. Name another mirror: {MIRROR_VARIABLE}=<URL>",
                )
            return data
        if any(failure.gone for failure in failures):
            raise RuntimeFailed(
                f"no mirror has {name}: a newer version replaced it, or the mirror lags behind\n"
                + _lines(failures),
                hint=f"Use today's versions: {refresh}",
            )
        raise RuntimeFailed(
            f"no mirror of Debian sent {name}:\n{_lines(failures)}",
            hint=f"Check the network, or name another mirror: {MIRROR_VARIABLE}=<URL>. Or install "
            "the runtime without a mirror: pip install condor-mini-runtime",
        )

    def index(self, path: str) -> bytes:
        """Return the contents of a file whose digest is not known yet.

        Args:
            path: Path of the file below a mirror's base URL.

        Raises:
            RuntimeFailed: No mirror has the file, or none sends it in time.
        """
        failures: list[Unavailable] = []
        for base in self.bases:
            try:
                return self._get(base, path, None)
            except Unavailable as failure:
                failures.append(failure)
        raise RuntimeFailed(
            f"no mirror of Debian sent {path}:\n{_lines(failures)}",
            hint=f"Check the network, or name another mirror: {MIRROR_VARIABLE}=<URL>",
        )

    def _get(self, base: str, path: str, size: int | None) -> bytes:
        if base in self._silent:
            raise Unavailable(self._silent[base], gone=False)
        download = _Download(path, size)
        try:
            return unless(
                lambda: self._stopped or download.is_too_slow,
                lambda: self._attempt(base, download),
            )
        except OSError as error:
            if self._stopped:
                raise Unavailable("stopped", gone=False) from None
            reason = f"too slow: {download.so_far()}" if download.is_too_slow else str(error)
        self._silent[base] = f"{base}: {reason}"
        raise Unavailable(self._silent[base], gone=False)

    def _attempt(self, base: str, download: _Download) -> bytes:
        """Return the contents of a file, after up to ``ATTEMPTS`` attempts.

        Raises:
            Unavailable: The mirror has no such file.
            OSError: All attempts failed; says why the last one did.
        """
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                log.debug("%s: %s; %s", base, reason, download.so_far())
                self._sleep(PAUSE_S * attempt)
            try:
                if self._read(f"{base}/{download.path}", download):
                    return bytes(download.data)
                reason = f"the connection ended after {len(download.data)} bytes"
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (404, 410):
                    raise Unavailable(f"{base}: has no {download.path}", gone=True) from None
                reason = f"HTTP status {error.code} {error.reason}"
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    download.data.clear()
            except (OSError, http.client.HTTPException) as error:
                cause = error.reason if isinstance(error, urllib.error.URLError) else error
                reason = str(cause) or type(cause).__name__
            if self._stopped or download.is_too_slow:
                break  # the caller does not wait any more
        raise OSError(reason)

    def _read(self, url: str, download: _Download) -> bool:
        """Read on from the end of the data, and return whether the file is complete."""
        data, size = download.data, download.size
        headers = {"User-Agent": f"condor-mini/{__version__}"}
        if data:
            headers["Range"] = f"bytes={len(data)}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (http and https only)
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
            if data and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                data.clear()
            most = LONGEST_INDEX if size is None else size + 1
            announced = answer.headers.get("Content-Length")
            whole = len(data) + int(announced) if announced and announced.isdigit() else None
            while len(data) < most and (block := answer.read1(256 * 1024)):
                data += block
                if self._stopped or download.is_too_slow:
                    return False
        return len(data) >= (min(whole, most) if whole is not None else size or 1)


def _lines(failures: Sequence[Unavailable]) -> str:
    return "\n".join(f"  {failure.message}" for failure in failures)
