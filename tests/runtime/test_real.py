"""Runtimes made of Debian's real packages run, wherever they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.layout import PREFIX
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.runtime import Store, export
from condor_mini.runtime.bundle import write_wheel
from condor_mini.runtime.deb import contents
from condor_mini.runtime.fetch import Fetcher, mirrors
from condor_mini.runtime.index import read_index
from condor_mini.runtime.lock import load_lock, machine_architecture
from condor_mini.runtime.relocate import elf, relocated
from condor_mini.runtime.resolve import locked, make_lock, resolve
from condor_mini.runtime.signature import Verifier

if TYPE_CHECKING:
    from condor_mini.runtime import Runtime

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/how-to/run-without-an-engine.md"
LIBRARY = re.compile(rb"\0(lib[\w.+-]+\.so(?:\.\d+)*)(?=\0)")
_GPU, _NO_SERVICE = (
    "the GPU's driver brings it",
    "HTCondor goes on without it, as without its service",
)
CAN_BE_ABSENT = {
    **dict.fromkeys(("libOpenCL.so", "libcuda.so", "libcudart.so"), _GPU),
    **dict.fromkeys(("libnvidia-ml.so", "libnvidia-ml.so.1"), _GPU),
    **dict.fromkeys(("libamdhip64.so", "libamdhip64.so.6", "libamdhip64.so.7"), _GPU),
    **dict.fromkeys(("libcrypto.so", "libcrypto.so.1.1"), "names of older releases"),
    **dict.fromkeys(("libmunge.so.2", "libsystemd.so.0", "libvomsapi.so.1"), _NO_SERVICE),
}
"""Libraries that HTCondor's programs open if they are there, and why each may be absent."""


def run(*argv: str | Path, env: dict[str, str] | None = None) -> str:
    """What the command says; it succeeds."""
    said = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False, env=env)
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_own_loader_runs_it(runtime: Runtime, loader: list[str]) -> None:
    """condor_version runs without the host's libraries, and is of the series."""
    said = run(*loader, runtime.root / "usr/bin/condor_version")
    assert f"$CondorVersion: {runtime.series}." in said


@pytest.mark.parametrize(
    "program", ["flock", "mount", "nsenter", "patchelf", "proot", "setpriv", "unshare"]
)
def test_own_loader_runs_sandboxes(runtime: Runtime, loader: list[str], program: str) -> None:
    """What makes sandboxes, and moves programs, runs without the host's libraries."""
    assert run(*loader, runtime.root / "usr/bin" / program, "--version")


def test_every_program_has_its_libraries(runtime: Runtime, loader: list[str]) -> None:
    """No program or library in the tree needs one that was left out."""
    missing = []
    for path in sorted(runtime.root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        said = subprocess.run(
            [*loader, "--list", path], capture_output=True, text=True, timeout=20, check=False
        )
        if "not found" in said.stdout or "cannot open shared object" in said.stderr:
            missing.append((path.relative_to(runtime.root), said.stdout + said.stderr))
    assert missing == []


def test_links_lead_somewhere(runtime: Runtime) -> None:
    """Every link of HTCondor's and of the loader's leads to a file of the tree."""
    dangling = [
        str(path.relative_to(runtime.root))
        for path in runtime.root.rglob("*")
        if path.is_symlink() and not path.exists()
    ]
    assert [path for path in dangling if not path.startswith("etc/")] == []


def test_it_is_small(runtime: Runtime) -> None:
    """A runtime is at most 85 MB."""
    assert runtime.size_bytes is not None
    assert runtime.size_bytes < 85_000_000


def test_documentation_lists_the_programs_that_are_not_there(runtime: Runtime) -> None:
    """Each program of HTCondor's package is in the runtime, or the page says that it is not."""
    series = catalogue().get(runtime.series)
    lock = load_lock(series, runtime.architecture, Store().directory)
    package = next(package for package in lock.packages if package.name == "condor")
    with contents("condor", Fetcher(mirrors(lock.mirrors)).package(package, refresh="")) as archive:
        paths = [Path(member.name) for member in archive if not member.isdir()]
    programs = {path.name: path for path in paths if path.parent.name in ("bin", "sbin")}
    absent = {name for name, path in programs.items() if not (runtime.root / path).exists()}
    _, _, section = PAGE.read_text("utf-8").partition("\n## HTCondor's programs that are not")
    section = section.partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    listed = set(re.findall(r"`([^`]+)`", "".join(rows)))
    assert len(programs) > 80
    assert absent - listed == set()
    assert {name for name in listed & programs.keys() if name not in absent} == set()


def test_libraries_that_are_opened_at_run_time(runtime: Runtime) -> None:
    """What HTCondor and its libraries name, and open with dlopen(3), is there or can be absent."""
    named: set[str] = set()
    for pattern in ("usr/lib/libcondor_utils_*.so", "usr/libexec/condor/*", "usr/sbin/condor_*"):
        for path in runtime.root.glob(pattern):
            data = path.read_bytes() if path.is_file() else b""
            if data.startswith(b"\x7fELF"):
                named.update(name.decode() for name in LIBRARY.findall(data))
    there = {path.name for path in (runtime.root / "usr").rglob("*.so*")}
    assert named - there - CAN_BE_ABSENT.keys() == set()
    assert [path.name for path in runtime.root.glob("usr/lib/*/ossl-modules/*")] == ["legacy.so"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("one-job", "hello from a job\n"),
        pytest.param("ssh-to-job", "me\nby ssh\n", marks=pytest.mark.slow),
    ],
)
def test_a_pool_works(runtime: Runtime, bwrap: str, tmp_path: Path, script: str, says: str) -> None:
    """A personal pool, in a sandbox and as an ordinary user, runs a job, and lets one into it."""
    for part in ("var", "etc/condor"):
        shutil.copytree(runtime.root / part, tmp_path / part, symlinks=True)
    for part in ("tmp", "run"):
        (tmp_path / part).mkdir()
    passwd = (runtime.root / "etc/passwd").read_text()
    (tmp_path / "passwd").write_text(f"{passwd}me:x:1000:1000::/tmp:/bin/bash\n")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n127.94.0.1 mini\n")
    (tmp_path / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    for name in ("personal.conf", f"security-{runtime.series}.conf"):
        shutil.copy(HERE / name, tmp_path / "etc/condor/config.d")
    own = {"var": "/var", "etc/condor": "/etc/condor", "tmp": "/tmp", "run": "/run"}
    read_only = {
        tmp_path / "passwd": "/etc/passwd",
        tmp_path / "hosts": "/etc/hosts",
        tmp_path / "nsswitch.conf": "/etc/nsswitch.conf",
        HERE / "inside": "/mnt",
    }
    argv = [
        *(bwrap, "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent"),
        *("--unshare-pid", "--unshare-uts", "--unshare-ipc", "--hostname", "mini"),
        *("--ro-bind", str(runtime.root), "/"),
        *(w for part, at in own.items() for w in ("--bind", str(tmp_path / part), at)),
        *(w for path, at in read_only.items() for w in ("--ro-bind", str(path), at)),
        *("--proc", "/proc", "--dev", "/dev", "--clearenv", "--setenv", "HOME", "/tmp"),
        *("--setenv", "PATH", "/usr/bin:/usr/sbin", "/bin/bash", "/mnt/with-pool", script),
    ]
    assert run(*argv) == says


@pytest.mark.slow
def test_wheel_brings_it_without_a_network(
    runtime: Runtime, offline: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    """The wheel, installed by pip in an empty environment, is all that `runtime build` needs."""
    if runtime.series != catalogue().default:
        pytest.skip("one series is enough: packing takes time")
    wheel = write_wheel(runtime, tmp_path, partial(export, preset=0))
    venv.create(tmp_path / "venv", with_pip=True)
    run(tmp_path / "venv/bin/pip", "install", "--no-index", "--no-deps", wheel)
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    command, environment = offline
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(site)]))
    said = run(*command, "runtime", "build", env={**environment, "PYTHONPATH": path})
    root = Path(said.strip())
    assert root.parent.name == runtime.path.name
    assert (root / "usr/sbin/condor_master").samefile(root / "sbin/condor_master")


