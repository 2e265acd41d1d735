#!/bin/sh
# kubectl, as far as secrets.sh uses it, about pods that are containers of the same name. The Secrets are files
# $SECRETS/NAME/KEY. What it does not know it refuses.
set -eu
refuse() { echo "kubectl on docker: $*" >&2; exit 64; }
[ "$1 $2" = "--namespace $NAMESPACE" ] || refuse "unknown are $*"
shift 2
case "$1 $2" in
  'get secret')
    shift 2
    for name; do
      case $name in
        --ignore-not-found | --output | name) ;;
        *) [ ! -d "$SECRETS/$name" ] || echo "secret/$name" ;;
      esac
    done
    ;;
  'create secret')
    [ "$3" = generic ] || refuse "unknown are $*"
    key=${5#--from-file=}
    [ "${key#*=}" = /dev/stdin ] || refuse "unknown are $*"
    mkdir "$SECRETS/.$4"
    cat >"$SECRETS/.$4/${key%%=*}"
    mv "$SECRETS/.$4" "$SECRETS/$4"
    echo "secret/$4 created"
    ;;
  'rollout status')
    deadline=$(($(date +%s) + 40))
    until docker exec "${3#statefulset/}-0" /usr/local/libexec/condor-mini/request/health 2>/dev/null; do
      [ "$(date +%s)" -lt "$deadline" ] ||
        refuse "${3#statefulset/}-0 is not ready in 40 s: $(docker logs --tail 20 "${3#statefulset/}-0" 2>&1)"
      sleep 0.2
    done
    ;;
  'exec '*)
    pod=$2
    [ "$3 $4 $5" = '--container condor --' ] || refuse "unknown are $*"
    shift 5
    exec docker exec "$pod" "$@"
    ;;
  *) refuse "unknown are $*" ;;
esac
