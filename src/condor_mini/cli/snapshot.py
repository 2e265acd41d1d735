"""``condor-mini snapshot``: the state of a pool in one file."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    engine_option,
    leave_out_option,
    name_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
    show_table,
    timeout_option,
)


@click.group("snapshot")
def command() -> None:
    """Save the state of a pool in one file, and put it back.

    A snapshot has queues, history, accounting, keys and homes. SNAPSHOT is a name, or the path of a
    file: ./queue.tar.gz. condor-mini create --from SNAPSHOT creates a pool that begins with it.
    """


@command.command("save")
@click.argument("snapshot")
@name_option
@click.option(
    "--without-keys", is_flag=True, help="Leave out the keys, to give the snapshot to others."
)
@click.option("--force", is_flag=True, help="Replace a snapshot that exists.")
@timeout_option
@output_option
@engine_option
@quiet_option
def save(
    *,
    snapshot: str,
    name: str,
    without_keys: bool,
    force: bool,
    timeout_s: float,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Save the state of a pool.

    The nodes are stopped for it, and started again if they ran: jobs that run return to the queue,
    and run again.
    """
    from condor_mini.base.progress import progress_for_stderr

    made = open_pool(name, engine).save_snapshot(
        snapshot,
        keys=not without_keys,
        force=force,
        timeout_s=timeout_s,
        progress=progress_for_stderr(quiet=quiet),
    )
    if output == "json":
        show_json(made.to_json())
    else:
        click.echo(f"{made.path} ({_size(made.size_bytes)})")


@command.command("restore")
@click.argument("snapshot")
@name_option
@leave_out_option
@timeout_option
@engine_option
@quiet_option
def restore(
    *,
    snapshot: str,
    name: str,
    leave_out_running: bool,
    timeout_s: float,
    engine: str | None,
    quiet: bool,
) -> None:
    """Replace the state of a pool by that of a snapshot.

    What the pool has in its queues, history and homes is lost. Keys are replaced if the snapshot is
    of a pool of that name.
    """
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    open_pool(name, engine).restore_snapshot(
        snapshot, leave_out_running=leave_out_running, timeout_s=timeout_s, progress=progress
    )
    progress.note(f"The pool {name} has the state of {snapshot}")


@command.command("list")
@output_option
def list_(*, output: str) -> None:
    """List the snapshots that have names."""
    from condor_mini.base.times import ago
    from condor_mini.snapshots.snapshot import Snapshot

    found = Snapshot.list()
    if output == "json":
        show_json([snapshot.to_json() for snapshot in found])
        return
    rows = [
        [
            snapshot.name,
            snapshot.pool,
            snapshot.series,
            _jobs(snapshot.jobs),
            _size(snapshot.size_bytes),
            ago(snapshot.made),
        ]
        for snapshot in found
    ]
    show_table(["SNAPSHOT", "POOL", "HTCONDOR", "JOBS", "SIZE", "MADE"], rows)


@command.command("delete")
@click.argument("snapshots", metavar="SNAPSHOT...", nargs=-1, required=True)
def delete(*, snapshots: tuple[str, ...]) -> None:
    """Delete snapshots."""
    from condor_mini.snapshots.snapshot import Snapshot

    for snapshot in [Snapshot.open(name) for name in snapshots]:
        snapshot.delete()


def _jobs(jobs: dict[str, int] | None) -> str:
    if jobs is None:
        return "-"
    return ", ".join(f"{count} {state}" for state, count in jobs.items()) or "none"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
