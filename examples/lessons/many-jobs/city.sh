#!/bin/sh
# Prints a sentence about a city.
echo "$1 is in $2."
