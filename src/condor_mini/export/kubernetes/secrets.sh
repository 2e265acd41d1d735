#!/bin/sh
# Makes the Secrets of the pool @POOL@ that are not there yet: the key that signs tokens, and a token for each role.
# They are in no file and on no command line. The central manager signs the tokens: apply the manifests first.
#   sh secrets.sh [OPTIONS OF KUBECTL]        such as: sh secrets.sh --namespace @POOL@
# To have others made, delete these, and all pods, which have the old ones:
#   kubectl delete secret @SECRETS@
#   kubectl delete pod --selector app.kubernetes.io/instance=@POOL@
set -eu
key=@KEY@ master=@MASTER@

found=$(kubectl "$@" get secret @SECRETS@ --ignore-not-found --output name)
# shellcheck disable=SC2086  # words
found=" $(printf '%s ' $found)"
is_there() { case $found in *" secret/$1 "*) ;; *) return 1 ;; esac }

if ! is_there $key; then
  if [ "$found" != '  ' ]; then
    echo "the key $key is not there, and tokens of another key are. Delete them: kubectl delete$found" >&2
    exit 1
  fi
  head -c 64 /dev/urandom | kubectl "$@" create secret generic $key --from-file=pool_password=/dev/stdin
fi

waited=''
while read -r secret command; do
  if is_there "$secret"; then continue; fi
  [ -n "$waited" ] || kubectl "$@" rollout status statefulset/$master --timeout=5m >&2 </dev/null
  waited=1
  token=$(kubectl "$@" exec $master-0 --container condor -- sh -euc "$command" </dev/null)
  printf '%s\n' "$token" | kubectl "$@" create secret generic "$secret" --from-file=token=/dev/stdin
done <<'END'
@TOKENS@
END
[ -n "$waited" ] || echo "the secrets of @POOL@ are there"
