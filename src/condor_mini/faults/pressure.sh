#!/bin/sh
# pressure.sh: processes that use up what a node has. It is handed to `sh -s` in the node, as root. The processes bear a
# mark in their environment, which is how they are found again; they end by themselves after a day.
#   room               prints the memory limit of the node, what of it is taken, and what the machine has left, in MiB;
#                      no limit is 0
#   make cpu N         starts so many processes that compute; 0 for one for each CPU
#   make memory MIB    starts processes that take so much memory, and waits until they have it
#   end KIND           kills them
set -eu
DAY=86400
MIB=1048576
PIECES=32
SMALLEST=16 # MiB
WAIT=300 # tenths of a second

action=$1 kind=${2:-}
mark=CONDOR_MINI_FAULT=$kind-pressure-of-${CONDOR_MINI_CONTAINER:-this-node}

# ours: prints the marked processes. Those of other users are not root's to read, nor ours.
ours() {
  grep -lsF "$mark" /proc/[0-9]*/environ | while read -r file; do
    place=${file%/environ}
    [ "$(stat -c %u "$place" 2>/dev/null)" != "$(id -u)" ] || echo "${place#/proc/}"
  done
}

kill_ours() {
  rounds=50
  while [ $rounds -gt 0 ] && left=$(ours) && [ -n "$left" ]; do
    # shellcheck disable=SC2086 # numbers
    kill -KILL $left 2>/dev/null || :
    rounds=$((rounds - 1))
  done
}

# start SCRIPT [ARGUMENT]: starts a marked process of its own session.
start() {
  env "$mark" setsid sh -c "$@" </dev/null >/dev/null 2>&1 &
}

# taken: prints the memory that the marked processes have, in MiB.
taken() {
  for pid in $(ours); do
    cat "/proc/$pid/status" 2>/dev/null || :
  done | awk '/^VmRSS:/ { total += $2 } END { print int(total / 1024) }'
}

# read_first FILE...: prints the first of the files that exists.
read_first() {
  for file; do
    ! [ -r "$file" ] || { cat "$file"; return; }
  done
}

case $action-$kind in
  room-)
    group=/sys/fs/cgroup
    limit=$(read_first $group/memory.max $group/memory/memory.limit_in_bytes)
    case $limit in
      '' | max | ???????????????*) limit=0 ;; # without a limit, version 1 has a number of 19 digits
    esac
    # What files have in memory is given back when others need it.
    used=$(read_first $group/memory.current $group/memory/memory.usage_in_bytes)
    files=$(read_first $group/memory.stat $group/memory/memory.stat | sed -n 's/^\(file\|cache\) //p' | head -n 1)
    left=$(sed -n 's/^MemAvailable:[^0-9]*\([0-9]*\) kB$/\1/p' /proc/meminfo)
    echo "$((limit / MIB)) $(((${used:-0} - ${files:-0}) / MIB)) $((left / 1024))"
    ;;
  make-cpu)
    count=$3
    [ "$count" -gt 0 ] || count=$(nproc)
    while [ "$count" -gt 0 ]; do
      start "exec timeout $DAY sh -c 'while :; do :; done'"
      count=$((count - 1))
    done
    ;;
  make-memory)
    # Where memory is short the kernel kills the largest process, which is to be a job and none of ours.
    piece=$(($3 / PIECES + 1))
    [ $piece -ge $SMALLEST ] || piece=$SMALLEST
    rest=$3
    while [ "$rest" -gt 0 ]; do
      [ "$piece" -le "$rest" ] || piece=$rest
      # tail(1) keeps a line that does not end.
      start "{ head -c $((piece * MIB)) /dev/zero; exec sleep $DAY; } | tail"
      rest=$((rest - piece))
    done
    tries=$WAIT
    until [ "$(taken)" -ge "$3" ]; do
      tries=$((tries - 1))
      if [ $tries -le 0 ] || [ -z "$(ours)" ]; then
        kill_ours
        echo "the node does not get $3 MiB of memory" >&2
        exit 1
      fi
      sleep 0.1
    done
    ;;
  end-*) kill_ours ;;
esac
