"""Scripts for a node's shell: HTCondor's programs, and a job that is held and released."""

from __future__ import annotations

NEEDS_MORE = ("condor_pool_job_report", "condor_run", "condor_credmon_*")
"""Programs that do their work when they start: they send mail, submit a job, watch a directory."""


def broken_programs() -> str:
    """A script that prints each of HTCondor's programs that cannot start, and why."""
    skipped = "|".join(f"*/{name}" for name in NEEDS_MORE)
    return rf"""
for program in /usr/bin/condor_* /usr/bin/classad* /usr/sbin/condor_* /usr/sbin/procd_ctl \
    /usr/sbin/gidd_alloc; do
  case $program in {skipped}) continue ;; esac
  said=$(timeout 10 "$program" -version </dev/null 2>&1) && status=0 || status=$?
  case $status:$said in
    12[4-7]:* | 1[3-9][0-9]:* | *"No such file or directory: "* | *": not found"* | \
      *"error while loading"*) echo "$program ends with $status: $said" ;;
  esac
done
"""


def absent_libraries() -> str:
    """A script that prints the libraries that HTCondor names and the node lacks.

    HTCondor loads them at run time (dlopen(3)), so a program starts without them.
    """
    return r"""
shopt -s globstar nullglob
programs=(/usr/lib/**/libcondor*.so* /usr/sbin/condor_* /usr/bin/condor_*)
names() {
  cat "${programs[@]}" | tr -c '[:print:]' '\n' | grep -aoxE 'lib[A-Za-z0-9_+-]+\.so(\.[0-9]+)+'
}
for name in $(names | sort -u); do
  found=(/usr/lib/**/"$name")
  [ ${#found[@]} -gt 0 ] || echo "$name"
done
"""


def hold_and_release() -> str:
    """A script that prints what condor_release says of a held job, and its status."""
    return r"""
cd /tmp
printf '%s\n' executable=/bin/sleep transfer_executable=false arguments=60 request_memory=16 \
  request_disk=1M 'transfer_output_files=""' queue >held.sub
job=$(condor_submit -terse held.sub | cut -d' ' -f1)
condor_hold "$job"
condor_release "$job"
echo "status $?"
condor_rm "$job"
"""


def ssh_to_job(requirements: str = "true") -> str:
    """A script that prints the user's name by ssh in a job that runs where that is met."""
    return rf"""
cd /tmp
printf '%s\n' executable=/bin/sleep transfer_executable=false arguments=60 request_memory=16 \
  request_disk=1M 'transfer_output_files=""' 'requirements={requirements}' queue >ssh.sub
job=$(condor_submit -terse ssh.sub | cut -d' ' -f1)
for _ in $(seq 300); do
  [ "$(condor_q "$job" -af JobStatus)" != 2 ] || break
  sleep 0.1
done
timeout 60 condor_ssh_to_job -auto-retry "$job" 'id -un'
condor_rm "$job" >&2
"""
