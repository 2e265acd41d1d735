"""Links with a token, opened in the user's browser."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from condor_mini.base.directories import user_state
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.signals import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = "link.html"


@contextmanager
def opener(name: str) -> Iterator[Callable[[str], None]]:
    """Yield what opens a link in the user's browser, while the context lasts.

    The browser gets the path of a file that leads to the link, in a directory of this user alone:
    others see what a program is called with. It is started in a thread, because a browser in the
    terminal would keep the caller waiting. Where there is none, stderr says so.

    Args:
        name: Name of the directory for the file, below the user's state directory.
    """
    import webbrowser

    directory = user_state() / name
    directory.mkdir(parents=True, exist_ok=True)
    with ScratchDirectory(directory=directory) as folder:  # nobody else may look into it
        file = Path(folder, PAGE)
        file.touch(0o600)

        def show(link: str) -> None:
            file.write_text(
                '<!doctype html><meta charset="utf-8"><title>condor-mini</title>'
                f'<meta http-equiv="refresh" content="0;url={link}">',
                encoding="utf-8",
            )

            def work() -> None:
                if not webbrowser.open(file.as_uri()):
                    click.echo("No browser could be opened: open the link yourself.", err=True)

            start_thread(Thread(target=work, daemon=True))

        yield show
