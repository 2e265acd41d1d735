"""A root file system as small as can be, whose only program is linked against musl's libc."""

from __future__ import annotations

import subprocess
import tarfile
from typing import TYPE_CHECKING

import debian_packages

if TYPE_CHECKING:
    from pathlib import Path

TOOL = r"""
#include <stdio.h>
#include <string.h>

extern char **environ;

int main(void) {
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r"), *in = fopen("input.txt", "r");
    FILE *out = fopen("made.txt", "w");
    while (fgets(line, sizeof line, maps))
        if (strchr(line, '/')) printf("mapped: %s", strchr(line, '/'));
    while (fgets(line, sizeof line, in)) fputs(line, out);
    for (char **variable = environ; *variable; variable++) puts(*variable);
    return 0;
}
"""
"""Says what is mapped into it and its variables, and makes ``made.txt`` of ``input.txt``."""


def make(folder: Path) -> Path:
    """A tar of it; and beside that ``first.so``, a library that needs this libc.

    Nothing is installed: Debian's packages are unpacked in the folder, a small compiler among them.
    """
    debian_packages.unpack(folder, "musl", "musl-dev", "tcc")
    (loader,) = folder.glob("**/ld-musl-*.so.1")
    (libc,) = folder.glob("**/*-linux-musl/libc.so")
    (first,) = folder.glob("**/*-linux-musl/crt1.o")
    (headers,) = folder.glob("usr/include/*-linux-musl")
    (own_files,) = folder.glob("usr/lib/*/tcc")
    (folder / "tool.c").write_text(TOOL)
    (folder / "first.c").write_text("int nothing;\n")
    tcc = (f"{folder}/usr/bin/tcc", f"-B{own_files}", "-nostdinc", f"-I{headers}", "-nostdlib")
    ends = [str(first), str(first.with_name("crti.o")), str(first.with_name("crtn.o"))]
    for arguments in (["-o", "tool", *ends, "tool.c"], ["-shared", "-o", "first.so", "first.c"]):
        subprocess.run(
            [*tcc, *arguments, str(libc)],
            cwd=folder,
            env={"LD_SO": f"/lib/{loader.name}"},
            check=True,
        )
    tarball = folder / "root.tar"
    with tarfile.open(tarball, "w") as tar:
        tar.add(folder / "tool", "bin/tool")
        tar.add(libc, f"lib/{loader.name}")
    return tarball
