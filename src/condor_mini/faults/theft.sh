#!/bin/sh
# theft.sh: what somebody does with a copy of a node's token. It is handed to `sh -s` as root of another node. HTCondor's
# tools get that token, and nothing else by which they could authenticate themselves.
#   advertise PLACE COMMAND LINE...   sends an ad of these lines to the collector; PLACE is the directory of the copy
#   queue PLACE ADDRESS               asks the schedd at an address for all jobs
#   has PLACE                         whether the copy is there
#   forget PLACE                      removes it; what is removed already is a success
set -eu
action=$1 place=$2
shift 2

export _CONDOR_SEC_CLIENT_AUTHENTICATION=REQUIRED
export _CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS=IDTOKENS
export _CONDOR_SEC_TOKEN_DIRECTORY="$place" _CONDOR_SEC_TOKEN_SYSTEM_DIRECTORY="$place"
# With a key, a tool would sign a token for itself.
export _CONDOR_SEC_PASSWORD_DIRECTORY="$place/no-keys" _CONDOR_SEC_TOKEN_POOL_SIGNING_KEY_FILE="$place/no-keys/none"

case $action in
  advertise)
    command=$1
    shift
    printf '%s\n' "$@" >"$place/.ad"
    condor_advertise -tcp "$command" "$place/.ad"
    ;;
  queue) condor_q -addr "$1" -allusers -total ;;
  has) [ -s "$place/token" ] ;;
  forget) rm -rf "$place" ;;
esac
