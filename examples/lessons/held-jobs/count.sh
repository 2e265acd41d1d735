#!/bin/sh
# Counts the words of a file.
wc -w <"$1"
