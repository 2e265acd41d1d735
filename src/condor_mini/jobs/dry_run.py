"""Find the paths that a submit file names, and check that the access point has them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.jobs.arguments import for_dry_run
from condor_mini.jobs.missing_programs import advice_on_executable
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
"""The attributes of a job's ad that name inputs, and the submit commands that set them."""
OUTPUTS = {
    "out": "output",
    "err": "error",
    "userlog": "log",
    "transferoutputremaps": "transfer_output_remaps",
}
"""The attributes of a job's ad that name outputs, and the submit commands that set them."""
NEEDED = {"iwd", "transferexecutable", *INPUTS, *OUTPUTS}
"""The attributes that are read from a job's ad."""
UNPACED = ("-append", "max_materialize =", "-append", "max_idle =")
"""Arguments that clear these two commands, so that the dry run makes all jobs at once."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A path that a submit file names."""

    command: str
    """The submit command that names the path."""
    path: str
    """The absolute path in the access point."""
    is_input: bool


def check_paths(
    staging: Staging, file: str, arguments: Sequence[str], *, outside: Mapping[str, str]
) -> None:
    """Raise ``UsageError`` if a submit file names files that the access point does not have.

    Args:
        staging: Copy of the submit file's directory in the access point.
        file: Name of the submit file.
        arguments: Arguments of condor_submit.
        outside: Targets of the links that lead out of the directory, by the links' names.

    Raises:
        UsageError: A file is neither in the directory nor in the node. The message lists all of
            them.
        JobFailed: condor_submit refused the submit file. The message has its output.
    """
    submit_file = Named(command="submit file", path=f"{staging.path}/{file}", is_input=True)
    _check_links(staging, file, [submit_file], outside)
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
    existing = _existing(staging, [path for path, found in named.items() if found.is_input])
    problems = []
    executable = None
    for path, found in named.items():
        if path in existing or path == "/dev/null":
            continue
        # An output in a mount outlives the pool or is visible elsewhere. Anywhere else it would be
        # lost with the pool.
        if not found.is_input and _is_mounted(staging, path):
            continue
        shown = _shown(path, staging)
        problems.append(f"{found.command}: {shown} is outside {staging.source}; put it there")
        executable = executable or (path if found.command == INPUTS["cmd"] else None)
    if problems:
        hint = advice_on_executable(staging.node, executable) if executable else None
        raise UsageError(
            f"{file} names files that the pool does not have:\n"
            + "\n".join(f"  {line}" for line in problems),
            hint=hint
            or "Only the directory of the submit file is copied into the pool. "
            "Mount large data with `shared:` or `volumes:` in the pool file.",
        )


def _check_links(
    staging: Staging, file: str, named: Iterable[Named], outside: Mapping[str, str]
) -> None:
    """Raise ``UsageError`` if the submit file names a link whose target is not in the pool."""
    problems = {}
    for found in named:
        link = _link_on_the_way(staging, found.path, outside)
        if link is not None and not _is_mounted(staging, outside[link]):
            problems[found.command, link] = f"{found.command}: {link} -> {outside[link]}"
    if problems:
        raise UsageError(
            f"{file} names symbolic links that lead out of {staging.source}:\n"
            + "\n".join(f"  {line}" for line in problems.values()),
            hint="Copy their targets too: condor-mini submit --follow-links FILE",
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
    """Return the ``NEEDED`` attributes of each job that the submit file would make."""
    result = _dry_run(staging, file, arguments)
    if result.returncode == 0:
        return list(_parsed(result.stdout))
    # Even a dry run fails if the executable is absent, unless it is not to be transferred.
    second = _dry_run(staging, file, [*arguments, "-append", "transfer_executable = false"])
    if second.returncode == 0:
        ads = list(_parsed(second.stdout))
        executables = {_absolute(staging.path, ad.get("cmd", "")) for ad in ads}
        if any(
            not PurePosixPath(path).is_relative_to(staging.path)
            or _link_on_the_way(staging, path, outside)
            for path in executables
        ):
            return [{**ad, "transferexecutable": "true"} for ad in ads]
    raise refused(staging.node, file, result, staging)


def _dry_run(staging: Staging, file: str, arguments: Sequence[str]) -> CommandResult:
    own = ("-disable", "-dry-run", "-", *UNPACED)
    return staging.node.exec(
        ["condor_submit", f"./{file}", *own, *for_dry_run(arguments)],
        workdir=staging.path,
        timeout_s=SUBMIT_TIMEOUT_S,
    )


def _parsed(text: str) -> Iterator[dict[str, str]]:
    """Yield the ``NEEDED`` attributes of each job.

    For every job but the first, condor_submit prints only the attributes that differ.
    """
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
            continue  # the execution point has the executable
        for path in _paths(attribute, ad.get(attribute, "")):
            # Only the executable is relative to the directory that condor_submit runs in.
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
    """Return those of the paths that exist in the access point."""
    if not paths:
        return set()
    argv = ["find", "-L", "-files0-from", "-", "-maxdepth", "0", "-print0"]
    # find prints the existing paths even if it fails because others are absent.
    result = staging.node.exec(argv, stdin="".join(f"{path}\0" for path in paths))
    return set(result.stdout.split("\0"))


def _shown(path: str, staging: Staging) -> str:
    """Return the path as the user wrote it. A path beside the directory begins with ``../``."""
    beside = PurePosixPath(path).is_relative_to(posixpath.dirname(staging.path))
    return posixpath.relpath(path, staging.path) if beside else path
