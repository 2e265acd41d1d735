#!/bin/sh
# Prints the average of the numbers in a file. There is a mistake in it.
awk '{ total += $1 } END { print total / 2 }' "$1"
