#!/bin/sh
# Prints a number and its square.
echo "$1 $(($1 * $1))"
