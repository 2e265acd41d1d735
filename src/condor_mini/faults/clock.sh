#!/bin/sh
# clock.sh: lets daemons of the node, and jobs, have another clock, by libfaketime. It is handed to `sh -s` as root. The
# daemons have it when they are started next.
#   make SECONDS DAEMON...   sets their clocks forward, or back if it is negative
#   end                      the next start of the daemons is with the machine's clock; prints a word if it was not
#   forget                   removes what `make` has made
set -eu
PLACE=/run/condor-mini/fault-clock
LIBRARY=$PLACE/libfaketime.so.1
CONFIG=/etc/condor/config.d/95-fault-clock

action=$1
shift
case $action in
  make)
    by=$1
    shift
    # Deadlines and the times of files stay as they are: a real clock that is set changes neither.
    clock="LD_PRELOAD=$LIBRARY FAKETIME=$by FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"
    real=$(date +%s)
    # shellcheck disable=SC2086 # words
    faked=$(env $clock date +%s)
    ahead=$((faked - real - by))
    if [ "$ahead" -lt -2 ] || [ "$ahead" -gt 2 ]; then
      echo "libfaketime does not work with the programs of this node" >&2
      exit 1
    fi
    jobs=$(condor_config_val STARTER_JOB_ENVIRONMENT 2>/dev/null | tr -d '"') || jobs=''
    {
      echo "# A fault of condor-mini: condor-mini heal removes it."
      for daemon; do echo "${daemon}_ENVIRONMENT = \"$clock\""; done
      echo "STARTER_JOB_ENVIRONMENT = \"$jobs $clock\""
    } >$CONFIG
    condor_reconfig -daemon master >/dev/null
    ;;
  end)
    [ -e $CONFIG ] || exit 0
    : >$CONFIG
    condor_reconfig -daemon master >/dev/null
    echo ended
    ;;
  forget) rm -rf $CONFIG $PLACE ;;
esac
