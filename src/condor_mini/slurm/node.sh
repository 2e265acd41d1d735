#!/bin/bash
# Runs an execution point of the pool in a task of a Slurm job: node.sh DIRECTORY. The directory has all that it needs:
# root.tar.gz (HTCondor, and a small Debian), files.tar (its configuration), token and settings; with an older HTCondor
# also tools.tar.gz. The node's files are in a directory of the compute node, which is removed at the end.
# node.sh --drain JOB: the execution points of this job on this compute node accept no more jobs, and end when theirs
# have ended. node.sh --end JOB: they end now, and their jobs return to their queues. Slurm's own signal reaches all
# processes at the same moment, jobs too, and some nodes then tell nobody.
set -eu
umask 077
shopt -s nullglob
# What `settings` says.
pool='' machine='' loader='' libraries='' collector_address='' collector_port='' user='' kill_wait_s='' patience_s=''
environment=() mounts=()

# own PROGRAM: one of those that travel
own() { "$tools/$loader" --library-path "$tools/$libraries" "$tools/usr/$1" "${@:2}"; }
become() { exec "$tools/$loader" --library-path "$tools/$libraries" "$tools/usr/$1" "${@:2}"; } # in place of this shell
say() { echo "$name on $(uname -n): $*" >&2; }
fail() { say "$*"; exit 1; }

temporary() {
  for place in "${SLURM_TMPDIR:-}" "${TMPDIR:-}" /tmp; do
    if [ -n "$place" ] && [ -d "$place" ] && [ -w "$place" ]; then echo "$place"; return; fi
  done
}

remove() { # remove DIRECTORY: also what a job has made read-only
  chmod -R u+rwX "$1" 2>/dev/null || true
  rm -rf "$1"
}

# sweep: removes what node.sh has left here when it was killed. While it runs, it holds a lock.
sweep() {
  for old in "$temporary"/condor-mini.*; do
    if [ -O "$old" ] && [ -e "$old/lock" ] && flock --nonblock "$old/lock" true; then remove "$old"; fi
  done
}

# own_address: the address of this host from which it reaches the central manager, found by doing so
own_address() {
  local inode from='' tries=0
  exec 3<>"/dev/tcp/$collector_address/$collector_port" || return 1
  inode=$(readlink "/proc/$BASHPID/fd/3") inode=${inode//[!0-9]/}
  # The table lacks lines if other connections end while it is read.
  until [ -n "$from" ] || [ $((tries += 1)) -gt 100 ]; do
    from=$(sed -n "s/^ *[0-9]*: \([0-9A-F]*\):\([^ ]\+ \+\)\{8\}$inode .*/\1/p" /proc/net/tcp)
  done
  exec 3>&-
  [ -n "$from" ] && printf '%d.%d.%d.%d' "0x${from:6:2}" "0x${from:4:2}" "0x${from:2:2}" "0x${from:0:2}"
}

free_port() {
  port=$((20000 + (SLURM_JOB_ID * 64 + SLURM_PROCID) % 9000))
  while grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp; do port=$((port + 1)); done
  echo "$port"
}

# configuration: the node's settings that depend on what Slurm has given it
configuration() {
  echo "# What this node is in Slurm, and where it is reached."
  echo "CondorMiniHost = \"${SLURMD_NODENAME:-$(uname -n)}\""
  echo "SHARED_PORT_PORT = $port"
  echo "SlurmJobId = $SLURM_JOB_ID"
  echo "SlurmPartition = \"${SLURM_JOB_PARTITION:-}\""
  echo "STARTD_ATTRS = \$(STARTD_ATTRS) SlurmJobId SlurmPartition"
  echo "# The job's share of the compute node."
  echo "NUM_CPUS = $cpus"
  memory_mb=${SLURM_MEM_PER_NODE:-0}
  [ "$memory_mb" != 0 ] || memory_mb=$((${SLURM_MEM_PER_CPU:-0} * cpus))
  # Slurm sets no limit, or the partition's: the share of the cores.
  [ "$memory_mb" != 0 ] || memory_mb=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) * cpus / $(nproc --all) / 1024))
  echo "MEMORY = $memory_mb"
  gpus=${CUDA_VISIBLE_DEVICES:-}
  case $gpus in
    '' | NoDevFiles) ;;
    *[!0-9,]*) echo "MACHINE_RESOURCE_GPUs = ${gpus//,/ }" ;;
    *)
      # A bare number would be taken for a number of GPUs. This variable gets the digits alone; with the default, 25.14
      # lets the name stand.
      echo "MACHINE_RESOURCE_GPUs = CUDA${gpus//,/ CUDA}"
      echo "ENVIRONMENT_FOR_AssignedGPUs = CUDA_VISIBLE_DEVICES"
      ;;
  esac
  echo "# Slurm kills ${kill_wait_s} s after it has asked to end."
  echo "SHUTDOWN_GRACEFUL_TIMEOUT = $((kill_wait_s * 2 / 3))"
  echo "SHUTDOWN_FAST_TIMEOUT = $((kill_wait_s / 6))"
  [ -n "$end" ] || return 0
  echo "# The time limit. A job that says how long it may run (allowed_execute_duration) ends before it; others do not"
  echo "# start any more ${retire_s} s before it."
  echo "SlurmEndTime = $end"
  echo "STARTD_ATTRS = \$(STARTD_ATTRS) SlurmEndTime"
  echo "START = (\$(START)) && time() + (TARGET.AllowedExecuteDuration ?: $retire_s) < $((end - leave_s))"
}

