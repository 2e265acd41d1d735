"""The command line. A command parses its arguments, makes one call, and returns an exit code.

Nothing outside of this package ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from condor_mini._version import __version__
from condor_mini.base.errors import CondorMiniError, DocumentError
from condor_mini.base.signals import ENDING

if TYPE_CHECKING:
    from types import FrameType

SIGNALLED = 128
"""Status that a shell reports for a program that a signal has ended, less the signal's number."""
INTERRUPTED = SIGNALLED + signal.SIGINT
AGAIN_S = 0.01
"""A signal that arrives while a module is imported is sent again after so many seconds."""
BROKEN_PIPE = SIGNALLED + signal.SIGPIPE


class Terminated(BaseException):
    """A signal that ends condor-mini, raised so that the work under way is cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = SIGNALLED + number


COMMANDS = {
    "approve": "Approve nodes that request a token.",
    "build": "Build the images.",
    "chaos": "Run scenarios of faults.",
    "client": "Run a command of this machine as a client of a pool.",
    "completion": "Print a completion script for bash, zsh or fish.",
    "config": "Write and check pool files.",
    "cp": "Copy files between this machine and a node.",
    "create": "Create a pool.",
    "dashboard": "Show a pool in the browser.",
    "debug": "Set the debug levels of the daemons.",
    "delete": "Delete a pool, or all pools.",
    "doctor": "Check the engine and the pool, and report what is wrong.",
    "env": "Print the environment for HTCondor's clients on this machine.",
    "event": "Produce an event of HTCondor's job event log.",
    "exec": "Run a command on a node.",
    "export": "Export what a bug report needs.",
    "fault": "Break a pool on purpose.",
    "heal": "Undo faults.",
    "hold": "Hold jobs.",
    "images": "List, build, save and load the images.",
    "join": "Join nodes of this host to a pool on another host.",
    "leave": "Remove nodes of this host from a pool on another host.",
    "lesson": "Learn HTCondor in lessons, and check what came of them.",
    "list": "List the pools.",
    "logs": "Show the daemons' logs.",
    "queue": "Show the jobs in the queues.",
    "record": "Record what happens in a pool.",
    "release": "Release held jobs.",
    "restart": "Stop and start a pool.",
    "rm": "Remove jobs.",
    "rotate-key": "Create a new signing key, and invalidate every token.",
    "run": "Start a personal pool.",
    "runtime": "Build and manage the HTCondor that needs no container engine.",
    "scale": "Change the number of execution points.",
    "shell": "Open a shell on a node.",
    "slurm": "Add execution points on compute nodes of Slurm.",
    "snapshot": "Save the state of a pool in a file, and put it back.",
    "start": "Start a pool that was stopped.",
    "status": "Show nodes, daemons, slots and jobs.",
    "stop": "Stop a pool, and keep its queue.",
    "submit": "Submit a submit file from this machine.",
    "timeline": "Show what was recorded, as text or as a picture.",
    "token": "Create, list and revoke tokens.",
    "top": "Watch nodes, owners and jobs in the terminal.",
    "version": "Show the versions.",
    "wait": "Wait for jobs, and fetch what they wrote.",
}
"""Every command, and its line in `--help`. A command is in the module of its name."""


LIKELY = {
    "attach": "shell",
    "backup": "snapshot",
    "copy": "cp",
    "down": "delete",
    "info": "status",
    "log": "logs",
    "ls": "list",
    "ps": "list",
    "jobs": "queue",
    "q": "queue",
    "remove": "rm",
    "ssh": "shell",
    "up": "create",
}
"""What other tools call a command of ours, for the hint of an unknown command."""


class _ReaderGone(Exception):
    """The reader of our output has ended. click would report its BrokenPipeError as a failure."""


class _Commands(click.Group):
    """The group of all commands. It loads a module when its command is used, not for ``--help``."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise _ReaderGone from None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        command = import_module(f"condor_mini.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101 (a name of this very package)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` name; an unknown one is an error with a suggestion."""
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        likely = LIKELY.get(name) or next(iter(get_close_matches(name, COMMANDS, n=1)), None)
        suggestion = f" Did you mean {likely}?" if likely else ""
        raise click.UsageError(f"No such command {name!r}.{suggestion}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="condor-mini")
@click.option("-v", "--verbose", is_flag=True, help="Show each command given to the engine.")
def cli(*, verbose: bool) -> None:
    """Real HTCondor pools in containers."""
    if verbose:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")


_signals: list[int] = []
"""The numbers of the signals that have raised an exception."""


def main() -> None:
    """Run the command in ``sys.argv``, and exit with its status."""
    _signals.clear()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _on_signal)
    try:
        status = _run()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except DocumentError as error:
        click.echo(error, err=True)  # without a prefix: editors parse the format of compilers
        status = error.exit_code
    except CondorMiniError as error:
        click.echo(f"condor-mini: {error}", err=True)
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("condor-mini: interrupted", err=True)
        status = INTERRUPTED
    except Terminated as signalled:
        status = signalled.exit_code
    except _ReaderGone:
        # Python flushes stdout again at its exit, and would report the broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    except OSError as error:
        click.echo(f"condor-mini: {error}", err=True)
        status = CondorMiniError.exit_code
    sys.exit(status)


def _run() -> int:
    """Run the command in ``sys.argv``, and return its status."""
    try:
        return int(cli.main(prog_name="condor-mini", standalone_mode=False) or 0)
    except (click.ClickException, click.Abort, CondorMiniError, OSError, _ReaderGone):
        raise
    except Exception as error:
        # A library makes another exception of a signal's, as pydantic does while it is building.
        if _signals:
            raise _exception_of(_signals[0]) from error
        raise
    finally:
        # While Python ends, a signal would replace the status of the work that is done.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _is_loading(frame):
        # An exception during an import may be lost, or become another one (RuntimeError, while a
        # class is created). So the signal is sent again a little later.
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        return
    _signals.append(number)
    raise _exception_of(number)


def _exception_of(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def _is_loading(frame: FrameType | None) -> bool:
    """Return whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False
