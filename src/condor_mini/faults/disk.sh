#!/bin/sh
# disk.sh: makes a directory one of a full file system, and ends that. It is handed to `sh -s` as root, in the mount
# namespace of a node. The directory gets a layer (overlay) on a file system of its own that is small and full: what is
# there can be read, and what is opened there from now on cannot grow. What was open before is not concerned.
#   make DIRECTORY   twice does no harm
#   end DIRECTORY    undoes it; what is undone already is a success
set -eu
NAME=condor-mini-disk-full
SIZE=65536

action=$1 path=$2

# on_top: tells whether what was mounted last on the directory is ours.
on_top() {
  top=''
  while read -r source target _; do
    [ "$target" != "$path" ] || top=$source
  done </proc/mounts
  [ "$top" = "$NAME" ]
}

take_off() {
  # Jobs may be in it: it goes when the last one has left it.
  while on_top; do umount -l "$path"; done
}

case $action in
  make)
    ! on_top || exit 0
    owner=$(stat -c %u:%g "$path")
    mode=$(stat -c %a "$path")
    exec 3<"$path" # what is there, below what is mounted on it
    trap take_off EXIT
    mount -t tmpfs -o "size=$SIZE,mode=755" "$NAME" "$path"
    mkdir "$path/upper" "$path/work"
    chown "$owner" "$path/upper"
    chmod "$mode" "$path/upper"
    cat </dev/zero >"$path/full" 2>/dev/null || :
    mount -t overlay -o "lowerdir=/proc/self/fd/3,upperdir=$path/upper,workdir=$path/work" "$NAME" "$path"
    trap - EXIT
    ;;
  end) take_off ;;
esac
