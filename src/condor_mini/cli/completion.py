"""``condor-mini completion``: print the script with which a shell completes our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "condor-mini"
VARIABLE = "_CONDOR_MINI_COMPLETE"
"""Variable by which the shell's function calls us. click derives it from the program's name."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    """Print a script that completes commands, options, pools and nodes.

    \b
    bash: echo 'eval "$(condor-mini completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(condor-mini completion zsh)"' >> ~/.zshrc
    fish: condor-mini completion fish > ~/.config/fish/completions/condor-mini.fish
    """  # noqa: D301 (click's mark: it does not join these lines)
    chosen = get_completion_class(shell)
    assert chosen is not None  # noqa: S101 (click has these three)
    click.echo(chosen(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
