#!/bin/sh
# The operating system is the image's, not that of the execution point.
. /etc/os-release
echo "$PRETTY_NAME, as $(id -un 2>/dev/null || id -u), in $PWD"
