"""The files that a container of the user's own image gets before its start.

They are the scripts and the configuration that our own images have, and the accounts. The image
itself stays unchanged.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound
from condor_mini.base.layout import CONFIG_DIRECTORY, LIBEXEC, USER_IDS
from condor_mini.engine import ImageComposer
from condor_mini.nodes.accounts import with_accounts
from condor_mini.nodes.certificates import DEFAULT_BUNDLE, default_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from condor_mini.engine import Engine

_NSSWITCH = b"passwd: files\ngroup: files\nhosts: files dns\n"
"""``/etc/nsswitch.conf`` for an image that has none.

Without it glibc asks name servers first, even for the node's own name.
"""
_SERVICES = b"http 80/tcp\nhttps 443/tcp\n"
"""``/etc/services`` for an image that has none: curl_plugin dies by a signal without ``http``.

HTCondor frees an address that was never found (multifile_curl_plugin.cpp, InitializeStats).
"""
_CONFIG = CONFIG_DIRECTORY.lstrip("/")


def contents(
    engine: Engine, container: str, *, role: str, user: tuple[int, int] = USER_IDS
) -> dict[str, bytes]:
    """Return the files to copy into a container of the user's image before its start, by path.

    Paths have no leading slash. The pool's secrets and configuration are not among the files.

    Args:
        engine: Engine that has the container.
        container: Name or id of a created container.
        role: Name of the node's role: ``execute``, ``submit`` or ``mini``.
        user: UID and GID of ``jovyan``.
    """
    passwd, group = with_accounts(
        _text(engine, container, "/etc/passwd"), _text(engine, container, "/etc/group"), user
    )
    found = {"etc/passwd": _bytes(passwd), "etc/group": _bytes(group)}
    if not _text(engine, container, "/etc/nsswitch.conf"):
        found["etc/nsswitch.conf"] = _NSSWITCH
    if not _text(engine, container, "/etc/services"):
        found["etc/services"] = _SERVICES
    if not _text(engine, container, DEFAULT_BUNDLE):
        found |= default_bundle()
    return {**found, **_shipped(role)}


def more_contents(
    engine: Engine,
    container: str,
    *,
    role: str,
    own_image: bool,
    user: tuple[int, int] = USER_IDS,
) -> dict[str, bytes]:
    """Return the files that a container gets before its start because its image lacks them.

    Args:
        engine: Engine that has the container.
        container: Name or id of a created container.
        role: Name of the node's role: ``execute``.
        own_image: Whether it has an image of the user's own.
        user: UID and GID of ``jovyan``.
    """
    if own_image:
        return contents(engine, container, role=role, user=user)
    # A composed image has only what the runtime has.
    return default_bundle() if isinstance(engine, ImageComposer) else {}


def _shipped(role: str) -> dict[str, bytes]:
    """Return our own images' scripts and configuration, with our shell at its path here."""
    folder = files("condor_mini").joinpath("images")
    own = folder.joinpath("own-image")
    configuration = [
        *folder.joinpath("condor-base/config.d").iterdir(),
        folder.joinpath(f"condor-{role}/20-role-{role}"),
        own.joinpath("35-own-image"),
    ]
    shipped = {f"{_CONFIG}/{file.name}": file.read_bytes() for file in configuration}
    shipped["etc/condor/condor_config"] = own.joinpath("condor_config").read_bytes()
    for source in (folder.joinpath("condor-base/libexec"), own.joinpath("libexec")):
        for path, data in _below(source):
            shipped[f"{LIBEXEC.lstrip('/')}/{path}"] = _with_our_shell(data)
    return shipped


def _below(folder: Traversable, at: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{at}{entry.name}/")
        else:
            yield f"{at}{entry.name}", entry.read_bytes()


def _with_our_shell(script: bytes) -> bytes:
    return re.sub(rb"\A#!/bin/sh$", f"#!{LIBEXEC}/sh".encode(), script, flags=re.MULTILINE)


def _text(engine: Engine, container: str, path: str) -> str:
    """Return a file's text, empty if there is no such file; it may be in any encoding."""
    with suppress(NotFound):
        return engine.copy_out(container, path).decode("utf-8", "surrogateescape")
    return ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
