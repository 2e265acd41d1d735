#!/bin/sh
# log_state.sh CONFIG NAME: prints the path of the log NAME in HTCondor's log directory, the length of that log, and what
# the file CONFIG says, if there is one. It is handed to `sh -s`.
set -eu
log=$(condor_config_val LOG)/$2
echo "$log"
if [ -e "$log" ]; then stat -Lc %s -- "$log"; else echo 0; fi
[ ! -e "$1" ] || cat -- "$1"
