"""The command line: parse, one call, exit code. Nothing else ends the process."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from condor_mini._version import __version__
from condor_mini.errors import CondorMiniError

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
"""A shell's status for Ctrl-C."""
BROKEN_PIPE = 141
"""A shell's status for a program whose reader has gone."""


class Terminated(BaseException):
    """A signal asked us to end; what is under way is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class _Commands(click.Group):
    """Loads a command's module when it is used: ``--help`` needs none of them."""

    _modules = {"build": "Build the images.", "run": "Start a personal pool."}  # noqa: RUF012

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._modules:
            return None
        from importlib import import_module

        command = getattr(import_module(f"condor_mini.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 (a name of this very package)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="condor-mini")
@click.option("-v", "--verbose", is_flag=True, help="Show each command given to the engine.")
def cli(*, verbose: bool) -> None:
    """Real HTCondor pools in containers."""
    if verbose:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")


def main() -> None:
    """The console script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _on_signal)
    try:
        status = cli.main(prog_name="condor-mini", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except CondorMiniError as error:
        click.echo(f"condor-mini: {error}", err=True)
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("condor-mini: interrupted", err=True)
        status = INTERRUPTED
    except Terminated as signalled:
        status = signalled.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone; Python's own flush at the end would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    except OSError as error:
        click.echo(f"condor-mini: {error}", err=True)
        status = CondorMiniError.exit_code
    sys.exit(status)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
