"""The command line: parse, one call, exit code. Nothing else ends the process."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from condor_mini._version import __version__
from condor_mini.base.errors import CondorMiniError, PoolFileError
from condor_mini.base.signals import ENDING

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
"""A shell's status for Ctrl-C."""
AGAIN_S = 0.01
"""After so long a signal that has come while a module was loaded comes again."""
BROKEN_PIPE = 141
"""A shell's status for a program whose reader has gone."""


class Terminated(BaseException):
    """A signal asked us to end; what is under way is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


COMMANDS = {
    "approve": "Let in nodes that have asked for a token.",
    "build": "Build the images.",
    "completion": "Print the shell's completion: bash, zsh or fish.",
    "config": "The pool file: an example, its schema, and whether one is valid.",
    "cp": "Copy files between here and a node.",
    "create": "Create a pool.",
    "debug": "Set what the daemons write into their logs.",
    "delete": "Delete a pool, or all of them.",
    "doctor": "Look at the engine and the pool, and say what is wrong.",
    "exec": "Run a command on a node.",
    "export": "Export what a bug report needs.",
    "images": "List, build, save and load the images.",
    "list": "List the pools.",
    "logs": "Show the daemons' logs.",
    "restart": "Stop and start a pool.",
    "rotate-key": "Make a new signing key; old tokens are of no use any more.",
    "run": "Start a personal pool.",
    "runtime": "Make and manage the HTCondor that needs no container engine.",
    "scale": "Change the number of execution points.",
    "shell": "A prompt on a node.",
    "start": "Start a pool that was stopped.",
    "status": "Show nodes, daemons, slots and jobs.",
    "stop": "Stop a pool; its queue is kept.",
    "submit": "Submit a submit file of this machine.",
    "token": "Create, list and revoke tokens.",
    "version": "Show the versions.",
    "wait": "Wait for jobs, and fetch what they wrote.",
}
"""Every command, and what `--help` says of it; each is in the module of that name."""


class _ReaderGone(Exception):
    """Whoever read our output has gone; click would make it a failure of ours."""


class _Commands(click.Group):
    """Loads a command's module when it is used: ``--help`` needs none of them."""

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="condor-mini")
@click.option("-v", "--verbose", is_flag=True, help="Show each command given to the engine.")
def cli(*, verbose: bool) -> None:
    """Real HTCondor pools in containers."""
    if verbose:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")


def main() -> None:
    """Do what ``sys.argv`` says, and end with its status."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _on_signal)
    try:
        status = cli.main(prog_name="condor-mini", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except PoolFileError as error:
        click.echo(error, err=True)  # as compilers say it, so that editors find the places
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
        # Python's own flush at the end would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    except OSError as error:
        click.echo(f"condor-mini: {error}", err=True)
        status = CondorMiniError.exit_code
    sys.exit(status)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _is_loading(frame):
        # An exception in there would become another one (RuntimeError, where a class is made), or
        # be lost: it has to come a little later.
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        return
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def _is_loading(frame: FrameType | None) -> bool:
    """Whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False
