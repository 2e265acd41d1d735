#!/bin/sh
# processes.sh: finds and signals processes of the node in which it runs. It is handed to `sh -s`, so it also works in
# nodes that an older condor-mini has made. A process is PID:START, so that none is mistaken for a later one that has
# its number. START is the 22nd field of proc_pid_stat(5).
#   find NAME              prints the processes of the daemon condor_NAME
#   starter SLOT           prints the condor_starter of a slot
#   below-starter SLOT     prints the processes that it has started
#   stopped                prints the processes that are stopped
#   signal NUMBER P...     sends a signal to those of the processes that still exist
#   stop                   stops all processes of the node but the first one
#   continue P...          lets all stopped processes go on but those
#   kill                   kills all processes of the node, which ends it
set -eu
mark=${CONDOR_MINI_CONTAINER:-} # where there is no PID namespace: what the processes of a node have in common

# look PID: sets $comm, $state, $parent and $began; fails if there is no such process.
look() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  comm=${line#*\(} comm=${comm%\)*}
  # shellcheck disable=SC2086 # words
  set -- ${line##*\) }
  [ $# -ge 20 ] && [ "$1" != Z ] || return 1
  state=$1 parent=$2 began=${20}
}

# is_ours PID: whether the node itself has started a process: it descends from the first one. What the engine starts
# beside (this script, health checks) does not. An engine waits for such a process while it starts: Docker does
# nothing with a container any more if it is stopped then.
is_ours() {
  if [ -n "$mark" ]; then
    tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -qx "CONDOR_MINI_CONTAINER=$mark"
    return
  fi
  above=$1
  while [ "$above" -gt 1 ]; do
    look "$above" || return 1
    above=$parent
  done
  [ "$above" = 1 ]
}

# others: prints "PID STATE START COMM" for each process of the node but the first one, this one and its children.
others() {
  for place in /proc/[0-9]*; do
    pid=${place#/proc/}
    [ "$pid" != 1 ] && [ "$pid" != $$ ] && is_ours "$pid" && look "$pid" && [ "$parent" != $$ ] || continue
    echo "$pid $state $began $comm"
  done
}

# starter SLOT: prints the condor_starter of a slot. The slot is one of its arguments.
starter() {
  others | while read -r pid _ start comm; do
    [ "$comm" = condor_starter ] || continue
    ! tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$1" || echo "$pid:$start"
  done
}

# stop_all: repeats until nothing goes on, because a process may just be starting another one.
stop_all() {
  rounds=20
  while [ $rounds -gt 0 ]; do
    going=$(others | sed -n 's/^\([0-9]*\) [^Tt] .*/\1/p')
    stoppable=''
    for pid in $going; do ! kill -STOP "$pid" 2>/dev/null || stoppable=yes; done
    [ -n "$stoppable" ] || return 0
    rounds=$((rounds - 1))
  done
}

action=$1
shift
case $action in
  find)
    # proc_pid_stat(5) cuts a name after 15 characters.
    name=$(printf %.15s "condor_$1")
    others | while read -r pid _ start comm; do [ "$comm" != "$name" ] || echo "$pid:$start"; done
    ;;
  starter) starter "$1" ;;
  below-starter)
    # A job has an environment of its own, without the mark of its node.
    for process in $(starter "$1"); do
      for place in /proc/[0-9]*; do
        ! look "${place#/proc/}" || [ "$parent" != "${process%:*}" ] || echo "${place#/proc/}:$began"
      done
    done
    ;;
  stopped) others | sed -n 's/^\([0-9]*\) [Tt] \([0-9]*\) .*/\1:\2/p' ;;
  signal)
    number=$1
    shift
    for process; do
      look "${process%:*}" && [ "$began" = "${process#*:}" ] || continue
      kill -"$number" "${process%:*}" && echo "$process"
    done
    ;;
  stop) stop_all ;;
  continue)
    others | sed -n 's/^\([0-9]*\) [Tt] \([0-9]*\) .*/\1:\2/p' | while read -r process; do
      case " $* " in *" $process "*) continue ;; esac
      kill -CONT "${process%:*}" 2>/dev/null || :
    done
    ;;
  kill)
    [ -n "$mark" ] || stop_all
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(others | cut -d ' ' -f 1)
    ;;
esac
