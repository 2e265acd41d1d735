"""HTCondor's Python objects for a pool, in a process that may use other pools too.

HTCondor's configuration is one for the whole process. So the settings of a pool are in force only
while a method of that pool's objects runs, and calls for different pools wait for each other.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, TypeVar

from condor_mini.base.errors import NotFound, PoolNotReady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import htcondor2

    from condor_mini.client.files import ClientFiles

T = TypeVar("T")
_LOCK = RLock()


@dataclass(frozen=True, kw_only=True)
class Client:
    """HTCondor's Python objects for one access point of a pool."""

    collector: htcondor2.Collector
    """The pool's collector."""
    schedd: htcondor2.Schedd
    """The access point's schedd. Jobs are submitted with ``spool=True``: docs/how-to."""
    files: ClientFiles
    """The configuration and the token that the objects use."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: the objects hold no connection."""


def client(files: ClientFiles) -> Client:
    """Return HTCondor's Python objects that use these files.

    Raises:
        NotFound: HTCondor's Python bindings are not installed.
        PoolNotReady: The collector does not know the schedd any more, or refuses the token.
    """
    condor = _bindings()
    settings = _settings(files)
    collector_class = _with_settings(condor.Collector, settings)
    schedd_class = _with_settings(condor.Schedd, settings)
    collector = collector_class(files.access.collector)
    try:
        ad = collector.locate(condor.DaemonType.Schedd, files.access.schedd)
    except condor.HTCondorException as error:
        raise PoolNotReady(f"the collector of {files.access.pool} refuses: {error}") from error
    if ad is None:
        raise PoolNotReady(f"the collector has no ad of the schedd {files.access.schedd}")
    return Client(collector=collector, schedd=schedd_class(ad), files=files)


def _bindings() -> Any:  # noqa: ANN401 (the bindings have no types)
    """Return the module ``htcondor2``, imported without a change of this process's environment."""
    config = os.environ.get("CONDOR_CONFIG")
    try:
        import htcondor2
    except ImportError:
        raise NotFound(
            "HTCondor's Python bindings are not installed",
            hint="Install them: pip install htcondor",
        ) from None
    finally:
        # Where HTCondor has no configuration, importing its bindings sets this variable.
        if config is None:
            os.environ.pop("CONDOR_CONFIG", None)
    return htcondor2


def _settings(files: ClientFiles) -> dict[str, str]:
    required = ("AUTHENTICATION", "INTEGRITY", "ENCRYPTION")
    return {
        "SEC_TOKEN_DIRECTORY": str(files.tokens),
        "SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
        **dict.fromkeys((f"SEC_CLIENT_{what}" for what in required), "REQUIRED"),
    }


def _with_settings(original: type[T], settings: Mapping[str, str]) -> type[T]:
    """Return a class like ``original`` whose methods run with these settings of HTCondor."""

    def scoped(method: Callable[..., object]) -> Callable[..., object]:
        @wraps(method)
        def call(*args: object, **named: object) -> object:
            with _in_force(settings):
                return method(*args, **named)

        return call

    methods = {
        name: scoped(value)
        for name, value in vars(original).items()
        if callable(value) and (not name.startswith("_") or name == "__init__")
    }
    return type(original.__name__, (original,), methods)


@contextmanager
def _in_force(settings: Mapping[str, str]) -> Iterator[None]:
    """Set HTCondor's settings of this process for the time of the context."""
    import htcondor2

    param = htcondor2.param
    with _LOCK:
        before = {name: param.get(name) for name in settings}
        for name, value in settings.items():
            param[name] = value
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del param[name]
                else:
                    param[name] = value
