"""The plugin's options and ini values: what the pools of a run are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.pool import Pool


class Given(NamedTuple):
    """A value, and the place where it was given."""

    value: str
    origin: str
    """``--condor-engine``, or ``condor_engine in /path/pytest.ini``."""
    directory: Path
    """The directory that a relative path starts from."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the options and the ini file ask for. None where nothing is given."""

    pool_file: Given | None
    engine: Given | None
    series: Given | None
    reuse: Given | None
    record: Given | None
    keep: bool

    @classmethod
    def of(cls, config: pytest.Config) -> Settings:
        """Return the settings of a run; an option on the command line wins over the ini file.

        With ``--condor-reuse``, the ini file says nothing about what the pool is.
        """
        reuse = _option(config, "reuse")
        find = _option if reuse else _option_or_ini
        return cls(
            pool_file=find(config, "pool_file"),
            series=find(config, "htcondor"),
            engine=_option_or_ini(config, "engine"),
            reuse=reuse,
            record=_option_or_ini(config, "record"),
            keep=bool(config.getoption("condor_keep")),
        )

    @property
    def engine_name(self) -> str | None:
        """The name of the engine; None for the first that answers."""
        return self.engine and self.engine.value

    @property
    def pool_file_path(self) -> Path | None:
        """The path of the pool file; None for the default pool."""
        return self.pool_file and self.pool_file.directory / self.pool_file.value

    @property
    def record_directory(self) -> Path | None:
        """Where to keep what failing tests have recorded; None to record nothing."""
        return self.record and self.record.directory / self.record.value

    @property
    def series_numbers(self) -> tuple[str, ...]:
        """The series of HTCondor to run the tests with; empty if none is named."""
        return tuple(self.series.value.split(",")) if self.series else ()

    def check(self) -> None:
        """Check all that is given, before any test runs.

        Raises:
            pytest.UsageError: Something is unknown, contradicts something else, has mistakes, or
                names a pool that is absent or stopped.
        """
        given = (self.pool_file, self.engine, self.series, self.reuse)
        if not any(given):
            return
        self._check_contradictions()
        _checked(self.engine, self._reach_engine)
        _checked(self.series, self._check_series)
        _checked(self.pool_file, self._check_pool_file)
        _checked(self.reuse, self.reused_pool)

    def reused_pool(self) -> Pool:
        """Return the pool that ``--condor-reuse`` names.

        Raises:
            NotFound: There is no such pool; says which pools there are.
            PoolNotReady: It is stopped.
        """
        from condor_mini import Pool, PoolNotReady

        assert self.reuse is not None  # noqa: S101 (asked for only with the option)
        pool = Pool.open(self.reuse.value, engine=self.engine_name)
        if not any(node.is_running for node in pool.existing_nodes()):
            raise PoolNotReady(
                f"the pool {pool.name} is stopped",
                hint=f"Start it: condor-mini start -n {pool.name}",
            )
        return pool

    def _check_contradictions(self) -> None:
        for other in (self.pool_file, self.series) if self.reuse else ():
            if other is not None:
                raise pytest.UsageError(
                    f"use either --condor-reuse or {other.origin}, not both: a pool that is "
                    "reused is what it is"
                )

    def _reach_engine(self) -> None:
        from condor_mini.engines import find_engine

        find_engine(self.engine_name)

    def _check_series(self) -> None:
        from condor_mini import UsageError
        from condor_mini.base.series import catalogue

        known = catalogue().series
        for number, count in Counter(self.series_numbers).items():
            if number not in known:
                raise UsageError(
                    f"there is no HTCondor series {number!r} here; there are: {', '.join(known)}"
                )
            if count > 1:
                raise UsageError(f"{number} is named {count} times")

    def _check_pool_file(self) -> None:
        from condor_mini.spec.pool_file import read_pool_file

        assert self.pool_file_path is not None  # noqa: S101 (checked if given)
        read_pool_file(self.pool_file_path)


def add_options(parser: pytest.Parser) -> None:
    """Add the options, and the ini values of the same names."""
    group = parser.getgroup("condor", "HTCondor pools (condor-mini)")
    for name, metavar, text in (
        ("pool_file", "FILE", "Create the pool that the pool file FILE describes."),
        ("engine", "NAME", "Create pools on the engine NAME: docker, podman, embedded."),
        ("htcondor", "SERIES", "Run the tests with each of these series of HTCondor: 23,25."),
        ("record", "DIR", "Record what happens in pools; keep it in DIR if a test fails."),
    ):
        group.addoption(_flag(name), metavar=metavar, help=text)
        parser.addini(f"condor_{name}", f"the value of {_flag(name)} if the option is absent")
    group.addoption(
        "--condor-reuse",
        metavar="NAME",
        help="Use the pool NAME, which exists and runs. It is not removed.",
    )
    group.addoption(
        "--condor-keep", action="store_true", help="Keep the pools when the tests have ended."
    )


def _flag(name: str) -> str:
    return f"--condor-{name.replace('_', '-')}"


def _option(config: pytest.Config, name: str) -> Given | None:
    value: str | None = config.getoption(f"condor_{name}")
    return None if value is None else Given(value, _flag(name), config.invocation_params.dir)


def _option_or_ini(config: pytest.Config, name: str) -> Given | None:
    value: str = config.getini(f"condor_{name}")
    if config.getoption(f"condor_{name}") is not None or not value:
        return _option(config, name)
    directory = config.inipath.parent if config.inipath else config.rootpath
    return Given(value, f"condor_{name} in {config.inipath or directory}", directory)


def _checked(given: Given | None, check: Callable[[], object]) -> None:
    """Call ``check`` if something is given; its error becomes one of pytest's usage errors."""
    if given is None:
        return
    from condor_mini import CondorMiniError, PoolFileError

    try:
        check()
    except PoolFileError as error:
        raise pytest.UsageError(str(error)) from None  # each line begins with the file's name
    except CondorMiniError as error:
        raise pytest.UsageError(f"{given.origin}: {error}") from None
