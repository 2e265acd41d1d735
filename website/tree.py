"""What Sphinx reads: the pages of docs with links of the site, and the pages that are made."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from website.api import api_pages
from website.commands import options_page
from website.contents import UNLISTED, with_contents
from website.links import DOCS, FILES, PROJECT, ROOT, place, rewritten
from website.markup import two_pictures, without_comments
from website.pool_file import keys
from website.rst import directive, heading

HERE = Path(__file__).parent
ABOUT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages beside docs that the site has, whether a page links to them or not."""
OPTIONS = (
    "\n## Every option\n\n[Every option](options.rst) has what `--help` prints of each command.\n"
)
ORPHAN = "---\norphan: true\n---\n"
"""Head of a page that the sidebar does not list."""
LANGUAGES = {
    ".ipynb": "json",
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".sh": "sh",
    ".json": "json",
}
"""How files are coloured that pages link to."""


def write_sources(folder: Path, *, recordings: bool) -> None:
    """Write all that Sphinx reads into an empty directory.

    Args:
        folder: The directory.
        recordings: Whether the site has recordings.

    Raises:
        BrokenLink: A page links to a file that is not there.
    """
    pages = repository_pages(recordings=recordings)
    made = {**pages, **made_pages()}
    made["index.md"] = with_contents(
        made["index.md"],
        {"Reference": ["reference/options", "reference/python-api"], "Project": _project(pages)},
    )
    made["reference/pool-file.md"] += keys()
    made["reference/commands.md"] += OPTIONS
    for name, text in made.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    for path in sorted((ROOT / DOCS).rglob("*")):
        if path.is_file() and path.suffix != ".md":
            target = folder / path.relative_to(ROOT / DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def repository_pages(*, recordings: bool) -> dict[str, str]:
    """Return the pages of docs, those beside it, and all files that a page links to."""
    waiting = [PurePosixPath(name) for name in ABOUT]
    waiting += [PurePosixPath(path.relative_to(ROOT)) for path in (ROOT / DOCS).rglob("*.md")]
    done: dict[PurePosixPath, str] = {}
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        if path.suffix != ".md":
            if not path.is_relative_to(DOCS):
                done[path] = shown(path)
            continue
        text = two_pictures((ROOT / path).read_text("utf-8"))
        done[path], targets = rewritten(text, path)
        done[path] = without_comments(done[path], recordings=recordings)
        if UNLISTED in path.parts:
            done[path] = ORPHAN + done[path]
        waiting += targets
    return {str(place(path)): text for path, text in sorted(done.items())}


def made_pages() -> dict[str, str]:
    """Return the pages that are made from the program."""
    api = api_pages()
    about = "The public names of ``condor_mini``, by what they are about.\n"
    toc = directive("toctree", options=(":maxdepth: 2",), body=_lines("python-api", api))
    return {
        "reference/python-api.rst": f"{heading('Python API')}\n{about}\n{toc}",
        **{f"reference/python-api/{room}.rst": text for room, text in api.items()},
        "reference/options.rst": options_page(),
    }


def _lines(folder: str, pages: dict[str, str]) -> str:
    return "\n".join(f"{folder}/{name}" for name in pages)


def _project(pages: dict[str, str]) -> list[str]:
    """Return the pages beside docs: ours first, then those that others link to."""
    first = [str(PROJECT / name) for name in ABOUT]
    found = [
        name
        for name in pages
        if PurePosixPath(name).is_relative_to(PROJECT)
        and not PurePosixPath(name).is_relative_to(FILES)
    ]
    return [name.removesuffix(".md") for name in dict.fromkeys([*first, *found])]


def shown(path: PurePosixPath) -> str:
    """Return a page that shows a file of the repository, or each file of a directory."""
    here = ROOT / path
    files = _files(here) if here.is_dir() else [here]
    shown = [ORPHAN, f"# {path}", ""]
    for file in files:
        if here.is_dir():
            shown += [f"## {file.relative_to(here)}", ""]
        shown += ["``````" + _language(file), _text(file), "``````", ""]
    return "\n".join(shown)


def _files(folder: Path) -> list[Path]:
    """Return the files of a directory and below it, but for what Python leaves there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").rstrip()
    except UnicodeDecodeError:
        return f"{file.stat().st_size} bytes that are not text"


def _language(file: Path) -> str:
    return "docker" if file.name == "Dockerfile" else LANGUAGES.get(file.suffix, "text")
