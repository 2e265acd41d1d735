#!/bin/sh
# The software that the job needs: adds the numbers of a file.
awk '{ total += $1 } END { print "total:", total }' "$1"
