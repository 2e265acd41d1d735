# shellcheck shell=sh
# Sourced by run, build and test, which have set $root: makes the Python environment in .venv once,
# and again when pyproject.toml or that Python changes. Leaves its programs' directory in $bin.

: "${root:?is set by the script that sources this}"

say() { echo "$*" >&2; }

find_python() {
  for python in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  say "condor-mini needs Python 3.11 or newer, and there is $(python3 --version 2>&1 || echo none)."
  exit 1
}

# Debian's Python comes without ensurepip, which is what a virtual environment gets its pip from.
need_ensurepip() {
  "$python" -c 'import ensurepip' 2>/dev/null && return
  package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "This Python cannot make virtual environments. Install what it lacks, and try again:"
    say "  sudo apt-get install $package"
    exit 1
  fi
  say "Installing $package ..."
  need_packages "$package"
}

need_packages() {
  log=$(mktemp)
  if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    say "apt-get install $* failed; its whole output: $log"
    exit 1
  fi
  rm "$log"
}

# described: what $venv is made for, and its Python. That of PATH is not asked, which takes a tenth of a second where it
# is a shim of pyenv.
described() { echo "$root $("$bin/python" --version 2>/dev/null) $(cksum <"$root/pyproject.toml")"; }

# is_made [EXTRA]: whether $venv is as described. The extra dev has the packages of sbom and docs.
is_made() {
  wanted=$(described)
  for made in "made-for${1:+-$1}" made-for-dev; do
    [ "$(cat "$venv/$made" 2>/dev/null || true)" = "$wanted" ] && return
  done
  return 1
}

# environment [EXTRA [MODULE [ARGUMENT ...]]]: with the extra's packages too. While the environment is made, a module
# of ours runs that needs only Python's own library.
environment() {
  venv=$root/.venv
  if [ ! -w "$root" ]; then
    venv=${XDG_CACHE_HOME:-$HOME/.cache}/condor-mini/venv-$(echo "$root" | cksum | cut -d' ' -f1)
  fi
  bin=$venv/bin
  is_made "${1:-}" && return

  python=$(find_python) || exit
  need_ensurepip
  say "Making the Python environment in $venv (once) ..."
  mkdir -p "$venv"
  (
    # Two first runs at once share one environment: the second waits, and finds it made.
    ! command -v flock >/dev/null || flock 9
    is_made "${1:-}" && exit
    make_environment "$@"
  ) 9>"$venv/lock" || {
    say "The Python environment could not be made (see above). Is there a network? Try again: rm -r $venv"
    exit 1
  }
}

make_environment() {
  extra=${1:-}
  meanwhile=''
  if [ $# -gt 1 ]; then
    shift
    PYTHONPATH=$root/src "$python" -m "$@" 9>&- &
    meanwhile=$!
  fi
  # A failure does not end the shell here, because environment asks for the status.
  if ! { "$python" -m venv "$venv" &&
    "$bin/python" -m pip install --quiet --disable-pip-version-check --editable "$root${extra:+[$extra]}"; }; then
    [ -z "$meanwhile" ] || kill "$meanwhile"
    return 1
  fi
  [ -z "$meanwhile" ] || wait "$meanwhile" || true
  described >"$venv/made-for"
  [ -z "$extra" ] || cp "$venv/made-for" "$venv/made-for-$extra"
}
