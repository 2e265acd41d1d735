#!/bin/sh
# Writes a file. There is a mistake: it has another name than the one that the submit file promises.
echo "all is well" >summery.txt