def test_relocated_one_needs_nothing_else(runtime: Runtime, bwrap: str) -> None:
    """In a root without a single file of its own, each program finds loader and libraries."""
    root = relocated(runtime, PREFIX, Progress())
    argv = [bwrap, "--unshare-user", "--tmpfs", "/", "--ro-bind", str(root), PREFIX, "--"]
    assert f": {runtime.series}." in run(*argv, f"{PREFIX}/usr/bin/condor_version")
    for path in sorted(root.glob("usr/*bin/*")):
        found = None if path.is_symlink() else elf(path.read_bytes())
        if found and found.has_interpreter:
            loader = f"{PREFIX}/lib64/{next(root.glob('lib64/ld-linux*')).name}"
            said = run(*argv, loader, "--list", f"{PREFIX}/{path.relative_to(root)}")
            others = [line for line in said.splitlines() if "=>" in line and PREFIX not in line]
            assert others == [], path


def test_lock_can_be_refreshed() -> None:
    """Today's indexes are signed by Debian, and have all that the recipe wants."""
    made = make_lock(Fetcher(mirrors()), catalogue().get(None), "amd64", accept_expired=True)
    assert {"condor", "libc6", "bash", "tini"} <= {package.name for package in made.packages}


@pytest.fixture
def sqv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verifier:
    """Debian 13's program that checks signatures, as the only one on this machine."""
    fetcher, ours = Fetcher(mirrors()), Verifier.of_machine()
    index = read_index(fetcher, ours, catalogue().debian, machine_architecture())
    root = tmp_path / "root"
    for entry in resolve([index], index.suite, wanted=("sqv",), ahead=(), drop=()):
        deb = tmp_path / "deb"
        deb.write_bytes(fetcher.package(locked(entry), refresh=""))
        run("dpkg-deb", "-x", deb, root)
    (loader,) = root.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*")
    program = tmp_path / "bin/sqv"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec {loader} --library-path {loader.parent} {root}/usr/bin/sqv "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return Verifier.of_machine()


def test_sqv_checks_signatures(sqv: Verifier) -> None:
    """Where sqv is in gpgv's place, as on Debian 13, it takes Debian's index and no other one."""
    assert sqv.program == "sqv"
    signed = Fetcher(mirrors()).index("dists/trixie/InRelease")
    assert "\nCodename: trixie\n" in sqv.signed_text(signed, "dists/trixie/InRelease")
    with pytest.raises(RuntimeFailed, match=r"has no valid signature by Debian\. sqv says"):
        sqv.signed_text(signed.replace(b"Codename: trixie", b"Codename: sid"), "x")
