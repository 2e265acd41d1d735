#!/bin/sh
# Installs condor-mini while a dev container's image is built, as root. The feature's options are
# variables: SOURCE, POOLFILE, EXECUTIONPOINTS, HTCONDOR.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
share=${CONDOR_MINI_PREFIX:-/usr/local}/share/condor-mini
bin=${CONDOR_MINI_PREFIX:-/usr/local}/bin
state=${CONDOR_MINI_STATE:-/var/lib/condor-mini}

if [ -z "${SOURCE:-}" ]; then
  set -- "$here"/condor_mini-*.whl
  SOURCE=$1
  if [ ! -f "$SOURCE" ]; then
    echo "condor-mini: there is no wheel in $here. Make one: pip wheel --no-deps -w $here CLONE" >&2
    echo "Or name what pip installs in the feature's option source." >&2
    exit 1
  fi
fi

python3 -m venv "$share/environment"
"$share/environment/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check "$SOURCE"
mkdir -p "$bin"
ln -sf "$share/environment/bin/condor-mini" "$bin/condor-mini"

# The user of the dev container may get another UID after this, so everybody may write here.
mkdir -p "$state"
chmod 1777 "$state"

# One argument of `condor-mini create` a line.
{
  printf '%s\n' --if-not-exists
  [ -z "${POOLFILE:-}" ] || printf '%s\n' --config "$POOLFILE"
  [ -z "${EXECUTIONPOINTS:-}" ] || printf '%s\n' --execute "$EXECUTIONPOINTS"
  [ -z "${HTCONDOR:-}" ] || printf '%s\n' --htcondor "$HTCONDOR"
} >"$share/create"
printf '%s\n' "$state" >"$share/state"
install -m 755 "$here/start" "$share/start"
