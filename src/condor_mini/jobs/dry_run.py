"""What a submit file is about to name, and whether an access point has it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.jobs.tracking import SUBMIT_TIMEOUT_S, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from condor_mini.engine import CommandResult
    from condor_mini.jobs.staging import Staging

INPUTS = {
    "cmd": "executable",
    "in": "input",
    "transferinput": "transfer_input_files",
    "x509userproxy": "x509userproxy",
}
OUTPUTS = {
    "out": "output",
    "err": "error",
    "userlog": "log",
    "transferoutputremaps": "transfer_output_remaps",
}
NEEDED = {"iwd", "transferexecutable", *INPUTS, *OUTPUTS}
"""Attributes in a job's ad, and the commands of a submit file that make them."""
UNPACED = ("-append", "max_materialize =", "-append", "max_idle =")
"""Without these commands all jobs are made at once, and are seen."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A path that a submit file names."""

    command: str
    path: str
    """Absolute, in the access point."""
    is_input: bool


def check_paths(
    staging: Staging, file: str, arguments: Sequence[str], *, outside: Mapping[str, str]
) -> None:
    """Refuse a submit file that names files which are neither in its directory nor in the node.

    Args:
        staging: The directory in the access point.
        file: The submit file.
        arguments: condor_submit's own.
        outside: Links of the directory that lead out of it: their names, and where they lead.

    Raises:
        UsageError: It does; says which.
        JobFailed: condor_submit refuses it; its own words.
    """
    itself = Named(command="submit file", path=f"{staging.path}/{file}", is_input=True)
    _check_links(staging, file, [itself], outside)
    all_named = [
        found
        for ad in _ads(staging, file, arguments, outside)
        for found in _named(ad, staging.path)
    ]
    _check_links(staging, file, all_named, outside)
    named = {
        found.path: found
        for found in all_named
        if not PurePosixPath(found.path).is_relative_to(staging.path)
    }
    there = _existing(staging, [path for path, found in named.items() if found.is_input])
    problems = []
    for path, found in named.items():
        if path in there or path == "/dev/null":
            continue
        # In a mount it stays, or is seen elsewhere; anywhere else it would be lost with the pool.
        if not found.is_input and _is_mounted(staging, path):
            continue
        shown = _shown(path, staging)
        problems.append(f"{found.command}: {shown} is outside {staging.source}; put it there")
    if problems:
        raise UsageError(
            f"{file} names what the pool does not see:\n"
            + "\n".join(f"  {line}" for line in problems),
            hint="The directory of the submit file goes into the pool, and nothing else does. "
            "Large data: `shared:` or `volumes:` in the pool file.",
        )


def _check_links(
    staging: Staging, file: str, named: Iterable[Named], outside: Mapping[str, str]
) -> None:
    """Refuse a submit file that names a link which leads nowhere in the pool, or elsewhere."""
    problems = {}
    for found in named:
        link = _link_on_the_way(staging, found.path, outside)
        if link is not None and not _is_mounted(staging, outside[link]):
            problems[found.command, link] = f"{found.command}: {link} -> {outside[link]}"
    if problems:
        raise UsageError(
            f"{file} names symbolic links that lead out of {staging.source}:\n"
            + "\n".join(f"  {line}" for line in problems.values()),
            hint="Copy what they lead to as well: condor-mini submit --follow-links",
        )


def _link_on_the_way(staging: Staging, path: str, outside: Mapping[str, str]) -> str | None:
    if not PurePosixPath(path).is_relative_to(staging.path):
        return None
    name = PurePosixPath(path).relative_to(staging.path)
    return next((str(part) for part in (name, *name.parents) if str(part) in outside), None)


def _is_mounted(staging: Staging, path: str) -> bool:
    targets = staging.node.info.mounts
    return any(PurePosixPath(path).is_relative_to(target) for target in targets)


def _ads(
    staging: Staging, file: str, arguments: Sequence[str], outside: Mapping[str, str]
) -> list[dict[str, str]]:
    """What is needed of the ad of each job that the submit file would make."""
    tried = _dry_run(staging, file, arguments)
    if tried.returncode == 0:
        return list(_parsed(tried.stdout))
    # An executable that is absent is a failure even here, unless it is not to be transferred.
    other = _dry_run(staging, file, [*arguments, "-append", "transfer_executable = false"])
    if other.returncode == 0:
        ads = list(_parsed(other.stdout))
        executables = {_absolute(staging.path, ad.get("cmd", "")) for ad in ads}
        if any(
            not PurePosixPath(path).is_relative_to(staging.path)
            or _link_on_the_way(staging, path, outside)
            for path in executables
        ):
            return [{**ad, "transferexecutable": "true"} for ad in ads]
    raise refused(file, tried, staging)


def _dry_run(staging: Staging, file: str, arguments: Sequence[str]) -> CommandResult:
    own = ("-disable", "-dry-run", "-", *UNPACED)
    return staging.node.exec(
        ["condor_submit", f"./{file}", *own, *arguments],
        workdir=staging.path,
        timeout_s=SUBMIT_TIMEOUT_S,
    )


def _parsed(text: str) -> Iterator[dict[str, str]]:
    """The needed attributes of each job: of all but the first, only what differs is printed."""
    first: dict[str, str] | None = None
    ad: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and name.strip().lower() in NEEDED:
            ad[name.strip().lower()] = _unquoted(value.strip())
        elif line == ".":
            first = first or ad
            yield {**first, **ad}
            ad = {}


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value


def _named(ad: dict[str, str], directory: str) -> Iterator[Named]:
    iwd = ad.get("iwd", directory)
    if not PurePosixPath(posixpath.normpath(iwd)).is_relative_to(directory):
        yield Named(command="initialdir", path=posixpath.normpath(iwd), is_input=True)
    for attribute, command in (*INPUTS.items(), *OUTPUTS.items()):
        if attribute == "cmd" and ad.get("transferexecutable") == "false":
            continue  # it is looked for at the execution point
        for path in _paths(attribute, ad.get(attribute, "")):
            # The executable alone is looked for where condor_submit runs.
            base = directory if attribute == "cmd" else iwd
            yield Named(command=command, path=_absolute(base, path), is_input=attribute in INPUTS)


def _paths(attribute: str, value: str) -> Iterable[str]:
    match attribute:
        case "transferinput":
            paths = [part.strip().strip('"') for part in value.split(",")]
        case "transferoutputremaps":
            paths = [part.partition("=")[2].strip() for part in re.split(r"(?<!\\);", value)]
        case _:
            paths = [value]
    return [path for path in paths if path and not re.match(r"[A-Za-z][\w+.-]*://", path)]


def _absolute(base: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(base, path))


def _existing(staging: Staging, paths: Sequence[str]) -> set[str]:
    """Those that are in the access point."""
    if not paths:
        return set()
    argv = ["find", "-L", "-files0-from", "-", "-maxdepth", "0", "-print0"]
    # It fails for those that are absent, and goes on.
    said = staging.node.exec(argv, stdin="".join(f"{path}\0" for path in paths))
    return set(said.stdout.split("\0"))


def _shown(path: str, staging: Staging) -> str:
    """As a person has written it: what is beside the directory begins with ``../``."""
    beside = PurePosixPath(path).is_relative_to(posixpath.dirname(staging.path))
    return posixpath.relpath(path, staging.path) if beside else path
