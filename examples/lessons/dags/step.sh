#!/bin/sh
# A step of the workflow: waits a second, and fails if settings.txt says that it is to fail.
sleep 1
if grep -q "$1 fails" settings.txt; then
  echo "$1: settings.txt says that I fail" >&2
  exit 1
fi
echo "$1 is done"
