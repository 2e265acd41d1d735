# shellcheck shell=bash
# Keeps a container while it runs: COMMAND...; the working directory is the container's own. Its
# lines go to the log, each behind the time of its writing, and its status into `exit`.
read -r -a fields </proc/self/stat
echo "${fields[0]} ${fields[21]}" >keeper
{
  "$@" 2>&3 3>&-
  echo $? >.exit
} 3>&1 2>/dev/null </dev/null | while IFS= LC_ALL=C read -r line || [ -n "$line" ]; do
  printf '%s %s\n' "$EPOCHREALTIME" "$line"
done >>log
mv .exit exit
