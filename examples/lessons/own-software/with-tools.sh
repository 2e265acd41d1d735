#!/bin/sh
# Unpacks the software that came with the job, and uses it.
set -eu
tar -xzf tools.tar.gz
tools/total.sh numbers.txt
