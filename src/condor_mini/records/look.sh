# look.sh CONFIG LOG OFFSET QUERY...: prints what an access point has to say, as JSON values one after the other: what
# is said of the log, its events from OFFSET on, and the output of QUERY, with whose status it ends. If there are more
# events than it reads at once, it leaves out QUERY. It is handed to `bash -s`, so it also works in nodes that an older
# condor-mini has made.
# shellcheck shell=bash
set -u
export LC_ALL=C # lengths are bytes
config=$1 log=$2 offset=$3
shift 3
readonly MOST_LINES=40000 # at once, which bounds the memory; some 2,000 events

bytes=0 events=() more=false written=false
[[ -s $config ]] && written=true
if [[ -r $log ]]; then
  size=$(stat -Lc %s -- "$log")
  ((size >= offset)) || offset=0 # it was removed meanwhile, and begun again
  exec {reader}<"$log"
  [[ $offset = 0 ]] || dd bs=1 skip="$offset" count=0 status=none <&"$reader"
  mapfile -n $MOST_LINES -u "$reader" lines
  exec {reader}<&-
  ((${#lines[@]} < MOST_LINES)) || more=true
  begun=() begun_bytes=0
  for line in "${lines[@]}"; do
    begun+=("$line") begun_bytes=$((begun_bytes + ${#line}))
    # An event ends with a brace in a line of its own. The last one may still be being written.
    if [[ $line = '}'$'\n' ]]; then
      events+=("${begun[@]}") bytes=$((bytes + begun_bytes)) begun=() begun_bytes=0
    fi
  done
fi
printf '{"configured": %s, "offset": %s, "more": %s}\n' $written $((offset + bytes)) $more
((${#events[@]} == 0)) || printf '%s' "${events[@]}"
[[ $more = true ]] || "$@"
