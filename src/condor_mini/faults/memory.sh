#!/bin/sh
# memory.sh: a job that is out of memory. It is handed to `sh -s` on the node of the job, as root.
#   take UNTIL MIB PROCESS   starts a process that takes so much memory, as the user of the job. It has what HTCondor's
#                            procd knows the processes of a job by: their group, or where all have one user, their
#                            variables. So HTCondor counts its memory as the job's, and ends it with the job.
#                            PROCESS is the first process of the job, as PID:START. UNTIL is what this waits for.
#                            `end`: that PROCESS has ended. It becomes what the kernel kills first where memory is short.
#                            `use`: that the memory is in use.
set -eu
MIB=1048576
TRIES=300  # tenths of a second
LAST=900   # seconds: it ends by then if the job does not
FIRST=1000 # proc_pid_oom_score_adj(5)

until=$2 size=$3 pid=${4%:*} began=${4#*:}

# is_there: whether the job's first process still exists. Its start is the 22nd field of proc_pid_stat(5).
is_there() {
  { read -r line <"/proc/$pid/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # words
  set -- ${line##*\) }
  [ $# -ge 20 ] && [ "$1" != Z ] && [ "${20}" = "$began" ]
}

# status_of PID NAME: prints what follows a name in proc_pid_status(5).
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" 2>/dev/null; }

end_ours() { $as_job sh -c "kill -s KILL -- -$ours" 2>/dev/null || :; }

fail() {
  end_ours
  echo "$1" >&2
  exit 1
}

# used: prints the memory of what is started here, in MiB. The third field after the name in proc_pid_stat(5) is the
# process group.
used() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed -n "s/^\([0-9]*\) (.*) . [0-9]* $ours .*/\1/p" |
    while read -r one; do status_of "$one" VmRSS; done |
    awk '{ total += $1 } END { print int(total / 1024) }'
}

is_there || exit 0
user=$(status_of "$pid" Uid | cut -f 1)
group=$(status_of "$pid" Gid | cut -f 1)
groups=$(status_of "$pid" Groups | sed 's/ *$//; s/ /,/g')
as_job=''
[ "$user" = "$(id -u)" ] || as_job="setpriv --reuid $user --regid $group --groups ${groups:-$group}"
kin=$($as_job cat "/proc/$pid/environ" | tr '\0' '\n' | grep -E '^_CONDOR_ANCESTOR_[0-9]+=') || :
[ "$until" != end ] || $as_job sh -c "echo $FIRST >/proc/$pid/oom_score_adj"
# A line that does not end is kept by tail(1).
# shellcheck disable=SC2086 # words, which the kernel and HTCondor have made of numbers
$as_job setsid env $kin sh -c "{ head -c $((size * MIB)) /dev/zero; exec sleep $LAST; } | tail" \
  </dev/null >/dev/null 2>&1 &
ours=$!
tries=$TRIES
while is_there; do
  now=$(used)
  [ "$until" != use ] || [ "$now" -lt "$size" ] || exit 0
  tries=$((tries - 1))
  [ $tries -gt 0 ] || fail "the job has $now of $size MiB more, and has not ended"
  sleep 0.1
done
end_ours
