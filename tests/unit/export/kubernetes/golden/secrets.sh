#!/bin/sh
# Makes the Secrets of the pool ci that are not there yet: the key that signs tokens, and a token for each role.
# They are in no file and on no command line. The central manager signs the tokens: apply the manifests first.
#   sh secrets.sh [OPTIONS OF KUBECTL]        such as: sh secrets.sh --namespace ci
# To have others made, delete these, and all pods, which have the old ones:
#   kubectl delete secret ci-key ci-submit-token ci-execute-token
#   kubectl delete pod --selector app.kubernetes.io/instance=ci
set -eu
key=ci-key master=ci-master

found=$(kubectl "$@" get secret ci-key ci-submit-token ci-execute-token --ignore-not-found --output name)
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
ci-submit-token condor_token_create -identity condor@$(condor_config_val UID_DOMAIN) -authz ADVERTISE_SCHEDD -authz ADVERTISE_MASTER
ci-execute-token condor_token_create -identity condor@$(condor_config_val UID_DOMAIN) -authz ADVERTISE_STARTD -authz ADVERTISE_MASTER
END
[ -n "$waited" ] || echo "the secrets of ci are there"