run() {
  here=$1
  # shellcheck source=/dev/null
  . "$here/settings"
  name=$pool-slurm-$SLURM_JOB_ID-$((SLURM_PROCID + 1))
  [ "$(uname -m)" = "$machine" ] || fail "this is a $(uname -m), and the pool's files are for $machine"
  address=$(own_address 2>/dev/null) ||
    fail "the central manager is not reached at $collector_address:$collector_port from here"
  port=$(free_port)
  cpus=${SLURM_CPUS_ON_NODE:-1}
  end=${CONDOR_MINI_END:-}
  # No new jobs in the last tenth of the time, at most ten minutes; the last minute is for leaving.
  retire_s=0 leave_s=60
  if [ -n "$end" ]; then
    left_s=$((end - $(date +%s)))
    [ $left_s -ge 600 ] || leave_s=$((left_s / 10))
    retire_s=$((left_s / 10))
    [ $retire_s -le 600 ] || retire_s=600
  fi

  temporary=$(temporary)
  place=$(mktemp -d "$temporary/condor-mini.$SLURM_JOB_ID.XXXXXX") || fail "no directory can be made in $temporary"
  trap 'remove "$place"' EXIT
  if command -v flock >/dev/null; then
    exec 9>"$place/lock.new"
    flock 9
    mv "$place/lock.new" "$place/lock"
    sweep
  fi
  root=$place/root tools=$place/root
  mkdir "$root"
  tar -xzf "$here/root.tar.gz" -C "$root" --no-same-owner || fail "$place cannot be filled"
  if [ -e "$here/tools.tar.gz" ]; then
    tools=$place/tools
    mkdir "$tools"
    tar -xzf "$here/tools.tar.gz" -C "$tools" --no-same-owner || fail "$place cannot be filled"
  fi
  tar -xf "$here/files.tar" -C "$root" --no-same-owner || fail "$place cannot be filled"
  install -m 0600 "$here/token" "$root/etc/condor/tokens.d/node" || fail "the token $here/token cannot be read"
  (umask 022; configuration >"$root/etc/condor/config.d/65-slurm")
  mkdir -p "$root/run/condor-mini" "$root/.old" "$root/proc" "$root/dev" "$root/sys"
  cat /etc/resolv.conf >"$root/etc/resolv.conf" 2>/dev/null || true
  { echo "127.0.0.1 localhost"; echo "$address $name"; grep -v localhost /etc/hosts || true; } >"$root/etc/hosts"
  cp "$here/settings" "$0" "$root/run/condor-mini/"
  for ((i = 0; i < ${#mounts[@]}; i += 3)); do
    [ -e "${mounts[i]}" ] || fail "${mounts[i]} is to be mounted, and is not on this compute node"
    if [ -d "${mounts[i]}" ]; then mkdir -p "$root${mounts[i + 1]}"; else
      mkdir -p "$(dirname "$root${mounts[i + 1]}")"
      : >>"$root${mounts[i + 1]}"
    fi
  done

  inside=(/usr/bin/env -i "${environment[@]}" "NODE_ADDRESS=$address" "CONDOR_MINI_LEAVE=${end:+$((end - leave_s))}"
    /usr/bin/bash /run/condor-mini/node.sh --main)
  trap : TERM INT # Slurm has sent it to all processes
  if why=$([ "${CONDOR_MINI_SANDBOX:-}" != paths ] && own bin/unshare --user --map-root-user --mount --pid --fork \
    "$tools/$loader" --library-path "$tools/$libraries" "$tools/usr/bin/mount" -t proc proc "$root/proc" 2>&1); then
    export root tools name
    become bin/unshare --user --map-root-user --mount --pid --fork --kill-child --uts --ipc \
      "$tools/$loader" --library-path "$tools/$libraries" "$tools/usr/bin/bash" "$root/run/condor-mini/node.sh" \
      --inside "${inside[@]}" &
  else
    say "paths are translated, because there are no namespaces: ${why:-CONDOR_MINI_SANDBOX=paths}"
    mkdir "$place/proot"
    export PROOT_NO_SECCOMP=1 PROOT_TMP_DIR=$place/proot
    binds=()
    for ((i = 0; i < ${#mounts[@]}; i += 3)); do binds+=(-b "${mounts[i]}:${mounts[i + 1]}"); done
    become bin/proot --kill-on-exit -r "$root" -b /proc -b /dev -b /sys "${binds[@]}" -i "$user" -w / \
      -k "\\Linux\\$name\\$(uname -r)\\$(uname -v)\\$(uname -m)\\\\-1\\" "${inside[@]}" &
  fi
  sandbox=$!
  status=0
  wait $sandbox || status=$?
  while kill -0 $sandbox 2>/dev/null; do status=0; wait $sandbox || status=$?; done
  exit $status
}

# inside: what root of a new user namespace does, to have the node's files as its own
inside() {
  PATH=/usr/sbin:/usr/bin
  # shellcheck source=/dev/null
  . "$root/run/condor-mini/settings"
  own bin/mount --bind "$root" "$root"
  own bin/mount -t proc proc "$root/proc"
  own bin/mount --rbind /dev "$root/dev"
  own bin/mount --rbind /sys "$root/sys"
  for ((i = 0; i < ${#mounts[@]}; i += 3)); do
    own bin/mount -o "rbind${mounts[i + 2]:+,ro=recursive}" "${mounts[i]}" "$root${mounts[i + 1]}"
  done
  own bin/hostname "$name"
  cd "$root"
  own sbin/pivot_root . .old
  cd /
  umount --internal-only --lazy /.old
  exec unshare --user "--map-user=${user%:*}" "--map-group=${user#*:}" setpriv --no-new-privs "$@"
}

# watch: returns when the node is to end: it was told so, its time is over, or there is no pool any more
watch() {
  local drained='' heard=$SECONDS looked=$SECONDS
  until [ -e /run/condor-mini/end ] || { [ -n "$CONDOR_MINI_LEAVE" ] && [ "$(date +%s)" -ge "$CONDOR_MINI_LEAVE" ]; }; do
    if [ -z "$drained" ] && [ -e /run/condor-mini/drain ]; then
      drained=yes
      condor_off -peaceful -master >/dev/null
    fi
    if [ $((SECONDS - looked)) -ge $((patience_s / 10)) ]; then
      looked=$SECONDS
      # shellcheck disable=SC2016 # the other shell expands it
      if timeout 10 bash -c ': <>"/dev/tcp/$0/$1"' "$collector_address" "$collector_port" 2>/dev/null; then heard=$SECONDS; fi
      if [ $((SECONDS - heard)) -ge "$patience_s" ]; then
        say "the central manager has not been reached at $collector_address:$collector_port for $patience_s s"
        return
      fi
    fi
    sleep 0.5
  done
}

# main: the node itself, until it ends or has to
main() {
  # shellcheck source=/dev/null
  . /run/condor-mini/settings
  name=$(hostname)
  /usr/bin/tini -- /usr/local/libexec/condor-mini/entrypoint &
  node=$!
  trap 'kill -TERM $node 2>/dev/null || true' TERM INT
  { watch; kill -TERM $node; } &
  status=0
  wait $node || status=$?
  while kill -0 $node 2>/dev/null; do status=0; wait $node || status=$?; done
  exit $status
}

case $1 in
  --inside) shift; inside "$@" ;;
  --main) main ;;
  --drain | --end)
    for place in "$(temporary)/condor-mini.$2".*; do : >"$place/root/run/condor-mini/${1#--}"; done
    ;;
  *) run "$1" ;;
esac
