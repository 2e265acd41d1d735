#!/bin/sh
# Prints the numbers of a file, the largest first. There is a mistake in it.
srot -rn "$1"
