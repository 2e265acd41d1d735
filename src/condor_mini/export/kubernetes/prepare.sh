#!/bin/sh
# prepare [SOURCE:COPY...] [SHARED...]: fills the volumes of a pod before its node starts, because a new volume of
# Kubernetes is empty and belongs to root. It copies the image's directory SOURCE to COPY unless COPY is there
# already, lets all users write to each directory SHARED, and puts HTCondor's configuration where the node reads it.
set -eu

for word; do
  case $word in
    *:*)
      copy=${word#*:}
      [ ! -e "$copy" ] || continue
      mkdir -p "${copy%/*}"
      # A pod that is interrupted here starts again, and must not take half a copy for a whole one.
      rm -rf "$copy.new"
      cp -a "${word%%:*}" "$copy.new"
      mv "$copy.new" "$copy"
      ;;
    *)
      # Only the owner may change the mode, and a volume that others use too may have another one.
      [ "$(stat -c %a "$word")" = 1777 ] || chmod 1777 "$word"
      ;;
  esac
done
install -m 0644 /config/[0-9]* /scratch/etc/condor/config.d/
