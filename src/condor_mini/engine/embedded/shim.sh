# shellcheck shell=bash
# Keeps a container while it runs: MARK COMMAND...; the working directory is the container's own. Its
# lines go to the log, each behind the time of its writing, and its status into `exit`. What has MARK
# in its environment, if that is not empty, is killed when the command has ended.
mark=$1
shift
read -r -a fields </proc/self/stat
echo "${fields[0]} ${fields[21]}" >keeper
{
  "$@" 2>&3 3>&-
  echo $? >.exit
} 3>&1 2>/dev/null </dev/null | while IFS= LC_ALL=C read -r line || [ -n "$line" ]; do
  printf '%s %s\n' "$EPOCHREALTIME" "$line"
done >>log
IFS=$'\n'
for _ in {1..10}; do
  found=()
  for place in ${mark:+/proc/[0-9]*}; do
    mapfile -d '' -t variables <"$place/environ" || continue
    [[ $'\n'"${variables[*]}"$'\n' == *$'\n'"$mark"$'\n'* ]] && found+=("${place#/proc/}")
  done
  ((${#found[@]})) || break
  kill -KILL "${found[@]}"
done 2>/dev/null
mv .exit exit
