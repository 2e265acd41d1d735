#!/bin/sh
# prepare [SOURCE:COPY...] [SHARED...]: fills the volumes of a pod before its node starts, because a new volume of
# Kubernetes is empty and belongs to root. It copies what the image has at SOURCE to COPY unless COPY is there
# already, or makes the directory COPY if SOURCE is empty. It lets all users write to each directory SHARED, and
# puts HTCondor's configuration where the node reads it, and the key if only an ordinary user would read it there.
set -eu

for word; do
  source=${word%%:*} copy=${word#*:}
  case $word in
    :*) mkdir -p "$copy" ;;
    *:*)
      [ ! -e "$copy" ] || continue
      mkdir -p "${copy%/*}"
      # A pod that is interrupted here starts again, and must not take half a copy for a whole one.
      rm -rf "$copy.new"
      cp -a "$source" "$copy.new"
      mv "$copy.new" "$copy"
      ;;
    *)
      # Only the owner may change the mode, and a volume that others use too may have another one.
      [ "$(stat -c %a "$word")" = 1777 ] || chmod 1777 "$word"
      ;;
  esac
done
install -m 0644 /config/[0-9]* /scratch/etc/condor/config.d/
if [ -e /secret/pool_password ]; then
  install -m 0600 /secret/pool_password /scratch/etc/condor/passwords.d/POOL
fi
