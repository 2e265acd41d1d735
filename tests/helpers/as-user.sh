#!/bin/sh
# as-user USER [FOLDER...] -- COMMAND: run it as that user, who can pass through these folders.
# In a mount namespace of its own, so that nobody else can: the folders themselves stay closed.
set -eu
user=$1
shift
scratch=$(mktemp -d)
mount -t tmpfs -o mode=0700 none "$scratch"
number=0
while [ "$1" != -- ]; do
  number=$((number + 1))
  mkdir -p "$scratch/$number/upper" "$scratch/$number/work"
  chmod --reference="$1" "$scratch/$number/upper"
  mount -t overlay -o "lowerdir=$1,upperdir=$scratch/$number/upper,workdir=$scratch/$number/work" none "$1"
  chmod o+x "$1"
  shift
done
shift
exec setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
