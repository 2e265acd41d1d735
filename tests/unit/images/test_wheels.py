"""The wheels of the image with JupyterLab, on an engine and with a pip in its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, ImageBuildFailed
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import BuildSpec, FakeEngine
from condor_mini.images import builder, wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOLDER = Path(builder.__file__).parent / "condor-notebook"
SERIES = catalogue().get("25")


@pytest.fixture
def python(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the environment in every image says of its Python."""
    said = ["home = /usr/bin\nversion = 3.13.5\n"]
    monkeypatch.setattr(
        fake,
        "copy_out",
        lambda _, path: (said[0] if path.endswith("pyvenv.cfg") else "25.14.1\n").encode(),
    )
    fake.add_image(catalogue().base)
    fake.add_image("condor-mini:25")
    return said


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What pip is called with; it fetches one wheel."""
    found: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_: Any) -> None:  # noqa: ANN401 (as the real one has them)
        found.append(argv)
        folder = Path(argv[argv.index("--dest") + 1])
        folder.mkdir()
        (folder / "a.whl").touch()

    monkeypatch.setattr("condor_mini.engine.command.run", run)
    return found


def test_wheels_are_for_the_image(
    fake: FakeEngine, python: list[str], calls: list[Sequence[str]]
) -> None:
    """They are for its Python, checked by digests, and gone after the build with all else."""
    del python
    with wheels.with_wheels(fake, FOLDER, "condor-mini:25", Progress()) as context:
        assert {"Dockerfile", "install", "notebook", "wheels"} <= {
            p.name for p in context.iterdir()
        }
        assert (context / "wheels" / "a.whl").exists()
    assert not context.exists()
    (argv,) = calls
    assert {"--python-version=3.13", "--require-hashes", "--only-binary=:all:"} <= {*argv}
    assert fake.containers({}) == []


def test_python_that_says_no_version(
    fake: FakeEngine, python: list[str], calls: list[Sequence[str]]
) -> None:
    """The message names the image."""
    python[0] = "version = 2.7.18\n"
    with (
        pytest.raises(ImageBuildFailed, match="condor-mini:25 names no version"),
        wheels.with_wheels(fake, FOLDER, "condor-mini:25", Progress()),
    ):
        pass
    assert calls == []


def test_no_network(fake: FakeEngine, python: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip's last words are said, without its warnings, and what to do."""
    del python

    def run(argv: Sequence[str], **_: Any) -> None:  # noqa: ANN401 (as the real one has them)
        raise CommandFailed(argv, 1, "WARNING: Retrying\nERROR: No matching distribution\n")

    monkeypatch.setattr("condor_mini.engine.command.run", run)
    with (
        pytest.raises(ImageBuildFailed, match="fetched:\nERROR: No matching") as failed,
        wheels.with_wheels(fake, FOLDER, "condor-mini:25", Progress()),
    ):
        pass
    assert "condor-mini images load FILE" in str(failed.value.hint)


@pytest.mark.parametrize(
    ("on_path", "expected"),
    [
        ({"pip3": "/bin/pip3"}, ["/bin/pip3"]),
        ({"uv": "/bin/uv"}, ["/bin/uv", "tool", "run", "pip"]),
    ],
)
def test_another_pip(
    fake: FakeEngine,
    python: list[str],
    calls: list[Sequence[str]],
    monkeypatch: pytest.MonkeyPatch,
    on_path: dict[str, str],
    expected: list[str],
) -> None:
    """Where our Python has none, that of PATH is used, or uv's."""
    del python
    monkeypatch.setattr(wheels, "find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", on_path.get)
    with wheels.with_wheels(fake, FOLDER, "condor-mini:25", Progress()):
        pass
    assert [*calls[0]][: len(expected)] == expected


def test_no_pip(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is done."""
    monkeypatch.setattr(wheels, "find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with (
        pytest.raises(ImageBuildFailed, match="there is none"),
        wheels.with_wheels(fake, FOLDER, "condor-mini:25", Progress()),
    ):
        pass


def test_notebook_is_built_on_demand(
    fake: FakeEngine,
    python: list[str],
    calls: list[Sequence[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is built on condor-mini, which is built first, and not again if nothing has changed."""
    del python
    built: list[BuildSpec] = []
    build: Callable[..., None] = fake.build

    def noted(spec: BuildSpec, **others: Any) -> None:  # noqa: ANN401 (as the real one has them)
        built.append(spec)
        build(spec, **others)

    monkeypatch.setattr(fake, "build", noted)
    builder.build(fake, builder.ROLES, SERIES, Progress())
    assert not [spec for spec in built if "condor-notebook:25" in spec.tags]
    (image,) = builder.build(fake, ["notebook"], SERIES, Progress())
    assert (image.reference, image.fresh, built[-1].build_args) == (
        "condor-notebook:25",
        True,
        {"BASE": "condor-mini:25"},
    )
    listed = {each.reference: each for each in builder.listing(fake)}
    assert listed["condor-notebook:25"].up_to_date
    (image,) = builder.build(fake, ["notebook"], SERIES, Progress())
    assert (image.fresh, len(calls)) == (False, 1)


def test_composed_engines_have_no_such_image() -> None:
    """They use this machine's JupyterLab, and say how to install it."""

    class Composer(FakeEngine):
        def compose(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 (never called)
            pass

    with pytest.raises(EngineCapabilityError) as refused:
        builder.build(Composer(), ["notebook"], SERIES, Progress())
    assert "pip install jupyterlab htcondor" in str(refused.value.hint)


def test_every_requirement_is_pinned() -> None:
    """Each package has one version, and digests."""
    text = (FOLDER / "requirements.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 50
    assert [line for line in lines if not re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:", line)] == []
    assert any(line.startswith("jupyterlab==") for line in lines)
