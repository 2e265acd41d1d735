#!/bin/sh
# Counts to 12, a number a second. After every third number it saves the number in the file `count` and exits with 85:
# HTCondor then keeps the file and starts the script again, here or, after an eviction, elsewhere. It goes on with what
# the file says.
set -eu
number=$(cat count 2>/dev/null || echo 0)
echo "begins with $number"
while [ "$number" -lt 12 ]; do
  sleep 1
  number=$((number + 1))
  if [ $((number % 3)) = 0 ] && [ "$number" -lt 12 ]; then
    echo "$number" >count
    exit 85
  fi
done
echo "done with $number"
