#!/bin/sh
# exit.sh: lets processes exit with a status of our choice. It is handed to `sh -s` where the processes are, by somebody
# who may trace them (ptrace(2), "Ptrace access mode checking"). The program that a stopped process is about to go on
# with is overwritten, in that process alone, by the system call exit_group(2): proc_pid_mem(5). So it is the process
# itself that exits, and its parent sees that in the usual way.
#   try PROCESS...         tells whether that can be done: with a process of ours, and whether these may be changed.
#                          Changes none of them
#   make CODE PROCESS...   prepares these processes, which are being stopped. They exit when they go on
# A process is PID:START, as in processes.sh.
set -eu
TRIES=50 # tenths of a second
TRIAL=42

# state_of PID: prints the state of a process and its start, the 3rd and 22nd field of proc_pid_stat(5).
state_of() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # words
  set -- ${line##*\) }
  [ $# -ge 20 ] && echo "$1 ${20}"
}

fail() {
  echo "$1" >&2
  exit 1
}

# await_stop PID: waits until a process is stopped.
await_stop() {
  tries=$TRIES
  until case $(state_of "$1") in [Tt]*) ;; *) false ;; esac do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "process $1 does not stop"
    sleep 0.1
  done
}

octal() { printf '\\%03o' "$@"; }

# program CODE: prints exit_group(CODE) in the machine's language. A call that was interrupted is begun again: the
# process goes back by one instruction, and finds one that does nothing.
program() {
  case $(uname -m) in
    x86_64)
      back=2 # nop; nop; mov $CODE, %edi; mov $231, %eax; syscall
      bytes=$(octal 0x90 0x90 0xbf "$1" 0 0 0 0xb8 231 0 0 0 0x0f 0x05)
      ;;
    aarch64)
      back=4 # nop; mov w0, #CODE; mov w8, #94; svc #0
      bytes=$(octal 0x1f 0x20 0x03 0xd5 $(($1 << 5 & 0xff)) $(($1 >> 3)) 0x80 0x52 0xc8 0x0b 0x80 0x52 0x01 0 0 0xd4)
      ;;
    *) fail "it is not known how programs for $(uname -m) exit" ;;
  esac
}

# prepare PID CODE: the last word of proc_pid_syscall(5) is where the process goes on.
prepare() {
  await_stop "$1"
  program "$2"
  where=$(cat "/proc/$1/syscall")
  # shellcheck disable=SC2059 # the bytes are the format
  printf "$bytes" |
    dd of="/proc/$1/mem" bs=1 seek=$((${where##* } - back)) conv=notrunc 2>/dev/null ||
    fail "the memory of process $1 cannot be written"
}

# is_native PID: whether a program is of 64 bits, as the kernel is: its 5th byte (elf(5)).
is_native() { [ "$(dd if="/proc/$1/exe" bs=1 skip=4 count=1 2>/dev/null | od -An -tu1 | tr -d ' ')" = 2 ]; }

action=$1
shift
case $action in
  try)
    sleep 60 &
    ours=$!
    trap 'kill -KILL $ours 2>/dev/null || :' EXIT
    kill -STOP "$ours"
    prepare "$ours" $TRIAL
    kill -CONT "$ours"
    status=0
    wait "$ours" || status=$?
    [ $status = $TRIAL ] || fail "a process that was to exit with $TRIAL ended with $status"
    trap - EXIT
    for process; do
      pid=${process%:*}
      [ -e "/proc/$pid" ] || continue
      (: <"/proc/$pid/syscall" 3<>"/proc/$pid/mem") 2>/dev/null || fail "process $pid may not be traced"
      is_native "$pid" || fail "the program of process $pid is of another kind than the machine"
    done
    ;;
  make)
    code=$1
    shift
    for process; do
      case $(state_of "${process%:*}") in *" ${process#*:}") prepare "${process%:*}" "$code" ;; esac
    done
    ;;
esac
